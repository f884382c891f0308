"""The same trials of the real training and evaluation, with two workers, start to end.

- the limit: the stages' own functions in warm processes, without startup or records;
- `strata sweep`: a DVC experiment per trial, with startup and the final table;
- MLflow with Optuna: the limit's trial, which also logs params, metrics and the model;
- DVC's queue, tuned: `dvc exp run --queue` and `dvc queue start -j 2` with OMP_NUM_THREADS=1;
- DVC's queue as it is: without, so that the fits of two workers compete for the processors.

They take turns, at most two dozen trials each, in clones with caches of their own; DVC's queue as
it is, which takes long, gets only the first turn. Figures are per trial, with its share of the
turn's startup. What a way adds is its CPU time minus the limit's. MLflow's trials must give the
same metrics.
"""

import ctypes
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from subprocess import DEVNULL, check_output
from subprocess import run as start_and_wait
from typing import Any

from benchmarks.environment import QUIET, program
from benchmarks.measure import HOME, NOTHING, ONE_THREAD, Cost, Row, Section, clone, middle

SUBREAPER = 36  # of prctl: who adopts the processes that detach themselves
SETTING = "train.hist_gradient_boosting"
JOBS = 2
ROUND = 24  # trials that a way runs before it is the next one's turn
PATIENCE = 60  # seconds without a finished trial, after which the queue is looked at
Trials = list[dict[str, Any]]


def with_daemons(work: Callable[..., None], *arguments: Any) -> Cost:
    """What a function and all its processes take, those of DVC's queue too, which detach."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
            start = time.perf_counter()
            work(*arguments)
            os.write(sender, str(time.perf_counter() - start).encode())
            while True:  # the queue's workers end when they have been idle for a while
                os.wait()
        except ChildProcessError:
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit("a sweep failed")
    return Cost(float(os.read(receiver, 100)), usage.ru_utime + usage.ru_stime)


def bare(root: Path, trials: Trials) -> tuple[Cost, list[float], dict[str, float]]:
    """The limit: what it takes, the validation's metric of each trial, and CPU s by stage."""
    for folder in ("src", "benchmarks/peers"):
        if str(HOME / folder) not in sys.path:
            sys.path.insert(0, str(HOME / folder))
    from trial import trial  # type: ignore[import-not-found]  # forked below, so warm

    with ProcessPoolExecutor(JOBS, get_context("fork")) as pool:
        start = time.perf_counter()
        done = list(pool.map(trial, [root] * len(trials), trials))
        wall = time.perf_counter() - start
    cpu = {stage: sum(each[stage] for _, each in done) for stage in ("train", "evaluate")}
    values = sorted(metrics["validation"]["roc_auc"] for metrics, _ in done)
    return Cost(wall, sum(cpu.values())), values, cpu


def strata(root: Path, label: str, settings: list[str]) -> None:
    command = ["strata", "sweep", "--name", label, "--jobs", str(JOBS), *settings]
    start_and_wait(command, cwd=root, check=True, stdout=DEVNULL)


def mlflow(root: Path, label: str, trials: Trials) -> None:
    script = root / "benchmarks/peers/with_mlflow.py"
    env = os.environ | ONE_THREAD | QUIET | {"PYTHONPATH": f"{root}/src"}
    command = [str(program("python")), str(script), label, str(JOBS), json.dumps(trials)]
    start_and_wait(command, cwd=root, env=env, check=True, stdout=DEVNULL)


def queue(root: Path, label: str, settings: list[str], trials: int, env: Mapping[str, str]) -> None:
    """DVC's queue, started again when its workers are gone before the work is done."""

    def dvc(*command: str) -> None:
        start_and_wait(["dvc", *command], cwd=root, env=os.environ | env, check=True)

    dvc("exp", "run", "--queue", "--quiet", "--name", label, *settings)
    dvc("queue", "start", "--quiet", "--jobs", str(JOBS))
    done, since = 0, time.monotonic()
    while done < trials:
        time.sleep(0.5)
        refs = ["git", "for-each-ref", "--format=%(refname)", "refs/exps"]
        now = check_output(refs, cwd=root, text=True).count(f"/{label}-")
        if now > done:
            done, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            said = check_output(["dvc", "queue", "status"], cwd=root, text=True)
            if "Failed" in said:
                raise SystemExit(said)
            if "0 active" in said and "Running" not in said:
                print("DVC's queue has lost its workers; starting it again", flush=True)
                dvc("queue", "start", "--quiet", "--jobs", str(JOBS))
            since = time.monotonic()


def grid(rate: float, leaves: list[int]) -> tuple[Trials, list[str]]:
    """The same trials as values, and as DVC and Strata are told them."""
    trials = [{"learning_rate": rate, "max_leaf_nodes": number} for number in leaves]
    numbers = ",".join(map(str, leaves))
    said = [f"{SETTING}.learning_rate={rate}", f"{SETTING}.max_leaf_nodes={numbers}"]
    return trials, [word for setting in said for word in ("-S", setting)]


def rows(sizes: list[int]) -> Iterator[Row]:
    (number,) = sizes
    rounds = max(1, number // ROUND)
    each = number // rounds
    names = ["limit", "strata", "mlflow", "tuned", "as it is"]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    parts: dict[str, float] = {"train": 0, "evaluate": 0}
    with tempfile.TemporaryDirectory() as folder:
        at = {name: clone(Path(folder) / name, data=True) for name in names}
        for turn in range(rounds):
            label, (trials, said) = f"turn{turn}", grid(0.05 + turn / 100, list(range(8, 8 + each)))
            limit, values, cpu = bare(at["limit"], trials)
            parts = {stage: parts[stage] + cpu[stage] / number for stage in parts}
            as_told = (label, said, each)
            took = {
                "limit": limit,
                "strata": with_daemons(strata, at["strata"], label, said),
                "mlflow": with_daemons(mlflow, at["mlflow"], label, trials),
                "tuned": with_daemons(queue, at["tuned"], *as_told, ONE_THREAD),
            }
            found = json.loads((at["mlflow"] / "values.json").read_text())
            if found != values:
                raise SystemExit(f"MLflow's trials came to {found}, the limit's to {values}")
            if not turn:
                took["as it is"] = with_daemons(queue, at["as it is"], *as_told, {})
            for name, cost in took.items():
                print(f"{name}: {cost}", file=sys.stderr, flush=True)
                costs[name].append(cost.times(1 / each))
    limit, ours, mlflow_, tuned, untuned = (middle(costs[name]) for name in names)
    yield Row("`strata sweep`", "the limit", ours, limit)
    yield Row("`strata sweep`", "MLflow with Optuna", ours, mlflow_)
    yield Row("`strata sweep`", "DVC's queue, tuned", ours, tuned)
    yield Row("`strata sweep`", "DVC's queue as it is", ours, untuned)
    added = [Cost(NOTHING, each.cpu - limit.cpu) for each in (ours, mlflow_, tuned)]
    what = "what `strata sweep` adds to a trial"
    yield Row(what, "what MLflow adds", added[0], added[1])
    yield Row(what, "what DVC's queue adds, tuned", added[0], added[2])
    for stage, cpu_s in parts.items():
        yield Row(f"of the limit's trial, `{stage}`", "that trial", Cost(NOTHING, cpu_s), limit)


SECTION = Section("6. Sweeps", __doc__, rows, ["mlflow-skinny", "optuna"], (6,))
