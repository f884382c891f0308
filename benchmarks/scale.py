"""What each stage costs as the data grows: the demo's months, repeated under other dates.

Prints seconds of wall clock and of CPU (children included) and the most memory that a stage and its
processes held (PSS, which counts a shared page once), for so many months as asked; then the same
when one more month arrives. The numbers are this machine's; how they grow travels.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil

STAGES = ["prepare", "featurize", "train", "evaluate", "explain"]
FIRST = pd.Period("2000-01")
INGEST = '''\
"""Bring in the months up to ingest.through from a folder that has many."""

import shutil
from pathlib import Path

import params
from stage import run


def main() -> str:
    through, raw = params.load(params.Ingest).through, Path("data/raw")
    shutil.rmtree(raw, ignore_errors=True)
    for path in sorted(Path("MONTHS").rglob("*.parquet")):
        if path.stem <= through or path.stem == "airports":
            target = raw / path.relative_to("MONTHS")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return "months"


if __name__ == "__main__":
    run("ingest", main)
'''


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, and the most memory in MB."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s {self.cpu:7.1f} CPU s {self.peak:6.0f} MB"


def cost_of(folder: Path, *command: str, **env: str) -> Cost:
    """Run a command, watching the memory of all its processes."""
    peak, done = 0.0, threading.Event()

    def watch(process: psutil.Process) -> None:
        nonlocal peak
        while not done.wait(0.05):
            held = 0
            try:
                for each in [process, *process.children(recursive=True)]:
                    held += each.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            peak = max(peak, held / 1e6)

    start = time.perf_counter()
    process = psutil.Popen(command, cwd=folder, env=os.environ | env, stdout=subprocess.DEVNULL)
    watcher = threading.Thread(target=watch, args=(process,))
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak)


def months(raw: Path, folder: Path, count: int) -> list[str]:
    """Write ``count`` months into ``folder``, each of the days of one of ``raw`` that it has."""
    known = sorted(path.stem for path in (raw / "flights").glob("*.parquet"))
    names = [str(FIRST + number) for number in range(count)]
    for table in ("flights", "weather"):
        (folder / table).mkdir(parents=True, exist_ok=True)
        frames = {name: pd.read_parquet(raw / table / f"{name}.parquet") for name in known}
        for name in names:
            new = pd.Period(name)
            old = pd.Period(known[min(new.month, len(known)) - 1])
            frame = frames[str(old)]
            frame = frame[frame["day"] <= new.days_in_month].reset_index(drop=True)
            moved = frame["time_hour"] + (new.start_time - old.start_time)
            frame = frame.assign(year=new.year, month=new.month, time_hour=moved)
            frame.to_parquet(folder / table / f"{name}.parquet", compression="zstd", index=False)
    shutil.copyfile(raw / "airports.parquet", folder / "airports.parquet")
    return names


def set_through(project: Path, month: str) -> None:
    """Say in params.yaml up to which month data has arrived."""
    path = project / "params.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = [f'  through: "{month}"\n' if "through:" in line else line for line in lines]
    path.write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("months", type=int, nargs="*", default=[10, 100])
    parser.add_argument("--stages", nargs="*", default=STAGES)
    parser.add_argument("--one-core", action="store_true", help="also on one")
    args = parser.parse_args()
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        project, every = Path(folder) / "project", Path(folder) / "months"
        subprocess.run(["git", "clone", "--quiet", ".", str(project)], check=True)
        names = months(home / "data/raw", every, max(args.months) + 1)
        ingest = project / "src/ingest.py"
        ingest.write_text(INGEST.replace("MONTHS", str(every)), encoding="utf-8")
        for count in args.months:
            set_through(project, names[count - 1])
            run = ["dvc", "repro", "--quiet", "featurize"]
            subprocess.run(run, cwd=project, check=True, stdout=subprocess.DEVNULL)
            rows = sum(len(pd.read_parquet(path, columns=["date"]))
                       for path in (project / "data/features").glob("*"))  # fmt: skip
            print(f"{count} months, {rows:,} rows", flush=True)
            for stage in args.stages:
                command = (sys.executable, f"src/{stage}.py")
                if args.one_core and stage in ("prepare", "featurize"):
                    alone = cost_of(project, *command, RECOMPUTE="1", LOKY_MAX_CPU_COUNT="1")
                    print(f"  {stage:10} {alone}  on one core", flush=True)
                print(f"  {stage:10} {cost_of(project, *command, RECOMPUTE='1')}", flush=True)
            set_through(project, names[count])
            print("  one more month", flush=True)
            cost_of(project, sys.executable, "src/ingest.py")
            for stage in args.stages:
                found = cost_of(project, sys.executable, f"src/{stage}.py")
                print(f"  {stage:10} {found}", flush=True)


if __name__ == "__main__":
    main()
