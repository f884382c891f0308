"""A copy of this repository on three months of its data, in which the documentation is tried."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from project import S3, Project, copy_tracked, sandbox

ROOT = Path(__file__).parents[1]
SMALL = {
    "ingest.through": "2013-03",
    "train.hist_gradient_boosting.max_iter": 20,
    "train.random_forest.n_estimators": 5,
    "evaluate.bootstrap_samples": 20,
    "explain.importance_rows": 500,
    "explain.importance_repeats": 1,
}


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """This repository with two commits, tagged v1 and v2, whose models differ.

    Made once, for all workers of pytest-xdist. Do not change it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "docs"
    folder.mkdir(exist_ok=True)
    project = Project(folder / "reproduced", sandbox(folder / "home"))
    ready = folder / "ready"
    with FileLock(folder / "reproduced.lock"):
        if not ready.exists():
            reproduce(project)
            ready.touch()
    return project


def reproduce(project: Project) -> None:
    """Copy this repository and commit two models of it."""
    copy_tracked(ROOT, project.path)
    project.run("git", "init", "--quiet")
    for number, trees in enumerate((20, 25), start=1):
        project.set(**SMALL | {"train.hist_gradient_boosting.max_iter": trees})
        project.run("strata", "repro")
        project.commit(f"Model {number}")
        project.run("git", "tag", f"v{number}")


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    """A running S3 server with one bucket, named ``bucket``."""
    with S3.serving(tmp_path / "s3") as server:
        yield server


@pytest.fixture
def desk(reproduced: Project, s3: S3, tmp_path: Path) -> Project:
    """The project as a user has it: an environment in .venv, hooks, an S3 server."""
    copy = reproduced.copy(tmp_path / "project")
    (copy.path / ".venv").symlink_to(sys.prefix)
    Path(sys.prefix, ".ready").touch()
    desk = Project(copy.path, copy.env | s3.env)
    desk.run("make", "hooks")
    return desk
