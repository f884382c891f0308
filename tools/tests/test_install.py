"""The tools in an environment of their own, used in a repository that is not the template."""

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points, files, requires
from pathlib import Path

import pytest
import zoo
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import Project, state

from strata.arguments import ABSENT, COMMANDS, installed

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
    "strata_adopt",
    "dvc_strata_adopt",
)


LARGE = {"matplotlib", "skrub", "sqlalchemy", "jinja2", "pandas", "scikit-learn"}


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


@pytest.mark.parametrize(
    ("distribution", "package"), [("dvc-strata", "strata"), ("dvc-strata-adopt", "strata_adopt")]
)
def test_it_brings_one_package_and_nothing_that_runs_by_itself(
    distribution: str, package: str
) -> None:
    brought = {path.parts[0] for path in files(distribution) or []}
    assert {name for name in brought if not name.endswith(".dist-info")} <= {package, ".."}


def required(distribution: str) -> set[str]:
    """What is installed with a distribution that is asked for without extras."""
    names, waiting = set[tuple[str, str]](), [(distribution, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in names:
            continue
        names.add((name, extra))
        for line in requires(name) or []:
            need = Requirement(line)
            if not need.marker or need.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(need.name), each) for each in ("", *need.extras)]
    return {name for name, _ in names}


def test_no_large_library_comes_with_the_tools_alone() -> None:
    assert not required("dvc-strata") & LARGE
    assert required("dvc-strata-adopt") >= LARGE


def test_a_command_of_another_package_is_found_by_its_entry_point() -> None:
    brought = {point.name: point.value for point in entry_points(group="strata.commands")}
    assert brought == {
        "look": "strata_adopt.commands:LOOK",
        "adopt": "strata_adopt.commands:ADOPT",
    }
    assert {name for name, command in COMMANDS.items() if command is ABSENT} == set(brought)
    assert installed()["adopt"].module == "strata_adopt.adopt"


@pytest.mark.parametrize("words", [[], ["adopt"], ["look"]])
def test_a_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom strata import cli\n"
        f"try: cli.main([*{words}, '--help'])\n"
        "except SystemExit: print({'dvc.repo', 'numpy', 'skrub'} & {*sys.modules})\n"
    )
    said = subprocess.check_output([sys.executable, "-P", "-c", code], encoding="utf-8")
    assert said.endswith("\nset()\n")
    assert "pip install" not in said


@pytest.mark.thorough
def test_without_extras_the_rest_works_and_nothing_is_written(
    bare: list[str], tmp_path: Path
) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.plain())
    new = state(project)
    project = Project(project.path, project.env | {"PATH": os.defpath})
    sweep = ["sweep", "--name", "s", "-S", "lr=1,2", "--metric", "score"]
    for command, missing in (
        (sweep, "'dvc-strata[sweep]'"),
        (["seeds", "3"], "'dvc-strata[sweep]'"),
        (["report"], "'dvc-strata[report]'"),
        (["look", "data.txt"], "dvc-strata-adopt"),
        (["adopt", "data.txt", "--target", "sold"], "dvc-strata-adopt"),
        (["adopt", "--help"], "dvc-strata-adopt"),
    ):
        said = project.run(*bare, *command, fails=True)
        assert len(said.splitlines()) == 1
        assert said.endswith(f"not installed: pip install {missing}\n")
    assert "pip install dvc-strata-adopt" in project.run(*bare, "--help")
    assert project.run("git", "status", "--porcelain") == ""
    assert "next: nothing" in project.run(*bare, "status")
    project.run(*bare, "restore", "v1")
    project.run(*bare, "verify", "v1")
    project.run(*bare, "restore", "-")
    assert state(project) == new
