"""Whether rows that share a value belong together, as those of a shop: by what their targets do."""

import numpy as np
import pandas as pd
from scipy.special import fdtrc

CHANCE = 1e-4  # the p-value from which on rows may be alike by chance
SMOOTH = 0.5  # the correlation of neighbours from which on numbers are a scale, and name nothing


def likeness(values: pd.Series, target: pd.Series) -> float:
    """The intraclass correlation of a target within values, from 0 to 1, by analysis of variance.

    Of a number by its ranks, of classes by the most frequent one. 0 where chance may explain it,
    where values are a scale, as ages are: there the neighbour's mean is much the same, and where a
    few are frequent and many rare, as categories are, which are features.
    """
    is_number = pd.api.types.is_numeric_dtype(target) and target.nunique() > 2
    score = target.rank() if is_number else (target == target.mode()[0]).astype(float)
    groups = score.groupby(values.to_numpy())
    means, sizes = groups.mean(), groups.size()
    if sizes.std() > sizes.mean():
        return 0.0
    rows, count = len(score), len(means)
    within = ((score - groups.transform("mean")) ** 2).sum() / (rows - count)
    between = (sizes * (means - score.mean()) ** 2).sum() / (count - 1)
    if not fdtrc(count - 1, rows - count, between / within if within else np.inf) < CHANCE:
        return 0.0
    if pd.api.types.is_numeric_dtype(values) and means.autocorr() > SMOOTH:
        return 0.0
    typical = (rows - (sizes**2).sum() / rows) / (count - 1)
    return float((between - within) / (between + (typical - 1) * within))
