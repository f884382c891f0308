"""The cost of each stage as the data grows, and of the first two in other engines.

A stage runs as a process of its own, without DVC and without reuse. DuckDB and polars make the same
features as `prepare` and `featurize`, month by month from the same files, in one query each; their
values are compared with ours. They skip the data checks and the files between the two stages. The
training fits only three trees, so that reading, encoding and holding the rows is what grows.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.environment import program
from benchmarks.measure import Cost, Row, Section, cost_of, middle, run
from benchmarks.months import TREES, arrive, grown, set_param

STAGES = ["prepare", "featurize", "train", "evaluate", "explain"]
KEY = ["date", "origin", "carrier", "flight"]
PEERS = {"DuckDB": "with_duckdb.py", "polars": "with_polars.py"}
MANY = 50  # months, from which on two rounds are enough


def stage(project: Path, name: str, **env: str) -> Cost:
    return cost_of(project, sys.executable, f"src/{name}.py", RECOMPUTE="1", **env)


def both(project: Path, **env: str) -> Cost:
    return stage(project, "prepare", **env) + stage(project, "featurize", **env)


def peer(project: Path, script: str) -> Cost:
    path = project / "benchmarks/peers" / script
    cost = cost_of(project, program("python"), path, PYTHONPATH=f"{project}/src")
    for ours in sorted((project / "data/features").glob("*.parquet")):
        same(pd.read_parquet(ours), pd.read_parquet(project / "peer" / ours.name))
    return cost


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Whether the features are equal, to the rounding of a float32, in whatever order of rows."""
    ours, theirs = (frame.sort_values(KEY, ignore_index=True) for frame in (ours, theirs))
    theirs = theirs[list(ours.columns)].astype(ours.dtypes.to_dict())
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-5)


def rows(sizes: list[int]) -> Iterator[Row]:
    known: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        project, names = grown(Path(folder), max(sizes))
        set_param(project, TREES, 3)
        for count in sizes:
            arrive(project, names[count - 1])
            run(project, "dvc", "repro", "--quiet", "featurize")
            took: dict[str, list[Cost]] = {way: [] for way in ["stages", "one core", *PEERS]}
            for _ in range(3 if count < MANY else 2):
                took["stages"].append(both(project))
                took["one core"].append(both(project, LOKY_MAX_CPU_COUNT="1"))
                for name, script in PEERS.items():
                    took[name].append(peer(project, script))
            what, ours = f"`prepare` and `featurize`, {count} months", middle(took.pop("stages"))
            for name, costs in took.items():
                yield Row(what, name, ours, middle(costs))
            for name in STAGES:
                cost = stage(project, name)
                if name in known:
                    times = count / sizes[0]
                    held = f"{cost.wall:.0f} s, {cost.peak / 1000:.2f} GB"
                    beside = f"{times:g} × that of {sizes[0]}; memory: × 1"
                    yield Row(
                        f"`{name}`, {count} months: {held}", beside, cost, known[name].times(times)
                    )
                else:
                    known[name] = cost


SECTION = Section("3. More rows", __doc__, rows, ["duckdb", "polars"], (10, 100))
