"""What it costs to run the stages under DVC, a process each, over calling them in one process.

Prints CPU seconds (user and system, children included) of a cold `dvc repro` and of the same
``main`` functions called one after the other, their ratio, and each stage's peak memory. Works in
a temporary clone of HEAD; the numbers are this machine's, the ratio travels.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = ["params", "ingest", "prepare", "featurize", "train", "evaluate"]
IN_ONE_PROCESS = "; ".join(
    [
        "import sys; sys.path.insert(0, 'src'); import " + ", ".join(STAGES),
        *(f"print({stage}.main())" for stage in STAGES),
    ]
)


def cpu_of(folder: Path, *command: str) -> float:
    """Run a command and return the CPU seconds that it and its children used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak_of(folder: Path, *command: str) -> float:
    """Run a command and return the most memory it held at once, in MB."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    return usage.ru_maxrss * unit / 1e6


def clone(folder: str, name: str) -> Path:
    """Clone HEAD of this repository, without any of its data."""
    path = Path(folder) / name
    subprocess.run(["git", "clone", "--quiet", ".", str(path)], check=True)
    return path


def main() -> None:
    rounds = 3
    with tempfile.TemporaryDirectory() as folder:
        for name in range(rounds):
            bare = cpu_of(clone(folder, f"bare{name}"), sys.executable, "-c", IN_ONE_PROCESS)
            repro = cpu_of(clone(folder, f"dvc{name}"), "dvc", "repro", "--quiet")
            print(f"CPU: one process {bare:.1f} s, dvc repro {repro:.1f} s, {repro / bare:.2f}×")
        for stage in STAGES:
            peak = peak_of(Path(folder) / "dvc0", sys.executable, f"src/{stage}.py")
            print(f"peak memory of {stage}: {peak:.0f} MB")


if __name__ == "__main__":
    main()
