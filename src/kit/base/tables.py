"""Tables on disk: a folder with one Parquet file a partition, named ``2013-01.parquet``.

A partition is the unit of arrival, storage and memory: a stage reads and writes one by one. It may
be a month, a source file, or all there is.
"""

import contextlib
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from kit.base.stage import Fault

FEATURES = Path("data/features")
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def partitions(folder: Path) -> list[str]:
    """The partitions a table has, in the order of their names.

    Raises Fault if it has none, or if they are months and one is skipped.
    """
    found = sorted(path.stem for path in folder.glob("*.parquet"))
    if not found:
        raise Fault(f"{folder}: no data here; `dvc repro` makes it")
    if not all(map(MONTH.fullmatch, found)):
        return found
    every = pd.period_range(found[0], found[-1], freq="M").astype(str)
    if skipped := sorted(set(every) - set(found)):
        raise Fault(f"{folder}: no file for {', '.join(skipped)}, between months that have one")
    return found


def column_names(path: Path) -> list[str]:
    """The names of a file's columns. Raises Fault as ``read`` does."""
    with _opened(path) as file:
        names: list[str] = file.schema_arrow.names
    return names


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read one Parquet file, its rows numbered from 0 whatever index it was written with.

    Raises Fault if it is missing, truncated or not Parquet, or has not all of
    ``columns``, or one of its columns twice.
    """
    with _opened(path) as file:
        names = file.schema_arrow.names
        if absent := [name for name in columns or [] if name not in names]:
            raise Fault(f"{path}: has no column {', '.join(absent)}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Fault(f"{path}: has more than one column {', '.join(twice)}")
        table = file.read(columns)
        if columns:
            table = table.select(columns)  # in this order
        frame: pd.DataFrame = table.to_pandas()
        return frame.reset_index(drop=True)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        # As one file: pyarrow takes twice as long to find out that it is not a folder of many.
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise Fault(f"{path}: not found; `dvc repro` makes it") from None
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        reason = str(error).splitlines()[0].rstrip(".")
        raise Fault(f"{path}: cannot be read as Parquet: {reason}") from None


def write(path: Path, frame: pd.DataFrame) -> None:
    """Write one Parquet file whole or not at all; equal frames give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    frame.to_parquet(part, compression="zstd", index=False)
    part.replace(path)


def write_all(folder: Path, parts: Iterable[tuple[str, pd.DataFrame]]) -> int:
    """Make ``folder`` hold just these partitions, and return how many rows they have."""
    rows = {}
    for name, frame in parts:
        write(folder / f"{name}.parquet", frame)
        rows[name] = len(frame)
    keep_only(folder, rows)
    return sum(rows.values())


def keep_only(folder: Path, names: Container[str]) -> None:
    """Remove what is in ``folder`` beside these partitions."""
    for path in folder.glob("*"):
        if path.suffix != ".parquet" or path.stem not in names:
            path.unlink()


def progress(names: list[str], label: str) -> Iterator[str]:
    """Go through ``names`` under a progress bar, which only a terminal shows."""
    yield from tqdm(names, desc=label, leave=False, disable=None)
