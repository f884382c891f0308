"""A revision's predictions, the rows that it held out, and those that it may have learned from.

Its data is a folder with a file a partition, named by its time.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from strata.compare import rows
from strata.compare.paired import Columns, columns_of, is_training
from strata.core import frames
from strata.core.errors import Fault
from strata.core.settings import check_names, section
from strata.dvc.revision import Revision

PLACE = "[tool.strata.monitor]"


def settings_of(root: Path) -> tuple[str, str]:
    """The folder of rows, and the param that says through which partition is trained.

    Raises Fault if no folder is named.
    """
    settings = section(root, "monitor")
    check_names(settings, ("data", "through"), PLACE)
    folder = settings.get("data")
    if not isinstance(folder, str):
        raise Fault(
            f"set data in {PLACE}: the folder of rows with labels, a Parquet file a partition"
        )
    return folder, str(settings.get("through", ""))


def partitions(revision: Revision) -> dict[str, str]:
    """The path of each partition by its name, in their order. Raises Fault if there are none."""
    folder, _ = settings_of(revision.root)
    paths = {PurePosixPath(path).stem: path for path in sorted(revision.files(folder))}
    if not paths:
        raise Fault(f"{revision.name} has no file in {folder}")
    return paths


def partitions_known(revision: Revision) -> dict[str, str]:
    """The partitions that a model knew: those of its commit, through the one that the param named
    ``through`` names, if it names one. Raises Fault if there are none.

    A partition is taken to have rows of its own time only.
    """
    _, through = settings_of(revision.root)
    last, there = str(revision.params.get(through)), partitions(revision)
    return {name: path for name, path in there.items() if last not in there or name <= last}


def predictions_path(revision: Revision) -> str:
    """The path of the predictions, by the settings, else of the output with that name.

    Raises Fault that says what to do if there is none.
    """
    named = [path for path in revision.made if PurePosixPath(path).stem == "predictions"]
    usual = [path for path in named if path.endswith((".parquet", ".csv"))]
    if path := section(revision.root, "report").get("predictions") or next(iter(usual), None):
        return str(path)
    raise Fault(
        f"no predictions of {revision.name} are known: have a stage write predictions.parquet, "
        "with the key, label, prediction and split of each row; or set predictions in "
        "[tool.strata.report]"
    )


def predictions(revision: Revision, columns: Columns | None = None) -> tuple[pd.DataFrame, Columns]:
    """The predictions of a revision, and what their columns are: see `read_predictions`."""
    path = predictions_path(revision)
    place = f"{path} of {revision.name}"
    return read_predictions(revision.content(path), place, revision.root, columns)


def read_predictions(
    source: frames.Source, place: str, root: Path, columns: Columns | None = None
) -> tuple[pd.DataFrame, Columns]:
    """The columns in use of a file of predictions, and what they are.

    The settings and usual names tell them, unless given. Raises Fault, naming the place.
    """
    names = rows.names_of(source, place)
    columns = columns or columns_of(root, pd.DataFrame(columns=names))
    used = [name for name in columns.used if name in names]
    return rows.read(source, used, place), columns


def held_out(revision: Revision, columns: Columns) -> pd.DataFrame:
    """A revision's predictions of rows that it did not learn from. Raises Fault."""
    return without_training(predictions(revision, columns)[0], columns)


def without_training(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The rows of predictions that are not of training, by their split, if they have one."""
    if columns.split and columns.split in frame:
        return frame[~is_training(frame[columns.split])]
    return frame


@dataclass(frozen=True)
class Learned:
    """The rows that a model may have learned from, as hashes of their keys.

    ``dtypes`` are the types of the key's columns in its data. ``partitions`` are the files of which
    it held nothing out, ``last`` names the newest of which it did not hold out all.
    """

    dtypes: dict[str, Any]
    hashes: npt.NDArray[np.uint64]
    partitions: dict[str, Path]
    last: str = ""

    def has(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows of a frame are among them. Raises Fault if that cannot be told."""
        return np.isin(hashed(frame, self.dtypes), self.hashes)


@dataclass(frozen=True)
class Keys:
    """The hashed keys of each of some partitions, by its name, and the types of their columns."""

    dtypes: dict[str, Any]
    hashes: dict[str, npt.NDArray[np.uint64]]

    def learned_last(self, held_out: pd.DataFrame, names: Iterable[str]) -> str:
        """The newest of some partitions of which a model did not hold out all."""
        mine = hashed(held_out, self.dtypes)
        known = (name for name in sorted(names, reverse=True) if name in self.hashes)
        return next((name for name in known if not np.isin(self.hashes[name], mine).all()), "")


def keys_of(names: Collection[str], keys: Callable[[str], pd.DataFrame]) -> Keys:
    """The keys of partitions, of which ``keys`` reads the columns, one by one. Raises Fault."""
    dtypes = dict(plain(keys(max(names))).dtypes)
    return Keys(dtypes, {name: hashed(keys(name), dtypes) for name in names})


def learned(revision: Revision, columns: Columns) -> Learned:
    """The rows of a model's data that it did not hold out. Raises Fault if it cannot be had."""
    paths = {name: revision.local(path) for name, path in partitions_known(revision).items()}

    def read(name: str) -> pd.DataFrame:
        return frames.read(paths[name], f"{name} of {revision.name}", columns.key)

    keys = keys_of(paths, read)
    mine = hashed(held_out(revision, columns), keys.dtypes)
    known = {name: hashes[~np.isin(hashes, mine)] for name, hashes in keys.hashes.items()}
    whole = {name: paths[name] for name in paths if len(known[name]) == len(keys.hashes[name])}
    last = max((name for name, hashes in known.items() if len(hashes)), default="")
    return Learned(keys.dtypes, np.concatenate([*known.values()]), whole, last)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as what they are of, and dates as moments: the same key, the same value."""
    columns = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            columns[name] = column.astype(column.cat.categories.dtype)
        elif pd.api.types.infer_dtype(column, skipna=True) == "date":
            columns[name] = pd.to_datetime(column)
        else:
            columns[name] = column
    return pd.DataFrame(columns, index=frame.index)


def hashed(frame: pd.DataFrame, dtypes: dict[str, Any]) -> npt.NDArray[np.uint64]:
    """A hash of each row by these columns, as of these types. Raises Fault."""
    if absent := [name for name in dtypes if name not in frame]:
        raise Fault(f"the rows have no column {absent[0]}, which is part of their key")
    try:
        named = plain(frame[list(dtypes)]).astype(dtypes)
    except (ValueError, TypeError) as error:
        raise Fault(f"the key of the rows is of another type than in the data: {error}") from None
    return np.asarray(pd.util.hash_pandas_object(named, index=False), dtype=np.uint64)
