"""How a benchmark measures: in rounds, in which alternatives take turns; figures are medians.

CPU seconds are what else the machine does disturbs least, so they come first. For their sake a fit
has one thread: threads that wait for one another, on a machine with something else to do, burn CPU.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

HOME = Path(__file__).parents[1]
NOTHING = float("nan")  # not measured
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
HEAD = """\
| what | beside | CPU s | its CPU s | CPU | time | memory |
| --- | --- | --: | --: | --: | --: | --: |
"""


@dataclass(frozen=True)
class Cost:
    """What something took: seconds, CPU seconds with all children, and the most memory in MB."""

    wall: float
    cpu: float
    peak: float = NOTHING

    def times(self, factor: float) -> "Cost":
        """So much more work, in the same memory."""
        return Cost(self.wall * factor, self.cpu * factor, self.peak)

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak))

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


@dataclass(frozen=True)
class Row:
    """A line of a table: what something costs beside something else. Less than it is better."""

    what: str
    beside: str
    ours: Cost
    other: Cost


@dataclass(frozen=True)
class Section:
    """A part of the benchmarks: README.md has its text, its rows, and the versions it ran.

    Rows of a table with another ``head`` are lines as they stand there.
    """

    title: str
    text: str
    rows: Callable[[list[int]], Iterator[Row | str]]
    packages: list[str]  # of the peers
    sizes: tuple[int, ...] = ()  # what `make bench` takes
    head: str = HEAD


def middle(costs: list[Cost]) -> Cost:
    """The median of rounds, each figure by itself."""
    walls, cpus, peaks = zip(*((each.wall, each.cpu, each.peak) for each in costs), strict=True)
    return Cost(median(walls), median(cpus), median(peaks))


def cost_of(folder: Path, *command: str | Path, **env: str) -> Cost:
    """Run a command, watching the memory of all its processes; one that fails ends it all.

    Memory is PSS, which counts a page that processes share once.
    """
    peak, done = 0.0, threading.Event()

    def watch(process: psutil.Popen) -> None:
        nonlocal peak
        while not done.wait(0.25):
            held = 0
            try:
                for each in [process, *process.children(recursive=True)]:
                    held += each.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            peak = max(peak, held / 1e6)

    words = [str(word) for word in command]
    start = time.perf_counter()
    process = psutil.Popen(
        words, cwd=folder, env=os.environ | ONE_THREAD | env, stdout=subprocess.DEVNULL
    )
    watcher = threading.Thread(target=watch, args=(process,))
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(words)} failed in {folder}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak or NOTHING)


def run(folder: Path, *command: str) -> str:
    """Run a command that nobody measures, and return what it said."""
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def clone(path: Path, *, data: bool = False) -> Path:
    """Clone HEAD, with its data if asked, and with a cache of its own that knows no earlier run."""
    run(HOME, "git", "clone", "--quiet", ".", str(path))
    if data:
        cache = HOME / run(HOME, "dvc", "cache", "dir").strip()
        shutil.copytree(cache / "files", path / ".dvc/cache/files")
        run(path, "dvc", "checkout", "--quiet")
    return path
