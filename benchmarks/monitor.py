"""How often a monitor cries stale in ten years in which nothing is wrong, where that is known.

A history has 120 months of 30 days ([worlds.py](../tools/tests/worlds.py)), a day's standard
deviation is 1. *Beaten*: by a newer model. *Fallen*: worse than on the two months on which it was
accepted. *Useless*: worse than a dummy, of a model that is exactly as good as one; where months are
of their own, it is worse in some of them. *Own past*: the rate that the tool measures on 36 months,
the mean of several pasts. All in percent of the histories.

Below that, changes: the months until the first alarm of half, and of nine in ten, of the histories;
each begins at once, or after 24 months. A drift takes a year. The demo's Jan–Mar model loses .2 to
.6 in summer.
"""

import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import HOME, Section

SEEN = 36  # months in which a change has to be seen
PASTS = 12
CHANGES = [(0.2, 1), (0.3, 1), (0.5, 1), (1.0, 1), (2.0, 1), (3.0, 1), (1.0, 12), (2.0, 12)]
HEAD = """\
| in these months | beaten | fallen | useless | own past |
| --- | --: | --: | --: | --: |
"""
POWER = """\

| a change of | beaten, at once | beaten, after 24 | fallen, at once | fallen, after 24 |
| --- | --: | --: | --: | --: |
"""


def rows(sizes: list[int]) -> Iterator[str]:
    sys.path.append(str(HOME / "tools/tests"))
    from worlds import WORLDS, changed, histories

    from strata.monitor.looks import HORIZON, Look, false_alarms, levels, raise_alarms

    (count,) = sizes
    for name, world in WORLDS.items():
        raised = np.zeros(3)
        for seed in range(count // 250):
            gains = world(np.random.default_rng(seed), (250, HORIZON + 2, 30))
            new = histories(gains[:, 2:])
            values = new.beaten(), histories(gains).beaten(2), new.useless()
            raised += [raise_alarms(each).sum() for each in values]
        pasts = [[Look(month) for month in past] for past in gains[:PASTS, :36]]
        own = [rate[0] for past in pasts if (rate := false_alarms(past))]
        cells = [*(raised / (count // 250 * 250)), float(np.mean(own))]
        yield f"| {name} | {' | '.join(f'{100 * cell:.1f}' for cell in cells)} |\n"

    yield POWER
    for size, over in CHANGES:
        cells = []
        for accepted in (0, 2):
            for at in (0, 24):
                world, shape = WORLDS["independent, normal"], (250, accepted + at + SEEN, 30)
                gains = changed(world(np.random.default_rng(0), shape), size, accepted + at, over)
                found = histories(gains).beaten(accepted)
                alarms = (found <= levels([0.5] * found.shape[1]))[:, max(at - 1, 0) :]
                first = np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1 + (at == 0), np.inf)
                half, most = np.quantile(first, [0.5, 0.9], method="higher")
                cells.append(
                    " / ".join("never" if n == np.inf else f"{n:.0f}" for n in (half, most))
                )
        yield f"| {size:g}{', over a year' if over > 1 else ''} | {' | '.join(cells)} |\n"


SECTION = Section("11. Monitor", __doc__, rows, [], (2000,), HEAD)
