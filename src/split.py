"""The split into train, validation and test, and the reading of one of them.

By time a model trains on the past, is validated on what came next and tested on the newest. A
random split would let it see the storm of a day in training and be asked about the same storm in
the test: that raises an AUC of .68 to .78, and means nothing. Where rows have no order in time
they may still belong together: a group never falls on both sides.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import params
from partitions import partitions, read
from stage import Fault

FEATURES = Path("data/features")
PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
NAMES = ("train", "validation", "test")


def needed(how: params.Split, data: params.Data) -> list[str]:
    """The columns that the split is made of."""
    columns = [how.column] if how.column else data.key
    return [*columns, data.target] if how.by == "stratified" else columns


def assign(rows: pd.DataFrame, how: params.Split, data: params.Data) -> pd.Series:
    """The split of each row, one of NAMES; ``rows`` has the columns of ``needed``, and all rows.

    Raises Fault if one of the splits would have no row.
    """
    match how.by:
        case "time":
            found = _newest_last(rows[str(how.column)], how)
        case "column":
            found = rows[str(how.column)].astype(str)
            if strange := sorted(set(found) - set(NAMES)):
                raise Fault(
                    f"params.yaml: split.column is {how.column!r}, and that column says "
                    f"{strange[0]!r}; there are {', '.join(NAMES)}"
                )
        case "group":
            found = _shuffled(rows[[str(how.column)]], how)
        case "random":
            found = _shuffled(rows[data.key], how)
        case "stratified":
            classes = rows.groupby(data.target, sort=True, dropna=False)
            parts = [_shuffled(part[data.key], how) for _, part in classes]
            found = pd.concat(parts).reindex(rows.index)
    counts = found.value_counts()
    for name in NAMES:
        if name not in counts:
            raise Fault(f"params.yaml: split by {how.by}: no row is left for {name}")
    return found


def _newest_last(moments: pd.Series, how: params.Split) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(moments):
        raise Fault(
            f"params.yaml: split.column is {how.column!r}, which is of {moments.dtype}, "
            "not of moments"
        )
    if absent := int(moments.isna().sum()):
        raise Fault(f"{how.column}, by which rows are split, is missing in {absent:,} rows")
    units = moments.dt.tz_localize(None).dt.to_period(PERIODS[str(how.period)])
    every = sorted(units.unique())
    held_out = how.validation + how.test
    if len(every) <= held_out:
        raise Fault(
            f"params.yaml: split holds out {held_out} {how.period}s, and there are {len(every)}: "
            "none is left to train on; lower split.validation and split.test, or bring more data"
        )
    first, last = every[-int(held_out)], every[-int(how.test)]
    names = np.select([units < first, units < last], ["train", "validation"], "test")
    return pd.Series(names, index=moments.index)


def _shuffled(units: pd.DataFrame, how: params.Split) -> pd.Series:
    """By a hash of each unit, so that the order of rows does not matter and equal ones stay."""
    hashed = pd.util.hash_pandas_object(units, index=False).to_numpy()
    with np.errstate(over="ignore"):  # a step of splitmix64, so that the seed counts
        mixed = hashed + np.uint64(how.seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    place = pd.Series(mixed ^ (mixed >> np.uint64(27))).rank(method="dense").to_numpy() - 1
    count = int(place.max()) + 1
    test, held = round(count * how.test), round(count * (how.test + how.validation))
    names = np.select([place < test, place < held], ["test", "validation"], "train")
    return pd.Series(names, index=units.index)


def load(*splits: str) -> dict[str, pd.DataFrame]:
    """Read the features of these splits, one after the other, with a column ``partition``."""
    how, data = params.load(params.Split), params.load(params.Data)
    names = partitions(FEATURES)
    columns = needed(how, data)
    slim = [read(FEATURES / f"{name}.parquet", columns).assign(partition=name) for name in names]
    rows = pd.concat(slim, ignore_index=True)
    rows["split"] = assign(rows, how, data)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in splits}
    for name, part in rows.groupby("partition", sort=False):
        wanted = [split for split in splits if (part["split"] == split).any()]
        frame = read(FEATURES / f"{name}.parquet") if wanted else pd.DataFrame()
        for split in wanted:
            chosen = frame[(part["split"] == split).to_numpy()]
            found[split].append(chosen.assign(partition=name))
    return {split: pd.concat(frames, ignore_index=True) for split, frames in found.items()}
