"""Files of rows: what is in them, and a revision's predictions of them, by its own program."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from strata.compare.paired import CLASSES, Columns, columns_of
from strata.compare.program import ROW, scorer
from strata.core import frames
from strata.core.errors import Fault
from strata.dvc.revision import Revision

FILE, AT = "strata:file", "strata:row"  # what names a row: its file, and its number in it
HEAD = 1_000_000  # bytes of a CSV file in which its first line must end


def files_of(data: Iterable[Path]) -> list[Path]:
    """The files of rows, those in folders one by one. Raises Fault if there are none."""
    files = list[Path]()
    for path in data:
        inside = (file for kind in ("*.parquet", "*.csv") for file in path.glob(kind))
        here = sorted(inside) if path.is_dir() else [path] if path.is_file() else []
        if not here:
            raise Fault(f"{path}: no such file, nor a folder with Parquet or CSV files")
        files += here
    return files


def names_of(source: frames.Source, place: str = "") -> list[str]:
    """The columns of a Parquet or CSV file. Raises Fault, naming the place, if it has none."""
    if _is_parquet(source):
        return frames.names(source, place or str(source))
    return [str(name) for name in _csv(source, place, nrows=0)]


def read(
    source: frames.Source, columns: Sequence[str] | None = None, place: str = "", **options: Any
) -> pd.DataFrame:
    """Some columns of a Parquet or CSV file, or all; ``options`` are pandas', of CSV. Raises Fault.

    Its first bytes tell which of the two it is: an object in a cache has no suffix.
    """
    if _is_parquet(source):
        return frames.read(source, place or str(source), columns)
    return _csv(source, place, usecols=columns, **options)


def count(path: Path) -> int:
    """The number of rows of a file. Raises Fault if it cannot be read."""
    if _is_parquet(path):
        return frames.count(path, str(path))
    return len(_csv(path, usecols=[0]))


def labelled(path: Path, columns: Columns) -> pd.DataFrame:
    """AT, key, label, block and weight of the rows of a file that have a label; empty without any.

    Keys of a CSV file are texts, as they stand there. Raises Fault if it cannot be read.
    """
    names = names_of(path)
    if columns.label not in names:
        return pd.DataFrame({AT: range(0)})
    keys = [name for name in columns.key if name in names]
    others = dict.fromkeys([columns.label, *filter(None, (columns.block, columns.weight))])
    frame = read(path, [name for name in others if name in names])
    if keys:
        texts = read(path, keys, dtype="str", keep_default_na=False)
        frame = frame.drop(columns=keys, errors="ignore").join(texts)
    frame[AT] = range(1, len(frame) + 1)
    frame = frame.dropna(subset=[columns.label])
    label = frame[columns.label]
    if pd.api.types.is_float_dtype(label) and (label % 1 == 0).all():
        frame[columns.label] = label.astype("int64")  # a float only for the missing ones
    return frame


def predict(revision: Revision, paths: Sequence[Path]) -> list[pd.DataFrame]:
    """A revision's predictions of each file, without the rows that do not fit: AT, and what its
    own program wrote. Raises Fault.

    Starting that program takes longest, so Parquet files of the same columns are given as one.
    """
    predictions = list[pd.DataFrame]()
    with TemporaryDirectory(prefix="strata-") as folder, scorer(revision) as score:
        rows = Path(folder) / "rows.parquet"
        for _, alike in groupby(paths, _form):
            batch, out = list(alike), Path(folder) / f"{len(predictions)}.parquet"
            given = batch[0] if len(batch) == 1 and batch[0].suffix else _joined(batch, rows)
            score(given, out, True)
            scores = read(out).rename(columns={ROW: AT})
            if AT not in scores:
                raise Fault(
                    f"the program of {revision.name} wrote no column {ROW}, the row's number"
                )
            start = 0
            for path in batch:
                last = start + count(path)
                own = scores[scores[AT].between(start + 1, last)]
                predictions.append(own.assign(**{AT: own[AT] - start}))
                start = last
    return predictions


def with_labels(scores: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Predictions of the rows that have a label, with the columns of both; the labels' win."""
    twice = labels.columns.difference([FILE, AT])
    return scores.drop(columns=twice, errors="ignore").merge(labels)


def stacked(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several files as one frame, with FILE."""
    return pd.concat(
        [part.assign(**{FILE: at}) for at, part in enumerate(parts)], ignore_index=True
    )


def roles(root: Path, path: Path, scores: pd.DataFrame) -> Columns:
    """What each column of a file of rows, or of their predictions, is. Raises Fault."""
    others = (name for name in names_of(path) if not name.startswith(CLASSES))  # a feature then
    both = dict.fromkeys([*scores.columns.drop([FILE, AT]), *others])
    return replace(columns_of(root, pd.DataFrame(columns=list(both))), key=[FILE, AT], split=None)


def _form(path: Path) -> Any:
    """What files must have in common to be given to a program as one."""
    if not _is_parquet(path):
        return path
    frames.names(path, str(path))  # raises Fault if it cannot be read
    return pq.read_schema(path).remove_metadata()


def _joined(paths: Sequence[Path], target: Path) -> Path:
    """One Parquet file of the rows of several, a batch at a time."""
    with pq.ParquetWriter(target, _form(paths[0])) as writer:
        for path in paths:
            for batch in frames.batches(path, str(path)):
                writer.write_batch(batch)
    return target


def _is_parquet(source: frames.Source) -> bool:
    if isinstance(source, bytes):
        return source.startswith(b"PAR1")
    with source.open("rb") as file:
        return file.read(4) == b"PAR1"


def _csv(source: frames.Source, place: str = "", **options: Any) -> pd.DataFrame:
    """A CSV file, whichever character parts its columns."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        head = file.readline(HEAD).decode(errors="replace")
    return frames.csv(source, place or str(source), sep=max(",;\t", key=head.count), **options)
