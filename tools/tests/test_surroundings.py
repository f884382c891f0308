"""What surrounds a command: variables, settings of Git's, odd folders, submodules."""

from pathlib import Path

import pytest
import zoo
from project import Project, Strata, sandbox, state

from strata import git
from strata.core.errors import Fault
from strata.dvc.store import opened, settings_in

pytestmark = pytest.mark.slow

SWEEP = ("--metric", "score", "--direction", "maximize", "--jobs", "1")
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


def test_what_python_makes_of_warnings_is_for_the_stages(project: Project) -> None:
    said = project.run("strata", "verify", PYTHONWARNINGS="error")
    assert "Warning" not in said
    text = (project.path / "dvc.yaml").read_text()
    warn = 'python -c "import warnings; warnings.warn(1)" &&'
    (project.path / "dvc.yaml").write_text(text.replace("cmd: grep", f"cmd: {warn} grep"))
    assert "UserWarning: 1" in project.run("strata", "repro", PYTHONWARNINGS="error", fails=True)


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
    "a sparse checkout that leaves out .dvc, or other files", "said, with the way out; works"
)
def test_a_sparse_checkout(project: Project, strata: Strata) -> None:
    (project.path / "docs").mkdir()
    (project.path / "docs/page.md").write_text("A page\n")
    project.commit("A page")
    project.run("git", "sparse-checkout", "set", "--no-cone", "/*", "!/docs/")
    assert not (project.path / "docs").exists()
    there_and_back(project, strata)
    assert not (project.path / "docs").exists()
    project.run("git", "sparse-checkout", "set", "--no-cone", "/*", "!/.dvc/")
    assert not (project.path / ".dvc/config").exists()
    before = state(project)
    for command in (["status"], ["restore", "v1"], ["verify"], ["gc", "--yes"]):
        said = strata(project, *command, code=1)
        assert len(said.splitlines()) < 3
        assert "`git sparse-checkout add .dvc`" in said
    assert state(project) == before
    project.run("git", "sparse-checkout", "add", ".dvc")
    assert "dvc.lock: fresh" in strata(project, "status")


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
    assert "not at the commit that it names: lib; `git submodule update --init`" in said
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


@pytest.mark.parametrize("name", ["{x}", "a, %(x)s #1 'a' [a]*"])
@pytest.mark.fault(
    "a folder whose name has a comma, braces, quotes, a pattern, or what settings fill in",
    "restore, verify and sweep work; with braces DVC runs no stage, which is said",
)
def test_an_odd_folder(plain: Project, tmp_path: Path, name: str) -> None:
    project = plain.copy(tmp_path / name)
    before = state(project)
    for command in (["restore", "v1"], ["restore", "-"], ["verify"]):
        project.run("strata", *command)
    sweep = ("sweep", "--name", "s", "-S", "lr=1", *SWEEP)
    said = project.run("strata", *sweep, fails="{" in name)
    assert "Traceback" not in said
    if "{" in name:  # no stage of DVC's runs there
        assert "DVC runs no stage in a folder with braces in its path" in said
        assert len(project.run("strata", "repro", fails=True).splitlines()) == 1
    assert "dvc.lock: fresh" in project.run("strata", "status")
    assert state(project) == before


def test_settings_of_dvcs_are_read_as_dvc_does(project: Project) -> None:
    text = '[core]\nremote = a\n[\'remote "a"\']\nurl = "../a, b"\n[cache]\ntype = reflink,copy\n'
    found = settings_in(text)
    assert found['remote "a"'] == {"url": "../a, b"}
    assert found["cache"] == {"type": "reflink,copy"}
    (project.path / ".dvc/config.local").write_text("[cache]\ndir = /a/%(x)s\n")
    with pytest.raises(Fault, match="config"), opened(project.path):
        pass
    with pytest.raises(Fault, match="config"):
        settings_in("[cache]\ndir = /a/%(x)s\n")


def test_a_path_is_no_pattern(project: Project) -> None:
    (project.path / "data1").write_text("Git's\n")
    project.commit("A file")
    assert git.is_tracked(project.path, "data1")
    assert not git.is_tracked(project.path, "data[1]")
    assert git.files(project.path, "HEAD", ":data1") == []
