"""One month arrives, on so many that are there: `dvc repro` then, beside `dvc repro` of all.

`prepare` and `featurize` take from the cache what has not changed. The fit does not: it learns from
all rows, with 200 trees. What is left without it is how far a month that arrives costs a month.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Cost, Row, Section, cost_of, middle
from benchmarks.months import arrive, grown

MANY = 50  # months, from which on one round is enough


def rows(sizes: list[int]) -> Iterator[Row]:
    for count in sizes:
        rounds = [once(count) for _ in range(3 if count < MANY else 1)]
        cold, one, fit = (middle(list(costs)) for costs in zip(*rounds, strict=True))
        on = f"on {count} months"
        yield Row(f"a month arrives {on}", "all of them", one, cold)
        yield Row(f"the fit, {on} and one", "that month's whole arrival", fit, one)
        yield Row(f"a month arrives {on}, less the fit", "all, less it", one - fit, cold - fit)


def once(count: int) -> tuple[Cost, Cost, Cost]:
    """What all months take, then one more, and of that the fit by itself."""
    with tempfile.TemporaryDirectory() as folder:
        project, names = grown(Path(folder), count + 1)
        arrive(project, names[-2])
        cold = cost_of(project, "dvc", "repro", "--quiet")
        arrive(project, names[-1])
        one = cost_of(project, "dvc", "repro", "--quiet")
        return cold, one, cost_of(project, sys.executable, "src/train.py")


SECTION = Section("2. A month arrives", __doc__, rows, [], (10,))
