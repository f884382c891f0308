"""Files of rows, and what revisions say of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from strata.compare.paired import CLASSES, Columns, columns_of
from strata.compare.prediction import ROW, scorer
from strata.core import frames
from strata.core.errors import Fault
from strata.dvc.revision import Revision

FILE, AT = "strata:file", "strata:row"  # what names a row


def files_of(data: Sequence[Path]) -> list[Path]:
    """The files of rows, those in folders one by one. Raises Fault if there are none."""
    found = []
    for path in data:
        inside = (each for kind in ("*.parquet", "*.csv") for each in path.glob(kind))
        here = sorted(inside) if path.is_dir() else [path] if path.is_file() else []
        if not here:
            raise Fault(f"{path}: no such file, nor a folder with Parquet or CSV files")
        found += here
    return found


def scored(side: Revision, paths: list[Path]) -> pd.DataFrame:
    """What a revision says of the rows of files: FILE, AT and its predictions. Raises Fault."""
    with (
        tempfile.TemporaryDirectory(prefix="strata-") as folder,
        scorer(side.store, side) as score,
    ):
        found = []
        for at, path in enumerate(paths):
            out = Path(folder) / f"{at}.parquet"
            score(path, out, True)
            found.append(said_in(out).assign(**{FILE: at}))
    return pd.concat(found, ignore_index=True)


def said_in(out: Path) -> pd.DataFrame:
    """AT, and the predictions, that a revision's own program wrote. Raises Fault."""
    found = read(out, None)
    if ROW not in found:
        raise Fault(f"the program that scores rows wrote no column {ROW}, which numbers them")
    return found.rename(columns={ROW: AT})


def roles(root: Path, path: Path, scores: pd.DataFrame) -> Columns:
    """What each column of a file of rows, or of their predictions, is. Raises Fault."""
    others = (name for name in names_of(path) if not name.startswith(CLASSES))  # a feature then
    both = dict.fromkeys([*scores.columns.drop([FILE, AT]), *others])
    return replace(columns_of(root, pd.DataFrame(columns=list(both))), key=[FILE, AT], split=None)


def truth(path: Path, columns: Columns) -> pd.DataFrame:
    """AT, key, label, block and weight of each row of a file that has a label. Raises Fault.

    Keys of a CSV file are texts, as they stand there.
    """
    names = names_of(path)
    if columns.label not in names:
        raise Fault(f"{path}: no column {columns.label}, which is the label")
    keys = [name for name in columns.key if name in names]
    others = dict.fromkeys([columns.label, *filter(None, (columns.block, columns.weight))])
    frame = read(path, [name for name in others if name in names])
    if keys:
        frame = frame.drop(columns=keys, errors="ignore").join(read(path, keys, texts=True))
    frame[AT] = range(1, len(frame) + 1)
    frame = frame.dropna(subset=[columns.label])
    label = frame[columns.label]
    if pd.api.types.is_float_dtype(label) and (label % 1 == 0).all():
        frame[columns.label] = label.astype("int64")  # it is no float but for those missing
    return frame


def joined(said: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Predictions with what is known of the same rows, which counts where both have a column."""
    return said.drop(columns=known.columns.difference([AT]), errors="ignore").merge(known)


def rows_of(path: Path) -> int:
    """The number of rows of a file. Raises Fault if it cannot be read."""
    if path.suffix == ".csv":
        return len(read(path, names_of(path)[:1]))
    return frames.count(path, str(path))


def names_of(path: Path) -> list[str]:
    """The columns of a file. Raises Fault if it cannot be read."""
    if path.suffix == ".csv":
        return [str(name) for name in read(path, None, rows=0).columns]
    return frames.names(path, str(path))


def read(
    path: Path, columns: list[str] | None, *, rows: int | None = None, texts: bool = False
) -> pd.DataFrame:
    """Some columns of a file; of a CSV file so many rows, and its values as texts. Raises Fault."""
    if path.suffix != ".csv":
        return frames.read(path, str(path), columns)
    with path.open(encoding="utf-8-sig") as file:
        head = file.readline()
    between = max(",;\t", key=head.count)
    options: dict[str, Any] = {"sep": between, "usecols": columns}
    options |= {"dtype": "str", "keep_default_na": False} if texts else {"nrows": rows}
    return frames.csv(path, str(path), **options)
