"""How often a 95% interval has the true difference of two models, where that is known.

Two models score days of 20 rows ([known_truth.py](../tools/tests/known_truth.py)). What a day has
of its own is normal, skewed (exponential) or of heavy tails (t with 4 degrees of freedom), and may
resemble the day before (by a correlation of .3 or .6). A cell is the metric of the task that is
covered worst: by `strata compare` / by percentiles of resampled days.
"""

import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import HOME, Section

WORLDS = {
    "independent, normal": ("normal", 0.0),
    "independent, skewed": ("skewed", 0.0),
    "independent, heavy tails": ("heavy tails", 0.0),
    "like the day before: .3": ("normal", 0.3),
    "like the day before: .6": ("normal", 0.6),
    "the same, skewed": ("skewed", 0.6),
}
TIMES = 200
HEAD = """\
| days are | how many | binary | multiclass | regression |
| --- | --: | --: | --: | --: |
"""


def rows(days: list[int]) -> Iterator[str]:
    sys.path.append(str(HOME / "tools/tests"))
    from known_truth import METRICS, World, coverage

    from strata.compare.paired import Difference

    def percentiles(of: Difference) -> tuple[float, float]:
        values, draw = np.array(of.parts), np.random.default_rng(0).multinomial
        drawn = draw(len(values), np.full(len(values), 1 / len(values)), size=1000)
        off = values - values.mean()  # what the jackknife takes for the bias is none
        low, high = np.percentile((drawn * off).sum(axis=1) / len(values), [2.5, 97.5])
        moved = of.after - of.before
        return float(moved + low), float(moved + high)

    def own(of: Difference) -> tuple[float, float]:
        return of.low, of.high

    for name, (shape, alike) in WORLDS.items():
        for count in days:
            cells = []
            for task in METRICS:
                shares = coverage(World(shape, alike), task, count, TIMES, (own, percentiles))
                cells.append(
                    " / ".join(f"{min(of):.1%}" for of in zip(*shares.values(), strict=True))
                )
            yield f"| {name} | {count} | {' | '.join(cells)} |\n"


SECTION = Section("10. Intervals", __doc__, rows, [], (12, 31), HEAD)
