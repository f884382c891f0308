"""Score a file of rows that came later.

Rows are read, checked and scored CHUNK at a time, so that a file may be larger than memory. A row
that does not fit is named by its line in a CSV file, else by its number. Then nothing is written,
or with --skip-bad all other rows are.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pandera.pandas import DataFrameSchema
from pyarrow import parquet
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from kit.base.stage import Fault
from kit.learn.model_file import load_model
from kit.learn.outcomes import classes_of, feature_names, predict, table
from kit.params import Data
from kit.serve.rows import Chunk, check, chunks

NAMED = 10  # bad rows that are named one by one
ROW = "row"

Features = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Scorer:
    """A model, what a row must be, and what makes features of rows that are."""

    model: Pipeline
    rules: DataFrameSchema
    features: Features
    data: Data

    def score(self, chunk: Chunk) -> pd.DataFrame:
        """The predictions of rows that were checked, with what names each row."""
        found = self.features(chunk.frame)
        scores = predict(self.model, found[feature_names(found, self.data)])
        keys = [name for name in self.data.key if name in self.rules.columns and name != ROW]
        named = chunk.frame[keys]
        named.insert(0, ROW, chunk.number)
        columns = table(scores, classes_of(self.model, self.data), self.data.task)
        return pd.concat([named, columns], axis=1)


def score_all(scorer: Scorer, source: Path, part: Path, *, skip_bad: bool) -> tuple[int, int]:
    """Write the predictions of a file of rows; returns how many rows were scored, and left out.

    Raises Fault if a row does not fit, unless bad ones are left out, or if none is left.
    """
    writer, bad, good, left_out = None, list[str](), 0, 0
    columns = list(scorer.rules.columns)
    try:
        for chunk in tqdm(chunks(source, columns), unit="chunk", leave=False, disable=None):
            checked, said = check(chunk, scorer.rules)
            left_out += len(chunk.frame) - len(checked.frame)
            bad += said[: NAMED - len(bad)]
            good += len(checked.frame)
            if checked.frame.empty or (left_out and not skip_bad):
                continue
            found = scorer.score(checked)
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


def main(rules: DataFrameSchema, features: Features, data: Data) -> str:
    """Score the file that the command line names."""
    parser = argparse.ArgumentParser(prog="predict", description="Score a file of rows.")
    parser.add_argument("rows", type=Path, help="CSV or Parquet")
    parser.add_argument("out", type=Path, help="the Parquet file to write")
    parser.add_argument("--skip-bad", action="store_true", help="leave out rows that do not fit")
    args = parser.parse_args()
    part = args.out.with_name(args.out.name + ".part")
    try:
        scorer = Scorer(load_model(), rules, features, data)
        good, left_out = score_all(scorer, args.rows, part, skip_bad=args.skip_bad)
        part.replace(args.out)
    finally:
        part.unlink(missing_ok=True)
    return f"{good:,} rows scored, {left_out:,} left out"
