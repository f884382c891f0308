"""The command ``strata sweep``: many experiments, over a grid or by a search, and none lost.

Each trial is an experiment of DVC's, on the commit at which the sweep began. joblib hands the
trials to workers (see worker.py), here or on a Dask cluster. Optuna chooses the parameters and
keeps its journal in sweeps/NAME/journal.log, so that a sweep can go on after anything.
"""

import argparse
import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata import git
from strata.core.errors import Fault, first_line
from strata.dvc import experiment
from strata.restore.checkout import dvc
from strata.sweep import experiments, plan, ranking, space, worker
from strata.sweep.plan import Plan

if TYPE_CHECKING:
    import optuna

REMOTE = "origin"


def import_all() -> None:
    """Import what a sweep needs, so that it says at once which package is missing."""
    import hydra  # noqa: F401
    import joblib  # noqa: F401
    import optuna  # noqa: F401
    import pandas as pd  # noqa: F401
    import zc.lockfile  # noqa: F401


def run(args: argparse.Namespace) -> int:
    import_all()
    home = git.top()
    if args.jobs is not None and args.jobs < 1:
        raise Fault(f"--jobs {args.jobs}: at least 1")
    is_new = args.resume is None
    if args.retry and is_new:
        raise Fault("--retry is for a sweep that --resume names")
    wanted = plan.new(home, args) if is_new else plan.load(home, args)
    if is_new:
        plan.check_names(home, wanted, remote=None)
    plan.check_end(home, wanted, args.apply, args.branch)
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(_connected(args.scheduler)) if args.scheduler else None
        if cluster:
            experiments.check_pushed(home, REMOTE, wanted.base)
            if is_new:
                plan.check_names(home, wanted, REMOTE)
        sweep = stack.enter_context(opened_sweep(home, wanted, args.retry))
        sweep.run(args.jobs, cluster)
        return sweep.close(args.apply, args.branch)


@contextlib.contextmanager
def opened_sweep(home: Path, wanted: Plan, retry: bool = False) -> Iterator["Sweep"]:
    """A sweep, new or begun earlier, which nobody else runs meanwhile."""
    folder = home / "sweeps" / wanted.name
    folder.mkdir(parents=True, exist_ok=True)
    (home / "sweeps/.gitignore").write_text("*\n", encoding="utf-8")
    with _alone(folder):
        plan.save(folder, wanted)
        yield Sweep(home, folder, wanted, retry)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a sweep, which ends with this process. Raises Fault if another has it."""
    import zc.lockfile

    try:
        lock = zc.lockfile.LockFile(str(folder / "lock"))
    except zc.lockfile.LockError:
        raise Fault(f"the sweep {folder.name} is running in another process") from None
    try:
        yield
    finally:
        lock.close()


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of a Dask cluster, joblib's default one. Raises Fault if nothing answers."""
    from distributed import Client

    # They log tracebacks, from threads of their own; a Fault says it in a line.
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client: Any = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise Fault(f"no Dask scheduler answers at {address}: {first_line(error)}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=5)
        except TimeoutError:
            why = "has no workers; start `dask worker`"
            raise Fault(f"the Dask scheduler at {address} {why}") from None
        yield client


def _dask(client: Any) -> Any:
    """joblib's Dask backend, which by itself would run all trials here if there is one worker."""
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, int(super().effective_n_jobs(n_jobs)))

    return Backend(client=client)


def _blaming_dask(results: Iterator[worker.Result]) -> Iterator[worker.Result]:
    """Pass results on. Raises Fault if the cluster fails: no scheduler, workers without Strata.

    Dask's errors have no class in common, hence the ``except Exception``.
    """
    try:
        yield from results
    except Fault:
        raise
    except Exception as error:
        raise Fault(f"the Dask cluster failed: {first_line(error)}") from error


def _mend(journal: Path) -> None:
    """Make Optuna's journal readable after a power cut, which may leave half a line and a lock.

    Nobody else uses it: the sweep is locked.
    """
    for lock in journal.parent.glob("journal.log.lock*"):
        lock.unlink()
    if journal.exists():
        whole = journal.read_bytes().rpartition(b"\n")
        with journal.open("r+b") as file:
            file.truncate(len(whole[0] + whole[1]))


