"""How sure a figure is, whatever the task.

Rows may be alike because of what they share, such as the weather of a day, and taken one by one
they give an error about five times too small. So it is whole blocks that tell it, and these may
be few, skewed, or each like the one before it. `strata compare` judges by the same method.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from kit.learn.outcomes import Floats

Scores = Callable[[Floats], dict[str, float]]  # metrics of some rows, as a function of weights
DIGITS = 6  # more would differ between processors
FEWEST = 10  # blocks; of fewer not even their likeness can be told
MOST = 300  # parts; more are no surer
CLOSEST = 0.95  # the correlation of neighbours that is reckoned with at most
LESS_IS_BETTER = {"log_loss", "brier", "mean_absolute_error", "root_mean_squared_error"}


def mean(values: Floats, weight: Floats) -> float:
    """The weighted mean, NaN of no weight. (Not by BLAS, which may add up in any order.)"""
    with np.errstate(invalid="ignore"):
        return float((values * weight).sum() / weight.sum())


def parts(block: npt.NDArray[np.generic] | None, rows: int) -> npt.NDArray[np.intp]:
    """The number of each row's part: its block, or where there are more than MOST a run of them.

    ``block`` names each row's block, shape (rows,); without it rows are of no order, and mixed.
    """
    if block is None:
        own = np.arange(rows)
        return np.random.default_rng(0).permutation(rows) % MOST if rows > MOST else own
    names, index = np.unique(block, return_inverse=True)
    return np.asarray(index // -(-len(names) // MOST))


def pseudo_values(measure: Scores, weight: Floats, part: npt.NDArray[np.intp]) -> dict[str, Floats]:
    """What each part adds to each metric: the jackknife's pseudo-values (Tukey 1958; Efron and
    Stein 1981, doi:10.1214/aos/1176345462), NaN where a metric does not exist without it."""
    count, whole = int(part.max()) + 1, measure(weight)
    left = [measure(np.where(part == at, 0.0, weight)) for at in range(count)]
    return {
        name: count * value - (count - 1) * np.array([figures[name] for figures in left])
        for name, value in whole.items()
    }


def effective(values: Floats) -> float:
    """How many independent values a series is worth whose neighbours may be alike; at least 2.

    By the correlation of neighbours (Zwiers and von Storch 1995, J. Climate 8:336), corrected for
    its bias in a short series (Marriott and Pope 1954, doi:10.1093/biomet/41.3-4.390); and where
    there are enough by that of pairs of them, which sees what noise hides from single ones.
    """
    count = len(values)
    if not values.var() > 0:
        return float(count)
    worth = _worth(values)
    if count >= 2 * FEWEST:
        pairs = values[: count // 2 * 2].reshape(-1, 2).mean(axis=1)
        alike = 2 * pairs.var(ddof=1) / values.var(ddof=1)  # 1 if the two of a pair are not
        worth = min(worth, 2 * _worth(pairs) / alike) if alike > 0 else worth
    return float(max(worth, min(count, 2.0)))


def _worth(values: Floats) -> float:
    """The same by the correlation of neighbours alone."""
    count, off = len(values), values - values.mean()
    spread = (off * off).sum()
    alike = (off[1:] * off[:-1]).sum() / spread if spread > 0 else 0.0
    alike = min(max(alike + (1 + 4 * alike) / count, 0.0), CLOSEST)
    return float(count * (1 - alike) / (1 + alike))


def standard_error(values: Floats) -> float:
    """The standard error of a metric by its pseudo-values; NaN of one, or if one is NaN."""
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan")
    return float(values.std(ddof=1) / np.sqrt(effective(values)))


def interval(values: Floats, figure: float, samples: int, seed: int) -> tuple[float, float]:
    """The 95% interval of a figure by its pseudo-values, in the order of their blocks.

    NaN of fewer than FEWEST. On each side the wider of two: of Student's t with as many degrees of
    freedom as independent values, which holds for heavy tails; and of a studentized bootstrap,
    which holds for skewed ones (Hall 1988, doi:10.1214/aos/1176350933).
    """
    count = len(values)
    if count < FEWEST or not np.isfinite(values).all():
        return np.nan, np.nan
    worth, off = effective(values), values - values.mean()
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    means = (drawn * off).sum(axis=1) / count
    errors = np.sqrt(np.maximum((drawn * off**2).sum(axis=1) / count - means**2, 0) / (count - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.quantile(np.nan_to_num(means / errors, posinf=0, neginf=0), [0.025, 0.975])
    own, student = stdtrit([count - 1, worth - 1], 0.975)
    error, more = values.std(ddof=1) / np.sqrt(worth), student / own
    return (
        float(figure - error * max(student, high * more)),
        float(figure + error * max(student, -low * more)),
    )
