"""Git's daily commands, with the hooks: none blocks without a way out, and none loses."""

import os
import shutil
from pathlib import Path

import pytest
import zoo
from project import Project, Strata, sandbox, state

pytestmark = pytest.mark.slow

CHECK = """repos:
  - repo: local
    hooks:
      - {id: lock, name: lock, entry: strata hook fresh-lock, language: system, always_run: true,
         pass_filenames: false}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The plain shape with all hooks and a branch ``side``, which leaves v1. Do not change it."""
    path = tmp_path_factory.mktemp("daily")
    project = zoo.create(path / "project", sandbox(path / "home"), zoo.plain())
    (project.path / ".pre-commit-config.yaml").write_text(CHECK)
    project.commit("Check before a commit")
    project.run("git", "switch", "--quiet", "--create", "side", "v1")
    (project.path / "notes.txt").write_text("side\n")
    project.commit("Notes")
    project.run("git", "switch", "--quiet", "main")
    project.run("pre-commit", "install", "--allow-missing-config")
    project.run("strata", "hook", "install")
    return project


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    """A fresh copy, at ``side``, with its data."""
    project = made.copy(tmp_path / "project")
    project.run("git", "switch", "--quiet", "side")
    assert project.read("model.txt") == b"0.5\n"
    return project


def follows(project: Project, lr: str) -> None:
    """All of the workspace, its data too, is of the commit with this parameter."""
    assert lr in project.read("params.yaml").decode()
    assert project.read("model.txt").decode() == f"{lr}\n"
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.fault("merge: fast-forward, true, squashed, pulled", "the data follows")
def test_merge(project: Project, tmp_path: Path) -> None:
    project.run("git", "merge", "--no-edit", "main")
    follows(project, "0.75")
    project.run("git", "checkout", "--quiet", "-B", "two", "v1")
    project.run("git", "merge", "--ff-only", "main")
    follows(project, "0.75")
    project.run("git", "checkout", "--quiet", "-B", "three", "v1")
    project.run("git", "merge", "--squash", "v2")
    assert project.read("model.txt") == b"0.75\n"
    project.run("git", "commit", "--message", "Squashed")
    project.run("git", "checkout", "--quiet", "-B", "four", "v1")
    project.run("git", "pull", "--quiet", "--rebase", ".", "main")
    follows(project, "0.75")


@pytest.mark.fault(
    "merge, rebase or cherry-pick with a conflict in the lock; aborted, or resolved",
    "as before; or a commit only with a lock that `dvc repro` made",
)
def test_conflicts(project: Project, strata: Strata) -> None:
    (project.path / "params.yaml").write_text("lr: 0.875\n")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "commit", "--all", "--message", "Another rate")
    before = state(project)
    for command in (["merge", "main"], ["rebase", "main"], ["cherry-pick", "v2"]):
        project.run("git", *command, fails=True)
        project.run("git", command[0], "--abort")
        assert state(project) == before
    project.run("git", "merge", "main", fails=True)
    project.run("git", "checkout", "--theirs", "dvc.lock")
    project.run("git", "checkout", "--ours", "params.yaml", "metrics.json")
    project.run("git", "add", "--all")
    said = project.run("git", "commit", "--no-edit", fails=True)
    assert "dvc repro && git add --update" in said
    project.run("dvc", "repro", "--quiet")
    project.run("git", "add", "--update")
    project.run("git", "commit", "--no-edit")
    follows(project, "0.875")
    assert "dvc.lock: fresh" in strata(project, "status")


@pytest.mark.fault("rebase of commits onto others' data", "the data follows at its end")
def test_rebase(project: Project) -> None:
    project.run("git", "rebase", "main")
    follows(project, "0.75")
    assert project.read("notes.txt") == b"side\n"


@pytest.mark.fault(
    "cherry-pick, revert, stash, pop, reset, checkout of single files: Git runs no hook after them",
    "`strata status` tells, `dvc checkout` brings the data; nothing lost",
)
def test_what_git_runs_no_hook_after(project: Project, strata: Strata) -> None:
    def behind(lr: str) -> None:
        said = strata(project, "status")
        assert "next: `dvc checkout`" in said
        project.run("dvc", "checkout", "--quiet")
        assert project.read("model.txt").decode() == f"{lr}\n"
        assert "behind" not in strata(project, "status")

    project.run("git", "cherry-pick", "v2")
    behind("0.75")
    project.run("git", "revert", "--no-edit", "HEAD")
    behind("0.5")
    (project.path / "params.yaml").write_text("lr: 0.875\n")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "stash")
    behind("0.5")
    project.run("git", "stash", "pop")
    behind("0.875")
    project.run("git", "reset", "--quiet", "--hard", "v2")
    behind("0.75")
    project.run("git", "checkout", "v1", "--", "params.yaml", "dvc.lock", "metrics.json")
    behind("0.5")
    project.run("git", "commit", "--message", "The old rate again")


