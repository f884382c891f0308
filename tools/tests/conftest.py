"""Fixtures: small repositories of the tests' own, so that they hold beside any pipeline."""

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import tiny
import warm
from fixtures import home, pytest_configure, pytest_unconfigure, s3
from hypothesis import settings
from project import Project, Strata, publish, sandbox

from strata import cli

__all__ = ["home", "pytest_configure", "pytest_unconfigure", "s3"]

TABLE = re.compile(r"(?<=<!-- made by `make test-faults` -->\n).*?(?=<!-- end -->)", re.DOTALL)
_faults: dict[str, tuple[str, str]] = {}  # a test, its case, and the result, if it held


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare where the table of faults goes."""
    parser.addoption("--fault-table", type=Path, help="a page whose table is made of this run")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Send the row of a test with its report, to whichever process gathers them."""
    if mark := item.get_closest_marker("fault"):
        item.user_properties.append(("fault", mark.args))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the row of a test that ran; if it failed, that."""
    properties: dict[str, Any] = dict(report.user_properties)
    if "fault" in properties and (report.failed or report.when == "call"):
        case, result = properties["fault"]
        failed = report.failed or _faults.get(case, ("", ""))[1] == "**fails**"
        figure = properties.get("figure", "")  # what the test has counted
        _faults[case] = (case, "**fails**" if failed else result + figure)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, if it is asked for."""
    page = session.config.getoption("--fault-table")
    if page and not hasattr(session.config, "workerinput"):
        rows = [f"| {case} | {result} |" for case, result in sorted(_faults.values())]
        table = "\n".join(["| fault | result |", "|---|---|", *rows, ""])
        page.write_text(TABLE.sub(lambda _: table, page.read_text("utf-8")), encoding="utf-8")


# No deadline on a busy machine; where CI is set, the same examples each run.
settings.register_profile(
    "strata", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("strata")


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny pipeline, reproduced and committed. Do not change it."""
    folder = tmp_path_factory.mktemp("reproduced")
    return tiny.create(folder / "project", sandbox(folder / "home"))


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A fresh copy of the reproduced project, to do anything with."""
    return reproduced.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def two_models(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with two commits, tagged v1 and v2, whose models differ. Do not change it."""
    project = reproduced.copy(tmp_path_factory.mktemp("two") / "project")
    project.run("git", "tag", "v1")
    project.set(**{"train.skill": 1.5})
    project.run("dvc", "repro")
    project.commit("Raise the skill")
    project.run("git", "tag", "v2")
    return project


@pytest.fixture
def versions(two_models: Project, tmp_path: Path) -> Project:
    """A fresh copy of the project with two commits."""
    return two_models.copy(tmp_path / "project")


@pytest.fixture
def published(project: Project, tmp_path: Path) -> Project:
    """The project with its data and its commit on remotes."""
    project.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin"))
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin"))
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    project.commit("Set the storage")
    publish(project)
    return project


@pytest.fixture
def strata(capfd: pytest.CaptureFixture[str]) -> Strata:
    """Run ``strata`` as a user does, in this process (a second faster); returns what it printed.

    With ``code``, that must be its exit code; ``given`` is its standard input.
    """

    def run(project: Project, *arguments: str, code: int = 0, given: str = "") -> str:
        capfd.readouterr()
        stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
        with (
            contextlib.chdir(project.path),
            mock.patch("sys.stdin", stdin),
            mock.patch.dict(os.environ, warm.variables(os.environ)),
            mock.patch("sys.executable", warm.python(os.environ)),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            got = cli.main(list(arguments))
        out, err = capfd.readouterr()
        assert got == code, f"strata {arguments} gave {got}\n{out}{err}"
        assert "Traceback" not in out + err
        return out + err

    return run
