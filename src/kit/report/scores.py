"""How sure a figure is, whatever the task.

Rows may be alike because of what they share, such as the weather of a day, and resampling
them one by one gives an error about five times too small. Whole blocks are resampled instead (a
block bootstrap; Künsch 1989, doi:10.1214/aos/1176347265).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kit.learn.outcomes import Floats

Scores = Callable[[Floats], dict[str, float]]  # metrics of some rows, as a function of weights
DIGITS = 6  # more would differ between processors


def mean(values: Floats, weight: Floats) -> float:
    """The weighted mean, NaN of no weight. (Not by BLAS, which may add up in any order.)"""
    with np.errstate(invalid="ignore"):
        return float((values * weight).sum() / weight.sum())


def resamples(block: npt.NDArray[np.generic], samples: int, seed: int) -> tuple[Floats, Floats]:
    """The number of each row's block, and how often each block is drawn, (samples, blocks)."""
    names, index = np.unique(block, return_inverse=True)
    draw = np.random.default_rng(seed).multinomial
    return index, draw(len(names), np.full(len(names), 1 / len(names)), size=samples).astype(float)


def standard_errors(
    measure: Scores, weight: Floats, block: npt.NDArray[np.generic], samples: int, seed: int
) -> dict[str, float]:
    """The standard deviation of each metric over ``samples`` resamples of whole blocks.

    ``block`` names each row's block, shape (rows,). NaN where a metric never exists.
    """
    index, counts = resamples(block, samples, seed)
    drawn = [measure(count[index] * weight) for count in counts]
    return {
        name: float(np.nanstd(column, ddof=1)) if np.isfinite(column).sum() > 1 else np.nan
        for name in drawn[0]
        for column in [np.array([found[name] for found in drawn])]
    }


def is_better(
    mine: Floats, other: Floats, weight: Floats, block: npt.NDArray[np.generic], seed: int
) -> bool:
    """Whether losses are lower than others of the same rows by more than two standard errors."""
    index, counts = resamples(block, 1000, seed)
    gained, sizes = np.bincount(index, (other - mine) * weight), np.bincount(index, weight)
    drawn = (counts * gained).sum(axis=1) / (counts * sizes).sum(axis=1)
    return bool(gained.sum() / sizes.sum() > 2 * drawn.std())
