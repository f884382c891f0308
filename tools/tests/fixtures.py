"""What tests that drive real commands have: a home of their own, a warm Python, an S3 server."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import once
import pytest
import warm
from project import S3, sandbox

_run = contextlib.ExitStack()  # what is there from the start of a test run to its end


def pytest_configure() -> None:
    """Start what the processes of a test run share; they inherit the variables that name it."""
    if once.SHARED in os.environ:  # by another conftest.py of this run, or in the process above
        return
    folder = Path(_run.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    (folder / "once").mkdir()
    os.environ[once.SHARED] = str(folder / "once")
    _run.enter_context(warm.serving(folder / "warm", sandbox(folder / "home")))


def pytest_unconfigure() -> None:
    """End it, in the process that has started it."""
    _run.close()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs in the tests' own process cannot see the user's home either."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox(tmp_path_factory.mktemp("home")).items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    """A running S3 server with one bucket, named ``bucket``."""
    with S3.serving(tmp_path / "s3") as server:
        yield server
