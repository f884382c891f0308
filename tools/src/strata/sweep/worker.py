"""A worker of a sweep: a process that runs one trial after the other.

It works in a clone of its own, so that the user's workspace is left alone, and keeps it, with its
data and a warm Python (see strata/warm), from trial to trial. It reads a task a line from its
standard input and writes a result a line to its standard output, both as JSON. When the input
closes, because the sweep ended or died, the worker and all that it started end at once. A worker
that dies takes nothing with it but its clone.
"""

import atexit
import contextlib
import json
import math
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from strata import git
from strata.core.errors import Fault
from strata.core.values import Leaves, error_of, is_number
from strata.dvc import experiment
from strata.sweep import experiments
from strata.warm import Warm

# Its own package imports this program before Python runs it, which Python warns of. The user's
# own filters of warnings are for the stages.
AS_PROGRAM = ("-W", "ignore", "-m")
ATTEMPTS = 5  # a trial whose workers died this often is to blame itself

Task = dict[str, Any]  # home, base, remote, threads; name, overrides, stages, metric
Result = dict[str, Any]  # name, commit, value, error, seconds, log, error of the value as "se"


class Worker:
    """A worker process, from outside."""

    def __init__(self, task: Task) -> None:
        home = Path(task["home"] or git.top())
        place = home / ".dvc/tmp/sweeps"
        place.mkdir(parents=True, exist_ok=True)
        clear(place)
        self._folder = folder_in(place)
        self._process = subprocess.Popen(
            [sys.executable, "-P", *AS_PROGRAM, "strata.sweep.worker", str(home), self._folder],
            cwd=home,
            env=_threads(task["threads"]) | os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the sweep, which then ends its workers
        )

    def run(self, task: Task) -> Result | None:
        """Run one trial; None if the worker died of it."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def end(self) -> None:
        """End the process and what it started, and remove its clone."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def folder_in(place: Path) -> str:
    """A new folder for a worker, named after this process and this host."""
    return tempfile.mkdtemp(prefix=f"worker-{os.getpid()}@{socket.gethostname()}-", dir=place)


