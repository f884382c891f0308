"""The split into train, validation and test, and the rows of one of them.

By time a model trains on the past, is validated on what came next and tested on the newest. A
random split would let it see the storm of a day in training and be asked about the same storm in
the test: that raises an AUC of .68 to .78, and means nothing. Where rows have no order in time
they may still belong together: a group never falls on both sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from kit import params
from kit.base.stage import Fault
from kit.base.tables import FEATURES, partitions, read

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
NAMES = ("train", "validation", "test")

KIND = pd.CategoricalDtype(list(NAMES))


def needed(how: params.Split, data: params.Data) -> list[str]:
    """The columns that the split is made of."""
    columns = [how.column] if how.column else data.key
    return [*columns, data.target] if how.by == "stratified" else columns


def assign(rows: pd.DataFrame, how: params.Split, data: params.Data) -> pd.Series:
    """The split of each row, of KIND; ``rows`` has the columns of ``needed``, and all rows.

    Rows that came after ``through`` are in none. Raises Fault if one of the splits would have no
    row.
    """
    match how.by:
        case "time":
            found = _newest_last(rows[str(how.column)], how)
        case "column":
            said = rows[str(how.column)].astype(str)
            if strange := sorted(set(said) - set(NAMES)):
                raise Fault(
                    f"params.yaml: split.column is {how.column!r}, and that column says "
                    f"{strange[0]!r}; there are {', '.join(NAMES)}"
                )
            found = said.astype(KIND)
        case "group":
            found = _shuffled(rows[[str(how.column)]], how)
        case "random":
            found = _shuffled(rows[data.key], how)
        case "stratified":
            classes = rows.groupby(data.target, sort=True, dropna=False)
            parts = [_shuffled(part[data.key], how) for _, part in classes]
            found = pd.concat(parts).reindex(rows.index)
    for name, number in found.value_counts(sort=False).items():
        if not number:
            raise Fault(f"params.yaml: split by {how.by}: no row is left for {name}")
    return found


def _newest_last(moments: pd.Series, how: params.Split) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(moments):
        raise Fault(
            f"params.yaml: split.column is {how.column!r}, which is of {moments.dtype}, "
            "not of moments"
        )
    if moments.isna().any():
        raise Fault(f"{how.column}, by which rows are split, is missing in some rows")
    units = moments.dt.tz_localize(None).dt.to_period(PERIODS[str(how.period)])
    late = units > _period(how) if how.through else pd.Series(data=False, index=units.index)
    every = sorted(units[~late].unique())
    held_out = how.validation + how.test
    if len(every) <= held_out:
        raise Fault(
            f"params.yaml: split holds out {held_out} {how.period}s, and there are {len(every)}: "
            "none is left to train on; lower split.validation and split.test, or bring more data"
        )
    first, last = every[-int(held_out)], every[-int(how.test)]
    codes = (units >= first).astype("int8") + (units >= last).astype("int8")
    return _named(codes.mask(late, -1))


def _period(how: params.Split) -> pd.Period:
    """The newest period that counts. Raises Fault if it is none."""
    try:
        return pd.Period(str(how.through), PERIODS[str(how.period)])
    except ValueError:
        raise Fault(
            f"params.yaml: split.through is {how.through!r}, which is no {how.period}"
        ) from None


def _shuffled(units: pd.DataFrame, how: params.Split) -> pd.Series:
    """By a hash of each unit, so that the order of rows does not matter and equal ones stay."""
    hashed = pd.util.hash_pandas_object(units, index=False).to_numpy()
    with np.errstate(over="ignore"):  # a step of splitmix64, so that the seed counts
        mixed = hashed + np.uint64(how.seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    place = pd.Series(mixed ^ (mixed >> np.uint64(27))).rank(method="dense").to_numpy() - 1
    count = int(place.max()) + 1
    test, held = round(count * how.test), round(count * (how.test + how.validation))
    codes = (place < held).astype("int8") + (place < test).astype("int8")
    return _named(pd.Series(codes, index=units.index))


def _named(codes: pd.Series) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(codes.to_numpy(), dtype=KIND), index=codes.index)


@dataclass(frozen=True)
class Rows:
    """Rows of data/features: for each partition which of its rows they are, as a mask.

    Each frame has the columns of the features and ``partition``, the name.
    """

    masks: dict[str, npt.NDArray[np.bool_]]  # each has a row
    folder: Path = FEATURES

    def __len__(self) -> int:
        return sum(int(mask.sum()) for mask in self.masks.values())

    def parts(self, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows of each partition, with some columns or all of them."""
        for name, mask in self.masks.items():
            frame = read(self.folder / f"{name}.parquet", columns)
            if not mask.all():
                frame = frame[mask].reset_index(drop=True)
            yield frame.assign(partition=name)

    def frame(self) -> pd.DataFrame:
        """All rows at once."""
        return pd.concat(self.parts(), ignore_index=True)

    def every(self, step: int) -> Self:
        """Each so manieth row of each partition."""
        return replace(self, masks={n: _spaced(m, step) for n, m in self.masks.items()})

    def sample(self, rows: int, partitions: int | None = None) -> Self:
        """At most so many rows of each partition, of at most so many partitions, evenly spaced."""
        names = list(self.masks)
        names = names[:: -(-len(names) // (partitions or len(names)))]
        some = {name: self.masks[name] for name in names}
        return replace(self, masks={n: _spaced(m, -(-m.sum() // rows)) for n, m in some.items()})


def _spaced(mask: npt.NDArray[np.bool_], step: int) -> npt.NDArray[np.bool_]:
    """Each so manieth row of those in a mask."""
    found = np.zeros_like(mask)
    found[np.flatnonzero(mask)[::step]] = True
    return found


def read_splits(how: params.Split, data: params.Data, folder: Path = FEATURES) -> dict[str, Rows]:
    """The rows of features in each of NAMES. Raises Fault if one of them would have none."""
    places, units = [], []
    names = partitions(folder)
    for name in names:
        rows = read(folder / f"{name}.parquet", needed(how, data))
        if how.column:  # which alone decides: rows that share its value need no second look
            place, values = pd.factorize(rows[how.column], use_na_sentinel=False)
            rows = pd.DataFrame({how.column: values})
        else:
            place = np.arange(len(rows))
        places.append(place.astype(np.int32))
        units.append(rows)
    codes = assign(pd.concat(units, ignore_index=True), how, data).cat.codes.to_numpy(np.int8)
    sides = np.split(codes, np.cumsum([len(rows) for rows in units])[:-1])
    of_rows = {n: side[at] for n, side, at in zip(names, sides, places, strict=True)}
    return {
        split: Rows({n: side == code for n, side in of_rows.items() if code in side}, folder)
        for code, split in enumerate(NAMES)
    }
