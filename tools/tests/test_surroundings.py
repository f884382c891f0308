"""What surrounds a command: variables, settings of Git's, odd folders, submodules."""

from pathlib import Path

import pytest
import zoo
from project import Project, Strata, sandbox, state

from strata import git

pytestmark = pytest.mark.slow

SETTINGS = """
[blame]
 coloring = highlightRecent
[clone]
 rejectShallow = true
[color]
 ui = always
 status = always
 diff = always
 branch = always
[column]
 ui = always
 tag = always
[core]
 quotePath = true
 pager = false
 fsmonitor = no/such/hook
 abbrev = 5
[diff]
 orderFile = no/such/file
 noprefix = true
 mnemonicPrefix = true
 external = false
 ignoreSubmodules = all
 renames = copies
 autoRefreshIndex = false
[format]
 pretty = oneline
[log]
 showSignature = true
 decorate = full
 date = relative
 diffMerges = off
 follow = true
[pull]
 rebase = true
[status]
 branch = true
 short = true
 showStash = true
 showUntrackedFiles = no
 renames = copies
 submoduleSummary = true
[submodule]
 recurse = true
[tag]
 sort = -version:refname
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = tmp_path_factory.mktemp("surroundings")
    return zoo.create(path / "project", sandbox(path / "home"), zoo.plain())


@pytest.fixture
def project(plain: Project, tmp_path: Path) -> Project:
    """A fresh copy of the plainest repository of the zoo."""
    return plain.copy(tmp_path / "project")


def there_and_back(project: Project, strata: Strata, revision: str = "v1") -> None:
    """Restore another revision, and this one again."""
    before = state(project)
    strata(project, "restore", revision)
    assert state(project) != before
    strata(project, "restore", "-")
    assert state(project) == before


@pytest.mark.fault(
    "settings of the user's that change what Git prints, looks into or takes for a path",
    "restore, verify, status, report and gc work",
)
def test_settings_of_the_users(
    project: Project, strata: Strata, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (project.path / "ü.txt").write_text("a name that is quoted\n")
    project.commit("A name that is quoted")
    before = state(project)
    config = tmp_path / "gitconfig"
    config.write_text(Path(project.env["GIT_CONFIG_GLOBAL"]).read_text() + SETTINGS)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_ICASE_PATHSPECS", "1")
    there_and_back(project, strata)
    for command in (["status"], ["verify"], ["report", "--base", "v1"], ["gc", "--yes"]):
        strata(project, *command)
    assert state(project) == before


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


@pytest.mark.fault(
    "a submodule whose commit differs between two revisions, or from what a revision names",
    "restore works, leaves what is in it alone, and says so",
)
def test_a_submodule(project: Project, strata: Strata, tmp_path: Path) -> None:
    library = Project(tmp_path / "library", project.env)
    library.path.mkdir()
    library.run("git", "init", "--quiet")
    (library.path / "code.txt").write_text("old\n")
    library.commit("Old")
    project.run("git", "submodule", "--quiet", "add", str(library.path), "lib")
    project.commit("With a library")
    project.run("git", "tag", "old")
    inside = Project(project.path / "lib", project.env)
    (inside.path / "code.txt").write_text("newer\n")
    inside.commit("New")
    project.commit("With a newer library")
    (inside.path / "code.txt").write_text("mine\n")
    project.run("git", "config", "submodule.recurse", "true")
    said = strata(project, "restore", "old")
    assert "at another commit than it names: lib; `git submodule update --init`" in said
    assert inside.read("code.txt") == b"mine\n"
    strata(project, "restore", "main")
    assert inside.read("code.txt") == b"mine\n"
    assert project.run("git", "submodule", "status").startswith(" ")


@pytest.mark.fault("a project that is a submodule itself", "gc, restore and verify work")
def test_a_project_that_is_a_submodule(project: Project, strata: Strata, tmp_path: Path) -> None:
    above = Project(tmp_path / "above", project.env)
    above.path.mkdir()
    above.run("git", "init", "--quiet")
    above.run("git", "submodule", "--quiet", "add", str(project.path), "part")
    part = Project(above.path / "part", project.env)
    part.run("dvc", "repro", "--quiet")
    (part.path / "params.yaml").write_text("lr: 0.875\n")
    part.run("dvc", "repro", "--quiet")
    part.run("git", "reset", "--quiet")  # in a lock that only lies there
    assert "0 objects" in strata(part, "gc", "--yes")
    part.run("git", "reset", "--quiet", "--hard")
    part.run("dvc", "checkout", "--quiet")
    strata(part, "verify")
    there_and_back(part, strata)
    assert git.main_worktree(part.path) == part.path
    tree = Project(above.path / "tree", project.env)
    part.run("git", "worktree", "add", "--quiet", "--detach", str(tree.path))
    assert git.main_worktree(tree.path) == part.path


def test_a_path_is_no_pattern(project: Project) -> None:
    (project.path / "data1").write_text("Git's\n")
    project.commit("A file")
    assert git.tracked(project.path, "data1")
    assert not git.tracked(project.path, "data[1]")
    assert git.files(project.path, "HEAD", ":data1") == []
