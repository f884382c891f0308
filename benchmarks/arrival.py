"""One new month on top of many: `dvc repro` then, beside `dvc repro` of everything.

`prepare` and `featurize` take unchanged months from the cache; the fit learns from all rows, with
200 trees. The row without the fit shows whether one more month costs one month's work.

The stages alone are compared with the same stages without reuse: in a process for each, as under
`dvc repro`, and both in one Python, as under `strata repro`. Half of what remains is Python's start
and imports. `evaluate` has a new model, so nothing to reuse: it scores a fixed number of the newest
rows, beside a program that scores all rows.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from pathlib import Path

from benchmarks.measure import Cost, Row, Section, cost_of, middle, run
from benchmarks.months import arrive, grown

MANY = 50  # months, from which on one round is enough
DATA = ["prepare", "featurize"]


def rows(sizes: list[int]) -> Iterator[Row]:
    for count in sizes:
        rounds = [once(count) for _ in range(3 if count < MANY else 1)]
        cost = {name: middle([each[name] for each in rounds]) for name in rounds[0]}
        on = f"on {count} months"
        one, cold, fit = cost["month"], cost["all"], cost["fit"]
        yield Row(f"a month arrives {on}", "all of them", one, cold)
        yield Row(f"the fit, {on} and one", "that month's whole arrival", fit, one)
        yield Row(f"a month arrives {on}, less the fit", "all, less it", one - fit, cold - fit)
        what = f"`prepare` and `featurize`, a month {on}"
        yield Row(what, "all of them", cost["data of a month"], cost["data"])
        in_one = cost["data of a month, in one"], cost["data, in one"]
        yield Row(f"{what}, in one Python", "all of them, in one", *in_one)
        evaluated = cost["evaluate"], cost["score"]
        yield Row(f"`evaluate`, a month {on}", "scoring every row", *evaluated)


def once(count: int) -> dict[str, Cost]:
    """What all months take, and then one more, by `dvc repro` and by stages."""
    with tempfile.TemporaryDirectory() as folder:
        project, names = grown(Path(folder), count + 2)
        arrive(project, names[-3])
        found = {"all": cost_of(project, "dvc", "repro", "--quiet")}
        found["data"] = made_anew(project, alone, RECOMPUTE="1")
        found["data, in one"] = made_anew(project, in_one, RECOMPUTE="1")
        arrive(project, names[-2])
        run(project, sys.executable, "src/ingest.py")
        found["data of a month"] = made_anew(project, alone)
        # That month is computed once more: DVC's cache does not have it yet.
        found["data of a month, in one"] = made_anew(project, in_one)
        run(project, sys.executable, "src/train.py")
        found["evaluate"] = alone(project, "evaluate")
        score = project / "benchmarks/peers/score_all.py"
        found["score"] = cost_of(project, sys.executable, score, PYTHONPATH="src")
        run(project, "dvc", "repro", "--quiet")
        arrive(project, names[-1])
        found["month"] = cost_of(project, "dvc", "repro", "--quiet")
        found["fit"] = alone(project, "train")
        return found


def made_anew(project: Path, how: Callable[..., Cost], **env: str) -> Cost:
    """The stages that make data, whose outputs DVC would remove before it runs them."""
    for name in ("prepared", "features"):
        shutil.rmtree(project / "data" / name)
    return how(project, *DATA, **env)


def alone(project: Path, *stages: str, **env: str) -> Cost:
    """Stages one after the other, without DVC."""
    costs = (cost_of(project, sys.executable, f"src/{name}.py", **env) for name in stages)
    return reduce(add, costs)


def in_one(project: Path, *stages: str, **env: str) -> Cost:
    """Stages one after the other in one Python, its imports included."""
    program = "".join(f"import {name}\n{name}.main()\n" for name in stages)
    return cost_of(project, sys.executable, "-c", program, PYTHONPATH="src", **env)


SECTION = Section("2. A month arrives", __doc__, rows, [], (10,))
