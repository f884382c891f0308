"""A small project of the real thing: a copy of this repository on three months of its data."""

import os
from dataclasses import dataclass
from pathlib import Path

import once
import project
import pytest
from fixtures import home, pytest_configure, pytest_unconfigure
from hypothesis import settings
from project import copy_tracked, sandbox
from small import SMALL

__all__ = ["home", "pytest_configure", "pytest_unconfigure"]

ROOT = Path(__file__).parents[1]

# No deadline on a busy machine; where CI is set, the same examples each run.
settings.register_profile(
    "project", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("project")


@dataclass(frozen=True)
class Project(project.Project):
    """A repository in a temporary folder and the environment its commands run in."""

    def files(self, folder: str) -> dict[str, bytes]:
        """The bytes of all files of a folder, by their paths in the project."""
        found = sorted(path for path in (self.path / folder).rglob("*") if path.is_file())
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in found}

    def undo(self) -> None:
        """Bring back what is committed, in a way that leaves nothing to do or to commit."""
        self.run("git", "checkout", "--force", "HEAD", "--", ".")
        self.run("dvc", "checkout", "--force")
        assert self.run("git", "status", "--porcelain") == ""
        assert "up to date" in self.run("dvc", "status")


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """This repository as it stands, on SMALL params, reproduced and committed. Do not change it.

    Its path has a space and an umlaut, as a user's may.
    """
    folder = tmp_path_factory.mktemp("pipeline")
    made = Project(folder / "mein Prüfstand", sandbox(folder / "home"))
    once.build("the demo", made.path, lambda path: reproduce(Project(path, made.env)))
    return made


def reproduce(project: Project) -> None:
    """Copy this repository, as it stands, and run its pipeline as `make repro` does."""
    copy_tracked(ROOT, project.path)
    project.run("git", "init", "--quiet")
    project.set(**SMALL)
    project.run("strata", "repro")
    project.commit("Reproduce three months")


@pytest.fixture(name="project")
def _project(reproduced: Project, tmp_path: Path) -> Project:
    """A fresh copy of the reproduced project, cache and all, to do anything with."""
    return reproduced.copy(tmp_path / "mein Prüfstand")