def clear(place: Path) -> None:
    """Remove the clones of workers whose sweep was killed.

    Of this host's workers only: others may share the folder, and number processes of their own.
    """
    ours = re.compile(rf"worker-(\d+)@{re.escape(socket.gethostname())}-[^-]*")
    for folder in place.glob("worker-*"):
        if (name := ours.fullmatch(folder.name)) and not psutil.pid_exists(int(name[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _threads(count: int) -> dict[str, str]:
    """The variables that share the processors out.

    OpenBLAS keeps as many threads as in any other run: with another number its sums differ in the
    last digit, and with them a model's hash.
    """
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "OMP_NUM_THREADS": str(count),
        "OMP_WAIT_POLICY": "passive",  # waiting threads leave the processor to another worker's
        "OPENBLAS_NUM_THREADS": str(processors),
    }


_idle: list[Worker] = []
_all: set[Worker] = set()
_ended = threading.Event()


def run(task: Task) -> Result:
    """Run one trial in an idle worker of this process, or a new one. Called from many threads."""
    for _ in range(ATTEMPTS):
        if _ended.is_set():
            break
        try:
            worker = _idle.pop()
        except IndexError:
            worker = Worker(task)
        _all.add(worker)
        result = worker.run(task)
        if result:
            _idle.append(worker)
            return result
        _all.discard(worker)
        worker.end()
    blame = None if _ended.is_set() else f"its worker died {ATTEMPTS} times; out of memory?"
    return {"name": task["name"], "commit": None, "error": blame}


def end_all() -> None:
    """End all workers of this process; trials under way come back without a commit or an error."""
    _ended.set()
    for worker in list(_all):
        worker.end()
    _all.clear()
    _idle.clear()


def begin() -> None:
    """Allow workers, again after ``end_all``."""
    _ended.clear()


atexit.register(end_all)


# --- in the worker process -------------------------------------------------------------------


class Workshop:
    """The clone in which a worker runs its trials, and its warm Python; the first makes both."""

    root: Path
    _warm: Warm

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self._folder = home, folder
        self._place = folder / "none"
        self.top = str(git.toplevel(home))
        self._base = ""

    def run(self, task: Task) -> Result:
        """Run a trial, unless an earlier attempt has already brought its experiment home."""
        base, name, remote = task["base"], task["name"], task["remote"]
        ref = experiment.ref(base, name)
        if remote and base != self._base:
            experiments.fetch_commit(self.home, remote, base)
        if remote and git.git("ls-remote", remote, ref, root=self.home):
            git.git("fetch", "--quiet", remote, f"+{ref}:{ref}", root=self.home)
            metrics = experiments.metrics(self.home, str(git.find_commit(self.home, ref)))
        elif not remote and (commit := git.find_commit(self.home, ref)):
            metrics = experiments.metrics(self.home, commit)
        else:
            metrics = self._experiment(base, name, task["overrides"], task["stages"])
            value_of(metrics, task["metric"])  # an experiment without its metric has failed
            git.git("push", "--quiet", self.top, f"+{ref}:{ref}", root=self.root)
            if remote:
                experiments.push(self.home, remote, ref)
        value, error = value_of(metrics, task["metric"])
        commit = git.find_commit(self.home, ref)
        return {"name": name, "commit": commit, "value": value, "se": error, "error": None}

    def _experiment(self, base: str, name: str, overrides: list[str], stages: list[str]) -> Leaves:
        """Run an experiment; once more if the warm Python died of it, or beside it."""
        self._prepare(base)
        try:
            return experiment.run(self.root, base, name, overrides, stages)
        except Fault:
            if self._warm.is_alive:
                raise
        self._prepare(base)
        return experiment.run(self.root, base, name, overrides, stages)

    def _prepare(self, base: str) -> None:
        """Make the clone, unless there is one that can be used again."""
        if base == self._base and self._warm.is_alive:
            with contextlib.suppress(Fault, OSError):  # an earlier trial broke it
                experiments.clean(self.root, base)
                os.chdir(self.root)
                return
        if self._base:
            self._warm.close()
        self._base = ""
        os.chdir(self.home)
        shutil.rmtree(self._place, ignore_errors=True)
        self._place = Path(tempfile.mkdtemp(dir=self._folder))  # the old one may still be in use
        self.root, stages = experiments.prepare(self.home, base, self._place / "clone")
        self._warm = Warm(self.root, stages, self._place / "warm")
        os.environ.update(self._warm.environment)
        os.chdir(self.root)
        self._base = base


def value_of(metrics: dict[str, Any], metric: str) -> tuple[float, float | None]:
    """A metric and its standard error, or None.

    Raises Fault if there is no such number.
    """
    value, error = metrics.get(metric), metrics.get(error_of(metric))
    if not is_number(value) or math.isnan(value):
        raise Fault(f"the metrics have no number {metric}: it is {value}")
    return float(value), error if isinstance(error, int | float) else None


def main() -> None:
    home, folder = map(Path, sys.argv[1:])
    # Without its clone, removed under it, Git would find the user's repository further up.
    os.environ["GIT_CEILING_DIRECTORIES"] = str(folder.resolve())
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = folder / "log"
    output = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, folder), daemon=True).start()
    workshop = Workshop(home, folder)
    while True:
        task = json.loads(tasks.get())
        os.ftruncate(output, 0)
        start = time.perf_counter()
        try:
            result = workshop.run(task)
        except Exception as error:
            result = {"name": task["name"], "commit": None, "error": _blame(error, log)}
        sys.stdout.flush()
        result["seconds"] = round(time.perf_counter() - start, 3)
        result["log"] = log.read_text(encoding="utf-8", errors="replace")
        print(json.dumps(result), file=results, flush=True)


def _blame(error: Exception, log: Path) -> str:
    """Why a trial failed, in a line: DVC's reason, and the last words of the stage."""
    sys.stdout.flush()
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reason = str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
    return f"{reason}: {lines[-1]}" if lines and "failed to run" in reason else reason


def _listen(tasks: "queue.SimpleQueue[str]", folder: Path) -> None:
    for line in sys.stdin:
        tasks.put(line)
    for process in psutil.Process().children(recursive=True):  # at once; a clone may be large
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