class Sweep:
    """A sweep under way: its plan, and Optuna's study of it.

    Trials are numbered from 1 in the user attribute ``number``. One that was running when an
    earlier process died fails in Optuna's study, and is asked again under its number.
    """

    def __init__(self, home: Path, folder: Path, plan: Plan, retry: bool) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.home, self.folder, self.plan = home, folder, plan
        self.dimensions = space.parse(plan.settings)
        _mend(folder / "journal.log")
        storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
        self.study = optuna.create_study(
            storage=storage,
            study_name=plan.name,
            direction=StudyDirection[plan.direction.upper()],
            load_if_exists=True,
        )
        # A new seed for each resumption: the same one would draw the first points again.
        seed = plan.seed + len(self.study.trials)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self.asked: dict[str, optuna.Trial] = {}
        points = space.grid(self.dimensions) if plan.trials is None else []
        self.total = plan.trials or len(points)
        self._reconcile(points, retry)

    def settled(self) -> "dict[int, optuna.trial.FrozenTrial]":
        """The trials that finished or failed, by number; the last one of each number counts."""
        last = {t.user_attrs["number"]: t for t in self.study.trials if "number" in t.user_attrs}
        return {
            number: t
            for number, t in last.items()
            if t.state.name == "COMPLETE" or t.user_attrs.get("error")
        }

    def _reconcile(self, points: list[dict[str, str]], retry: bool) -> None:
        """Queue the points of the grid, what a dead process was running, and with ``retry`` what
        failed."""
        from optuna.trial import TrialState

        settled = self.settled()
        handled = set(settled)
        for old in self.study.trials:
            number: int = old.user_attrs.get("number", 0)
            if old.state == TrialState.WAITING:
                handled.add(number)
            elif old.state == TrialState.RUNNING:
                self.study.tell(old.number, state=TrialState.FAIL)
                if number and number not in handled and old.params:
                    self._queue(number, old.params)
                    handled.add(number)
        for number, failed in settled.items():
            if retry and failed.user_attrs.get("error"):
                self._queue(number, failed.params)
        fresh = [number for number in range(1, self.total + 1) if number not in handled]
        for number in fresh if points else []:
            self._queue(number, dict(points[number - 1]))
        self.fresh = iter(fresh)

    def _queue(self, number: int, params: dict[str, Any]) -> None:
        """Have the study ask for these parameters, under this number."""
        self.study.enqueue_trial(params, user_attrs={"number": number})

    def tasks(self, threads: int, cluster: bool) -> Iterator[worker.Task]:
        """Ask for the trials that are not settled, each when a worker is about to take it."""
        distributions = space.distributions(self.dimensions, self.plan.trials is not None)
        for _ in range(self.total - len(self.settled())):
            asked = self.study.ask(distributions)
            number = asked.user_attrs.get("number") or next(self.fresh)
            asked.set_user_attr("number", number)
            name = self.plan.trial(number)
            self.asked[name] = asked
            yield {
                "home": None if cluster else str(self.home),
                "remote": REMOTE if cluster else None,
                "base": self.plan.base,
                "threads": threads,
                "name": name,
                "overrides": space.overrides(asked.params),
                "stages": self.plan.stages,
                "metric": self.plan.metric,
            }

    def run(self, jobs: int | None, cluster: Any = None) -> None:
        """Run all trials that are not settled. Ctrl-C ends the workers and is raised again."""
        from joblib import Parallel, delayed, parallel_config

        worker.begin()
        processors = os.cpu_count() or 1
        jobs = jobs or processors
        threads = 1 if cluster else max(1, processors // jobs)
        config = (
            {"backend": _dask(cluster)} if cluster else {"backend": "threading", "n_jobs": jobs}
        )
        try:
            with parallel_config(**config):
                parallel = Parallel(
                    return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
                )
                tasks = self.tasks(threads, cluster is not None)
                results = parallel(delayed(worker.run)(task) for task in tasks)
                for result in _blaming_dask(results) if cluster else results:
                    self._settle(result, cluster)
        except (Fault, KeyboardInterrupt):
            done = f"{len(self.settled())} of {self.total} trials are done"
            print(f"{done}; go on: --resume {self.plan.name}", flush=True)
            raise
        finally:
            worker.end_all()
        remote = [n for n, t in self.settled().items() if t.user_attrs.get("far")]
        if remote:
            dvc("exp", "pull", REMOTE, *map(self.plan.trial, remote), root=self.home)

    def _settle(self, result: worker.Result, cluster: Any) -> None:
        """Record the outcome of a trial, and print it."""
        from optuna.trial import TrialState

        name = result["name"]
        if result.get("log"):
            (self.folder / "logs").mkdir(exist_ok=True)
            (self.folder / "logs" / f"{name}.log").write_text(result["log"], encoding="utf-8")
        if result["commit"] and cluster:
            ref = experiment.ref(self.plan.base, name)
            git.git("fetch", "--quiet", REMOTE, f"+{ref}:{ref}", root=self.home)
        if not result["commit"] and not result["error"]:
            return  # the sweep is being stopped
        asked = self.asked[name]
        for key in ("commit", "se", "seconds", "error"):
            asked.set_user_attr(key, result.get(key))
        asked.set_user_attr("far", bool(result["commit"] and cluster))  # its data is not here yet
        if result["error"]:
            self.study.tell(asked, state=TrialState.FAIL)
            outcome = f"failed: {result['error']}"
        else:
            self.study.tell(asked, result["value"])
            figure = ranking.figure(result["value"], result["se"])
            top = self.study.best_trial
            best = f"{ranking.figure(top.value)} ({self.plan.trial(top.user_attrs['number'])})"
            outcome = f"{self.plan.metric} {figure}  best {best}  {result['seconds']:.1f} s"
        print(f"[{len(self.settled())}/{self.total}] {name}  {outcome}", flush=True)

    def close(self, apply: str | None, branch: str | None) -> int:
        """Account for each trial, rank them, and apply or branch off the best if that is wanted.

        Raises Fault if asked = finished + failed does not hold, or no trial finished.
        """
        settled = self.settled()
        finished = {n: t for n, t in settled.items() if not t.user_attrs.get("error")}
        failed = len(settled) - len(finished)
        lost = self.total - len(settled)
        print(f"{self.total} trials asked = {len(finished)} finished + {failed} failed", end="")
        print(f" + {lost} lost" if lost else "", flush=True)
        if lost:
            raise Fault(f"{lost} trials are not accounted for; run them: --resume {self.plan.name}")
        if not finished:
            raise Fault(f"no trial finished; see {self.folder.relative_to(self.home) / 'logs'}")
        commits = experiments.commits(self.home, self.plan.base, remote=None)
        for number, done in finished.items():
            name = self.plan.trial(number)
            if commits.get(name) != done.user_attrs["commit"]:
                print(f"{name} is left out: its experiment was removed or replaced")
                commits.pop(name, None)
                del settled[number]
        if not settled.keys() & finished.keys():
            raise Fault("the experiments of all trials were removed or replaced")
        best = ranking.write(self.folder, self.plan, self.dimensions, settled)
        from strata.sweep import ties

        print(ties.sentence(self.home, self.plan, best, settled))
        chosen = best if apply == "best" else apply
        if chosen and chosen not in commits:
            raise Fault(f"{chosen} made no experiment that could be applied")
        plan.check_end(self.home, self.plan, apply, branch)
        partly = bool(self.plan.stages)  # trials leave stages out
        if branch:
            dvc("exp", "branch", best, branch, root=self.home)
            then = "; run `dvc repro` there for what trials leave out" if partly else ""
            print(f"branch {branch} begins with {best}{then}")
        if chosen:
            dvc("exp", "apply", chosen, root=self.home)
            then = "run `dvc repro` for what trials leave out, and " if partly else ""
            print(f"{chosen} is in the workspace; {then}commit it to keep it")
        return 0
