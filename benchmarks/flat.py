"""The overhead of a trial, in a short sweep and in a long one.

24 and 240 trials of a training that takes next to no time, with two workers; DVC's queue, with one
thread a worker, runs 24.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ONE_THREAD, Row, Section, clone
from benchmarks.sweep import SETTING, queue, strata, with_daemons

FAST = ["-S", f"{SETTING}.max_iter=1", "-S", "evaluate.bootstrap_samples=2"]


def rows(sizes: list[int]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        root, other = (clone(Path(folder) / name, data=True) for name in ("strata", "queue"))

        def seeds(start: int, number: int) -> list[str]:
            return [*FAST, "-S", f"train.seed=range({start},{start + number})"]

        # Other seeds for each, since DVC would take the results of trials that it has seen.
        few = with_daemons(strata, root, "few", seeds(1000, 24)).times(1 / 24)
        many = with_daemons(strata, root, "many", seeds(2000, 240)).times(1 / 240)
        dvc = with_daemons(queue, other, "queue", seeds(0, 24), 24, ONE_THREAD)
    yield Row("`strata sweep`, one trial of 240", "one of 24", many, few)
    yield Row("`strata sweep`, one trial of 24", "DVC's queue, tuned", few, dvc.times(1 / 24))


SECTION = Section("7. Short trials", __doc__, rows, [])
