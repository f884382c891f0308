"""Which rows a model may have learned from: those of its data that it has not held out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from strata.compare import data
from strata.compare.paired import Columns
from strata.core import frames
from strata.core.errors import Fault
from strata.dvc.revision import Revision


@dataclass(frozen=True)
class Learned:
    """The rows, as hashes of the columns that name them, which have these dtypes in the data.

    ``partitions`` are those that were not held out at all.
    """

    dtypes: dict[str, Any]
    hashes: npt.NDArray[np.uint64]
    partitions: list[Path]

    def has(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows of a frame are among them. Raises Fault if that can't be told."""
        return np.isin(hashed(frame, self.dtypes), self.hashes)


def learned(revision: Revision, folder: str, through: str, columns: Columns) -> Learned:
    """What a model may have learned from. Raises Fault if its data or predictions can't be had."""
    known = data.known(revision, folder, through).values()
    paths = {f"{path} of {revision.name}": revision.local(path) for path in known}
    newest = list(paths)[-1]
    dtypes = dict(plain(frames.read(paths[newest], newest, columns.key)).dtypes)
    mine = hashed(data.held_out(revision, columns), dtypes)
    rows, whole = [], []
    for place, path in paths.items():
        every = hashed(frames.read(path, place, columns.key), dtypes)
        held_out = np.isin(every, mine)
        rows.append(every[~held_out])
        whole += [path] * (not held_out.any())
    return Learned(dtypes, np.concatenate(rows), whole)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as what they are of, and dates as moments: the same key, the same value."""
    found = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            found[name] = column.astype(column.cat.categories.dtype)
        elif pd.api.types.infer_dtype(column, skipna=True) == "date":
            found[name] = pd.to_datetime(column)
        else:
            found[name] = column
    return pd.DataFrame(found, index=frame.index)


def hashed(frame: pd.DataFrame, dtypes: dict[str, Any]) -> npt.NDArray[np.uint64]:
    """A hash of each row by these columns, as of these dtypes. Raises Fault."""
    if absent := [name for name in dtypes if name not in frame]:
        raise Fault(f"rows have no column {absent[0]}, which names a row")
    try:
        named = plain(frame[list(dtypes)]).astype(dtypes)
    except (ValueError, TypeError) as error:
        raise Fault(f"what names a row is of another type than in the data: {error}") from None
    return np.asarray(pd.util.hash_pandas_object(named, index=False), dtype=np.uint64)
