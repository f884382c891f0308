"""How sure a figure is, by what each block of rows adds to it: pure functions of such a series.

Blocks may be few, skewed, of heavy tails, or each like the one before it. The method is the one
that covered best in `benchmarks/intervals.py`; kit/report/scores.py has the same for the pipeline.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FEWEST = 10  # blocks; of fewer not even their likeness can be told
MOST = 300  # parts; more are no surer
SAMPLES = 2_000  # with 500 the interval's ends still move by a tenth of its width
CLOSEST = 0.95  # the correlation of neighbours that is reckoned with at most


def runs(count: int, *, ordered: bool) -> npt.NDArray[np.intp]:
    """The part that each of ``count`` blocks belongs to, of MOST at most.

    Where blocks have an order, a part is a run of neighbours; else they are mixed.
    """
    own = np.arange(count)
    if not ordered:
        return np.random.default_rng(0).permutation(count) % MOST if count > MOST else own
    return own // -(-count // MOST)


def pseudo_values(of: Callable[[Floats], float], count: int) -> Floats:
    """What each of ``count`` parts adds to a figure, which is ``of`` how often each is drawn.

    The jackknife's pseudo-values: their mean is the figure but for its bias, and their spread tells
    its standard error, for a ranking too, which is no mean over rows (Tukey 1958; Efron and Stein
    1981, doi:10.1214/aos/1176345462).
    """
    drawn, left = np.ones(count), np.empty(count)
    whole = of(drawn)
    for at in range(count):
        drawn[at] = 0.0
        left[at] = of(drawn)
        drawn[at] = 1.0
    return count * whole - (count - 1) * left


def effective(values: Floats) -> float:
    """How many independent values a series is worth whose neighbours may be alike; at least 2.

    By the correlation of neighbours (Zwiers and von Storch 1995, J. Climate 8:336), corrected for
    its bias in a short series (Marriott and Pope 1954, doi:10.1093/biomet/41.3-4.390); and where
    there are enough by that of pairs of them, which sees what noise hides from single ones. What
    each month has of its own, over many days, is not seen: then the month is the block.
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


def interval(values: Floats, figure: float, samples: int = SAMPLES) -> tuple[float, float]:
    """The 95% interval of a figure by its pseudo-values, in the order of their blocks; else NaN.

    On each side the wider of two: of Student's t with as many degrees of freedom as independent
    values, which holds for heavy tails; and of a studentized bootstrap, which holds for skewed ones
    (Hall 1988, doi:10.1214/aos/1176350933).
    """
    from scipy.special import stdtrit

    count = len(values)
    if not np.isfinite(values).all() or count < 2:
        return np.nan, np.nan
    worth, spread, off = effective(values), values.std(ddof=1), values - values.mean()
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=samples)
    means = (drawn * off).sum(axis=1) / count  # not by BLAS, which may add up in any order
    errors = np.sqrt(np.maximum((drawn * off**2).sum(axis=1) / count - means**2, 0) / (count - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.quantile(np.nan_to_num(means / errors, posinf=0, neginf=0), [0.025, 0.975])
    own, student = stdtrit([count - 1, worth - 1], 0.975)
    error, more = spread / np.sqrt(worth), student / own
    return (
        float(figure - error * max(student, high * more)),
        float(figure + error * max(student, -low * more)),
    )
