"""Measure, and write what was measured into benchmarks/README.md.

python -m benchmarks                   what `make bench` does: every section, at small sizes
python -m benchmarks scale 10 300      one section, at these sizes, under a heading of its own
"""

import datetime
import os
import platform
import re
import sys
from importlib import import_module
from importlib.metadata import version
from math import isnan
from pathlib import Path

import psutil

from benchmarks.environment import versions
from benchmarks.measure import HOME, Row, Section, run

README = HOME / "benchmarks/README.md"
MEASURED = ["src", "dvc.yaml", "params.yaml", "requirements.lock"]
# And `flat`, only by name.
ALL = [
    *("pipeline", "arrival", "scale", "s3", "restore", "sweep", "serving", "starts"),
    *("intervals", "monitor"),
]


def line(row: Row) -> str:
    """A row of a table; a ratio that is worse than the other's is bold."""
    ours, other = row.ours, row.other
    pairs = [(ours.cpu, other.cpu), (ours.wall, other.wall), (ours.peak, other.peak)]
    cells = [row.what, row.beside, f"{ours.cpu:.2f}", f"{other.cpu:.2f}"]
    return f"| {' | '.join([*cells, *(ratio(one / two) for one, two in pairs)])} |\n"


def ratio(value: float) -> str:
    if isnan(value):
        return ""
    return f"**{value:.2f}**" if value > 1.05 else f"{value:.2f}"


def machine() -> str:
    """What this runs on, in a line."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    named = re.search(r"model name\s*: (.*)", info)
    cpu = named[1] if named else platform.processor()
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def measured(section: Section, sizes: list[int]) -> str:
    """Run a section, printing its rows as they come, and return its part of README.md."""
    commit = run(HOME, "git", "log", "-1", "--format=%h", "--", *MEASURED).strip()
    rows = []
    for row in section.rows(sizes):
        rows.append(row if isinstance(row, str) else line(row))
        print(rows[-1], end="", flush=True)
    ours = {name: version(name) for name in ("dvc", "pandas", "scikit-learn")}
    with_ = ", ".join(f"{name} {at}" for name, at in (ours | versions(section.packages)).items())
    when = f"Pipeline of commit {commit}, {datetime.date.today()}: {machine()}; {with_}."
    return f"{section.text.strip()}\n\n{section.head}{''.join(rows)}\n{when}\n"


def written(text: str, heading: str, part: str) -> str:
    """README.md with one section put in its place, and all others as they are."""
    top, *others = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = dict(other.split("\n", 1) for other in others)
    parts[heading] = f"\n{part}"
    return f"{top.rstrip()}\n\n" + "\n".join(
        f"## {name}\n{parts[name].rstrip()}\n"
        for name in sorted(parts, key=lambda name: (int(name.partition(".")[0]), name))
    )


def main() -> None:
    others = f":!{README.relative_to(HOME)}"  # which a section before this one may have written
    changed = run(HOME, "git", "status", "--porcelain", "--", ".", others)
    if changed:
        raise SystemExit(f"commit first, since what is measured is a clone of HEAD:\n{changed}")
    name, *sizes = sys.argv[1:] or [""]
    for each in [name] if name else ALL:
        section: Section = import_module(f"benchmarks.{each}").SECTION
        heading = f"{section.title}: {', '.join(sizes)}" if sizes else section.title
        print(f"\n## {heading}\n{section.head}", end="", flush=True)
        part = measured(section, [int(size) for size in sizes] or list(section.sizes))
        README.write_text(written(README.read_text(encoding="utf-8"), heading, part), "utf-8")


if __name__ == "__main__":
    main()
