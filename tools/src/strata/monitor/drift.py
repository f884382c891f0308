"""How far the inputs have moved, as effect sizes from 0 to 1. They are shown, and decide nothing:
inputs may move much and the model stay good, or hardly and the model fail."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Drift:
    """One input. ``moved``: the largest difference of the two distribution functions of numbers
    (Kolmogorov and Smirnov's distance), or the share of rows whose category would have to be
    another (the total variation distance). ``missing`` and ``new`` are shares of the rows: before
    and now; of a category that was not there before."""

    name: str
    moved: float
    missing: tuple[float, float]
    new: float | None


def drifts(before: pd.DataFrame, now: pd.DataFrame, names: Iterable[str]) -> list[Drift]:
    """The drift of each column, the largest first."""
    found = [drift(before[name], now[name]) for name in names]
    return sorted(found, key=lambda each: (-each.moved, each.name))


def drift(before: pd.Series, now: pd.Series) -> Drift:
    """The drift of one column; of moments, as of numbers."""
    missing = (float(before.isna().mean()), float(now.isna().mean()))
    was, has = before.dropna(), now.dropna()
    if not len(was) or not len(has):
        return Drift(str(now.name), float(len(was) != len(has)), missing, None)
    if pd.api.types.is_numeric_dtype(now) or pd.api.types.is_datetime64_any_dtype(now):
        return Drift(str(now.name), _distance(was.to_numpy(), has.to_numpy()), missing, None)
    shares = pd.concat(
        [side.astype(str).value_counts(normalize=True) for side in (was, has)], axis=1
    ).fillna(0.0)
    first, second = (shares.iloc[:, at] for at in (0, 1))
    new = float(second[first == 0].sum())
    return Drift(str(now.name), float((second - first).abs().sum() / 2), missing, new)


def _distance(was: np.ndarray, has: np.ndarray) -> float:
    every = np.union1d(was, has)
    steps = (np.searchsorted(np.sort(side), every, "right") / len(side) for side in (was, has))
    first, second = steps
    return float(np.abs(first - second).max())
