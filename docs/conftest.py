"""A copy of this repository on three months of its data, in which the documentation is tried."""

from pathlib import Path

import once
import pytest
import warm
from fixtures import home, pytest_configure, pytest_unconfigure, s3
from project import ROOT, S3, Project, copy_tracked, sandbox
from small import SMALL

__all__ = ["home", "pytest_configure", "pytest_unconfigure", "s3"]


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """This repository with two commits, tagged v1 and v2, whose models differ. Do not change it."""
    folder = tmp_path_factory.mktemp("reproduced")
    project = Project(folder / "project", sandbox(folder / "home"))
    once.build("two models of the demo", project.path, lambda path: reproduce(path, project.env))
    return project


def reproduce(path: Path, env: dict[str, str]) -> None:
    """Copy this repository and commit two models of it."""
    project = Project(path, env)
    copy_tracked(ROOT, project.path)
    project.run("git", "init", "--quiet")
    for number, trees in enumerate((20, 25), start=1):
        project.set(**SMALL | {"train.hist_gradient_boosting.max_iter": trees})
        project.run("strata", "repro")
        project.commit(f"Model {number}")
        project.run("git", "tag", f"v{number}")


@pytest.fixture
def desk(reproduced: Project, s3: S3, tmp_path: Path) -> Project:
    """The project as a user has it: an environment in .venv, hooks, an S3 server."""
    copy = reproduced.copy(tmp_path / "project")
    desk = Project(copy.path, copy.env | s3.env)
    warm.set_up(desk.path)
    desk.run("make", "setup")
    return desk
