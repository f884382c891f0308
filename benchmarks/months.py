"""More data: the demo's months, repeated under other dates, and an ingest that brings them in."""

import functools
import operator
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from benchmarks.measure import clone, run

FIRST = pd.Period("2000-01")
TREES = "train.hist_gradient_boosting.max_iter"
INGEST = '''\
"""Bring in the months up to ingest.through from a folder that has many."""

import shutil
from pathlib import Path

from kit.base import run
from params import Ingest, Params


def main() -> str:
    through, raw = Params.load(Ingest).through, Path("data/raw")
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


def grown(folder: Path, most: int) -> tuple[Path, list[str]]:
    """A clone with up to so many months to bring in, none of them computed yet; their names."""
    project, every = clone(folder / "project", data=True), folder / "months"
    names = months(project / "data/raw", every, most)
    shutil.rmtree(project / ".dvc/cache")
    ingest = INGEST.replace("MONTHS", str(every))
    (project / "src/ingest.py").write_text(ingest, encoding="utf-8")
    return project, names


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


def set_param(project: Path, name: str, value: Any) -> None:
    """Give a param of params.yaml another value."""
    path, yaml = project / "params.yaml", YAML()
    params = yaml.load(path.read_text(encoding="utf-8"))
    *outer, name = name.split(".")
    functools.reduce(operator.getitem, outer, params)[name] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def arrive(project: Path, month: str) -> None:
    """Say in params.yaml up to which month data has arrived."""
    set_param(project, "ingest.through", DoubleQuotedScalarString(month))


def committed(project: Path, month: str) -> str:
    """Let a month arrive, run the pipeline, and commit it; the commit."""
    arrive(project, month)
    run(project, "dvc", "repro", "--quiet")
    who = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    run(project, "git", *who, "commit", "--quiet", "--all", "--message", month)
    return run(project, "git", "rev-parse", "HEAD").strip()


def states(folder: Path, count: int) -> tuple[Path, list[str], list[Path]]:
    """A project with two commits, one of so many months and one of a month more.

    Beside them what each of them has pushed, as a folder of the same files.
    """
    project, names = grown(folder, count + 1)
    set_param(project, TREES, 3)
    commits, pushed = [], []
    for name in names[-2:]:
        commits.append(committed(project, name))
        pushed.append(folder / f"pushed {name}")
        run(project, "dvc", "remote", "add", "--local", "--force", "here", str(pushed[-1]))
        run(project, "dvc", "push", "--quiet", "--remote", "here")
    return project, commits, pushed
