"""What surrounds a command: variables, settings of Git's, odd folders, submodules."""

from pathlib import Path

import pytest
import zoo
from project import Project, Strata, sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = tmp_path_factory.mktemp("surroundings")
    return zoo.create(path / "project", sandbox(path / "home"), zoo.plain())


@pytest.fixture
def project(plain: Project, tmp_path: Path) -> Project:
    """A fresh copy of the plainest repository of the zoo."""
    return plain.copy(tmp_path / "project")


def test_another_repository_than_that_of_the_folder_is_refused(
    project: Project, strata: Strata, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = project.copy(tmp_path / "other")
    for name, value in (("GIT_DIR", other.path / ".git"), ("GIT_WORK_TREE", other.path)):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(value))
            said = strata(project, "status", code=1)
            assert len(said.splitlines()) == 1
            assert "GIT_DIR or GIT_WORK_TREE names another repository" in said
            assert "at main" in strata(other, "status")
