"""Score rows that came later: a file of rows in, a file of predictions out. No stage runs this.

    python src/predict.py ROWS OUT [--skip-bad]

In:  ROWS, CSV or Parquet, with the columns of schema.ROWS; others are ignored.
Out: OUT, Parquet, in the order of ROWS:
     row                      the number of the row in ROWS, from 1
     the columns of data.key, those that ROWS must have
     the prediction, as in metrics/predictions.parquet

Rows are read, checked and scored CHUNK at a time, so that a file may be larger than memory. A row
that does not fit is named by its line in a CSV file, else by its number. Then nothing is written,
or with --skip-bad all other rows are.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from tqdm import tqdm

import featurize
import params
import schema
from labels import classes_of, predict, table
from models import feature_names, load
from rows import Chunk, check, chunks
from stage import Fault, run

NAMED = 10  # bad rows that are named one by one
ROW = "row"


def score(model: Any, chunk: Chunk, data: params.Data) -> pd.DataFrame:
    """The predictions of rows that were checked, with what names each row."""
    found = featurize.of_rows(chunk.frame)
    said = predict(model, found[feature_names(found, data)])
    keys = [name for name in data.key if name in schema.ROWS.columns and name != ROW]
    named = chunk.frame[keys]
    named.insert(0, ROW, chunk.number)
    return pd.concat([named, table(said, classes_of(model, data), data.task)], axis=1)


def score_all(source: Path, part: Path, *, skip_bad: bool) -> tuple[int, int]:
    """Write the predictions of a file of rows; returns how many rows were scored, and left out.

    Raises Fault if a row does not fit, unless bad ones are left out, or if none is left.
    """
    model, data = load(), params.load(params.Data)
    writer, bad, good, left_out = None, list[str](), 0, 0
    columns = list(schema.ROWS.columns)
    try:
        for chunk in tqdm(chunks(source, columns), unit="chunk", leave=False, disable=None):
            checked, said = check(chunk, schema.ROWS)
            left_out += len(chunk.frame) - len(checked.frame)
            bad += said[: NAMED - len(bad)]
            good += len(checked.frame)
            if checked.frame.empty or (left_out and not skip_bad):
                continue
            found = score(model, checked, data)
            if writer is None:
                first = pa.Table.from_pandas(found, preserve_index=False)
                writer = parquet.ParquetWriter(part, first.schema, compression="zstd")
            writer.write_table(pa.Table.from_pandas(found, writer.schema, preserve_index=False))
    finally:
        if writer:
            writer.close()
    for line in bad:
        print(f"predict: {source.name}: {line}", file=sys.stderr)
    if left_out > len(bad):
        print(f"predict: and {left_out - len(bad):,} rows more do not fit", file=sys.stderr)
    if left_out and not skip_bad:
        raise Fault(
            f"{left_out:,} rows of {good + left_out:,} do not fit: --skip-bad leaves them out"
        )
    if not good:
        raise Fault(f"{source.name}: no row to score")
    return good, left_out


def main() -> str:
    parser = argparse.ArgumentParser(prog="predict", description="Score a file of rows.")
    parser.add_argument("rows", type=Path, help="CSV or Parquet")
    parser.add_argument("out", type=Path, help="the Parquet file to write")
    parser.add_argument("--skip-bad", action="store_true", help="leave out rows that do not fit")
    args = parser.parse_args()
    part = args.out.with_name(args.out.name + ".part")
    try:
        good, left_out = score_all(args.rows, part, skip_bad=args.skip_bad)
        part.replace(args.out)
    finally:
        part.unlink(missing_ok=True)
    return f"{good:,} rows scored, {left_out:,} left out"


if __name__ == "__main__":
    run("predict", main)
