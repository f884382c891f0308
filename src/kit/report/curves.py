"""What the tables behind the plots share: they are small, live in Git, and every commit has its
own."""

from typing import Any

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats
from kit.report.scores import DIGITS

POINTS = 101


def thin(curve: pd.DataFrame) -> pd.DataFrame:
    """Keep POINTS rows, evenly spaced in the first column, the ends among them."""
    grid = np.linspace(0, 1, POINTS)
    x = curve.iloc[:, 0].to_numpy()
    nearest = np.searchsorted(x, grid).clip(0, len(x) - 1)
    return curve.iloc[np.unique(np.r_[0, nearest, len(x) - 1])].round(DIGITS)


def groups(values: Floats, bins: int) -> Any:
    """The number of each value's group, of ``bins`` about equal ones in order."""
    inner_edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(inner_edges, values)


def confusion(actual: Any, predicted: Any, names: list[str]) -> pd.DataFrame:
    """Count rows by their class and the predicted one, both as numbers of ``names``.

    Columns actual, predicted, rows; a row for each pair of classes.
    """
    known = np.array(names)
    seen = pd.DataFrame({"actual": known[actual], "predicted": known[predicted]})
    cells = pd.MultiIndex.from_product([names, names], names=["actual", "predicted"])
    return seen.value_counts().reindex(cells, fill_value=0).rename("rows").reset_index()
