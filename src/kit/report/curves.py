"""What the tables behind the plots share: they are small, live in Git, and every commit has its
own."""

from typing import Any

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats

POINTS = 251  # so many keep the area under a ROC curve to .002, whatever its shape


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
