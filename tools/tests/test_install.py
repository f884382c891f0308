"""The tools in an environment of their own, used in a repository that is not the template."""

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import files
from pathlib import Path

import pytest
import zoo
from project import Project, state

pytestmark = pytest.mark.slow

EXTRAS = (
    "joblib",
    "optuna",
    "sklearn",
    "scikit_learn",
    "pandas",
    "pyarrow",
    "distributed",
    "skrub",
    "matplotlib",
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """``strata`` of a virtual environment that has none of the extras."""
    venv = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", str(venv)], check=True)
    (site,) = venv.glob("lib/*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(EXTRAS) and not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    return [str(venv / "bin/python"), "-P", "-m", "strata.cli"]


def test_it_brings_one_package_and_nothing_that_runs_by_itself() -> None:
    brought = {path.parts[0] for path in files("dvc-strata") or []}
    assert {name for name in brought if not name.endswith(".dist-info")} <= {"strata", ".."}


@pytest.mark.thorough
def test_without_extras_the_rest_works_and_nothing_is_written(
    bare: list[str], tmp_path: Path
) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.plain())
    new = state(project)
    project = Project(project.path, project.env | {"PATH": os.defpath})
    sweep = ["sweep", "--name", "s", "-S", "lr=1,2", "--metric", "score"]
    look = ["look", "data.txt"]
    every = ((sweep, "sweep"), (["seeds", "3"], "sweep"), (["report"], "report"), (look, "look"))
    for command, extra in every:
        said = project.run(*bare, *command, fails=True)
        assert len(said.splitlines()) == 1
        assert said.endswith(f"not installed: pip install 'dvc-strata[{extra}]'\n")
    assert project.run("git", "status", "--porcelain") == ""
    assert "next: nothing" in project.run(*bare, "status")
    project.run(*bare, "restore", "v1")
    project.run(*bare, "verify", "v1")
    project.run(*bare, "restore", "-")
    assert state(project) == new
