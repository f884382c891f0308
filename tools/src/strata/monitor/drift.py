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
    columns = (drift(before[name], now[name]) for name in names)
    return sorted(columns, key=lambda column: (-column.moved, column.name))


def drift(before: pd.Series, now: pd.Series) -> Drift:
    """The drift of one column; of moments, as of numbers."""
    missing = (float(before.isna().mean()), float(now.isna().mean()))
    name, sides = str(now.name), [before.dropna(), now.dropna()]
    if not all(map(len, sides)):
        return Drift(name, float(any(map(len, sides))), missing, None)
    if pd.api.types.is_numeric_dtype(now) or pd.api.types.is_datetime64_any_dtype(now):
        return Drift(name, _distance(*(side.to_numpy() for side in sides)), missing, None)
    counts = [side.astype(str).value_counts(normalize=True) for side in sides]
    shares = pd.concat(counts, axis=1).fillna(0.0)
    first, second = (shares.iloc[:, at] for at in (0, 1))
    new = float(second[first == 0].sum())
    return Drift(name, float((second - first).abs().sum() / 2), missing, new)


def _distance(before: np.ndarray, now: np.ndarray) -> float:
    values = np.union1d(before, now)
    first, second = (
        np.searchsorted(np.sort(side), values, "right") / len(side) for side in (before, now)
    )
    return float(np.abs(first - second).max())
