"""The split by time: train on the past, validate on what came next, test on the newest.

A random split would let a model see the storm of a day in training and be asked about the same
storm in the test: on this data it raises the AUC from about .68 to about .78, and means nothing.
"""

from pathlib import Path

import pandas as pd

import params
from partitions import months, read
from stage import Fault

FEATURES = Path("data/features")


def split_months(names: list[str], sizes: params.Split) -> dict[str, list[str]]:
    """Divide months, named as ``2013-01``, into train, validation and test, oldest first.

    Raises Fault if no month is left to train on.
    """
    ordered = sorted(names)
    held_out = sizes.validation_months + sizes.test_months
    if len(ordered) <= held_out:
        raise Fault(
            f"params.yaml: split holds out {held_out} months, and there are {len(ordered)}: "
            "none is left to train on; lower split.* or raise ingest.through"
        )
    validation, test = len(ordered) - held_out, len(ordered) - sizes.test_months
    return {
        "train": ordered[:validation],
        "validation": ordered[validation:test],
        "test": ordered[test:],
    }


def load(*splits: str) -> dict[str, pd.DataFrame]:
    """Read the features of these splits, months one after the other, with a column ``month``."""
    parts = split_months(months(FEATURES), params.load(params.Split))
    return {
        name: pd.concat(
            [read(FEATURES / f"{month}.parquet").assign(month=month) for month in parts[name]],
            ignore_index=True,
        )
        for name in splits
    }