@pytest.mark.fault(
    "commit, `commit -a` and `--amend` with a stale lock; a commit of other files meanwhile",
    "refused with the way out; the other files go through, and changes stay",
)
def test_commit(project: Project) -> None:
    project.run("git", "switch", "--quiet", "main")
    (project.path / "params.yaml").write_text("lr: 0.875\n")
    for options in (["--all", "-m", "x"], ["--all", "--amend", "--no-edit"], ["-m", "x", "."]):
        said = project.run("git", "commit", *options, fails=True)
        assert "dvc.lock is stale" in said
        assert "git commit --no-verify" in said
    (project.path / "notes.txt").write_text("more\n")
    project.run("git", "add", "notes.txt")
    project.run("git", "commit", "--message", "Other files")
    assert project.read("params.yaml") == b"lr: 0.875\n"
    project.run("git", "commit", "--all", "--no-verify", "--message", "Half done")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "commit", "--all", "--amend", "--no-edit")
    follows(project, "0.875")


@pytest.mark.fault(
    "what Git starts in a linked worktree, by an alias or `rebase --exec`, and so hands GIT_DIR on",
    "restore, verify, get and sweep work; their clones leave HEAD, index and files alone",
)
def test_an_alias_in_a_linked_worktree(project: Project, tmp_path: Path) -> None:
    project.run("git", "config", "alias.s", "!strata")
    linked = Project(tmp_path / "linked", project.env)
    project.run("git", "worktree", "add", "--quiet", str(linked.path), "main")
    linked.run("git", "s", "restore", "v1")
    follows(linked, "0.5")
    linked.run("git", "s", "restore", "-")
    follows(linked, "0.75")
    before = state(linked)

    def stands() -> None:
        assert state(linked) == before
        assert linked.run("git", "branch", "--show-current") == "main\n"
        assert linked.run("git", "status", "--porcelain") == ""

    assert "reproduces" in linked.run("git", "s", "verify", "v1")
    stands()
    how = ["--metric", "score", "--direction", "maximize", "--jobs", "1"]
    said = linked.run("git", "s", "sweep", "--name", "s", "-S", "lr=1,2", *how)
    assert "2 finished" in said
    stands()
    for path in (project.path / ".dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes() == b"0.5\n":
            path.chmod(0o644)
            path.unlink()
    linked.run("git", "s", "get", "v1", "model.txt", "--output", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == b"0.5\n"
    stands()
    linked.run("git", "rebase", "--quiet", "--exec", "strata verify && strata status", "HEAD~1")
    stands()


@pytest.mark.fault("bisect, with `dvc checkout` in its run", "left alone; the data is right after")
def test_bisect(project: Project, strata: Strata) -> None:
    project.run("git", "switch", "--quiet", "main")
    project.run("git", "bisect", "start", "main", "v1")
    said = project.run("git", "bisect", "run", "sh", "-c", "dvc checkout -q; grep 0.5 model.txt")
    assert "is the first bad commit" in said or "first 'bad' commit" in said
    project.run("git", "bisect", "reset")
    project.run("dvc", "checkout", "--quiet")
    follows(project, "0.75")


@pytest.mark.fault("a merge over an output that you changed and DVC has not", "yours stays, said")
def test_a_merge_over_an_output_of_yours(project: Project) -> None:
    (project.path / "model.txt").unlink()
    (project.path / "model.txt").write_text("mine")
    said = project.run("git", "merge", "--no-edit", "main")
    assert "`strata status` tells" in said
    assert project.read("model.txt") == b"mine"


@pytest.mark.fault(
    "commit.gpgsign with a gpg that fails; Git and the tools in another language",
    "restore, sweep and status work",
)
def test_other_settings_of_git(project: Project, strata: Strata) -> None:
    for name in ("commit.gpgsign", "tag.gpgsign"):
        project.run("git", "config", name, "true")
    project.run("git", "config", "gpg.program", "false")
    german = {"LANGUAGE": "de", "LC_ALL": "de_DE.UTF-8"}
    project = Project(project.path, project.env | german)
    project.run("strata", "restore", "v2")
    project.run("strata", "restore", "-")
    assert project.run("git", "branch", "--show-current") == "side\n"
    how = ["--metric", "score", "--direction", "maximize", "--jobs", "1"]
    assert "2 finished" in project.run("strata", "sweep", "--name", "s", "-S", "lr=1,2", *how)
    assert "dvc.lock: fresh" in project.run("strata", "status")


@pytest.mark.fault("core.autocrlf", "restore and status work; the lock stays as Git has it")
def test_autocrlf(project: Project, tmp_path: Path) -> None:
    clone = Project(tmp_path / "clone", project.env)
    project.run(
        *["git", "clone", "--quiet", "--config", "core.autocrlf=true", "--branch", "main"],
        *[str(project.path), str(clone.path)],
    )
    clone.run("dvc", "cache", "dir", "--local", str(project.path / ".dvc/cache"))
    assert b"\r\n" in clone.read("dvc.lock")
    for revision in ("v1", "v2", "main"):
        clone.run("strata", "restore", revision)
        assert clone.run("git", "status", "--porcelain") == ""
    assert "next: " in clone.run("strata", "status")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can chown")
@pytest.mark.fault("a repository of another user's", "refused in Git's words; safe.directory works")
def test_a_repository_of_another_user(project: Project) -> None:
    for path in [project.path, *project.path.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    said = project.run("strata", "status", fails=True)
    assert "dubious ownership" in said
    assert "safe.directory" in said
    config = Path(project.env["GIT_CONFIG_GLOBAL"])
    before = config.read_text()
    try:
        config.write_text(f"{before}[safe]\n directory = {project.path}\n")
        project.run("strata", "restore", "v2")
        assert "dvc.lock: fresh" in project.run("strata", "status")
    finally:
        config.write_text(before)
        shutil.rmtree(project.path)
