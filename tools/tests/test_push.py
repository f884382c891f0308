"""Nobody gets a commit without its data: what Git hands to pre-push, and pushes cut off."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zoo
from project import S3, Project, Strata, heed_ctrl_c, sandbox, sources

from strata.dvc.store import remove

pytestmark = pytest.mark.slow

REFUSED = "the push is refused, by output, commit and hash"


def shared(path: Path, shape: str, storage: str) -> Project:
    """A repository of the zoo with storage, hooks, and an empty repository as its origin."""
    project = zoo.create(path / "project", sandbox(path / "home"), zoo.SHAPES[shape]())
    project.run("dvc", "remote", "add", "--default", "store", storage)
    project.commit("Set storage up")
    project.run("git", "init", "--quiet", "--bare", str(path / "origin.git"))
    project.run("git", "remote", "add", "origin", str(path / "origin.git"))
    project.run("strata", "hook", "install")
    return project


def add(project: Project, value: float) -> str:
    """Commit another model; returns the commit."""
    (project.path / "params.yaml").write_text(f"lr: {value}\n")
    project.run("dvc", "repro", "--quiet")
    return project.commit(f"lr {value}")


def model(project: Project) -> Path:
    """The object of the workspace's model in the cache."""
    lines = (project.path / "dvc.lock").read_text().partition("path: model.txt")[2].splitlines()
    oid = next(line.split()[-1] for line in lines if "md5: " in line)
    return project.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def lose(path: Path) -> None:
    path.chmod(0o644)
    path.unlink()


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """The plain shape, with storage in a folder."""
    (tmp_path / "store").mkdir()
    return shared(tmp_path, "plain", str(tmp_path / "store"))


def pushed(project: Project) -> str:
    """What the origin has."""
    return project.run("git", "ls-remote", "--refs", "origin")


@pytest.mark.fault(
    "a push to an empty remote of a branch that is not checked out, of the second of two branches, "
    "of `--tags`, or of a later commit; one of the commits has an object that the cache has lost",
    REFUSED,
)
def test_every_commit_of_a_push_is_asked_for(plain: Project) -> None:
    plain.run("git", "switch", "--quiet", "--create", "side")
    lost = add(plain, 5)
    path = model(plain)
    data = path.read_bytes()
    lose(path)
    add(plain, 6)
    plain.run("git", "tag", "--annotate", "--message", "Tag", "tagged")
    plain.run("git", "switch", "--quiet", "main")
    plain.run("dvc", "checkout", "--quiet")
    plain.run("git", "tag", "fine")
    for refs in (["side"], ["main", "side"], ["--tags"], [f"{lost}:refs/heads/x"], ["--mirror"]):
        said = plain.run("git", "push", "origin", *refs, fails=True)
        assert f"model.txt of {lost[:7]} ({path.parent.name}{path.name})" in said, refs
        assert pushed(plain) == ""

    plain.run("git", "push", "origin", "main", "fine")
    path.write_bytes(data)
    plain.run("git", "push", "origin", "side", "tagged")
    lose(path)  # it is on the remote now
    shutil.rmtree(plain.path.parent / "origin.git")
    plain.run("git", "init", "--quiet", "--bare", str(plain.path.parent / "origin.git"))
    plain.run("git", "push", "origin", "--all")
    plain.run("git", "push", "--delete", "origin", "side")


def make_remotes_anew(project: Project, folder: Path) -> None:
    """Put an empty repository and an empty storage in the place of the ones there."""
    for name in ("origin.git", "store"):
        shutil.rmtree(folder / name)
    (folder / "store").mkdir()
    project.run("git", "init", "--quiet", "--bare", str(folder / "origin.git"))


@pytest.mark.fault(
    "a push to a remote that was made anew, with other storage, of which Git remembers commits",
    REFUSED,
)
def test_what_git_remembers_of_a_remote_is_not_believed(plain: Project, tmp_path: Path) -> None:
    plain.run("git", "push", "origin", "main", "v1", "v2")
    lost = plain.run("git", "rev-parse", "v1").strip()
    plain.run("git", "switch", "--quiet", "--detach", "v1")
    lose(model(plain))
    plain.run("git", "switch", "--quiet", "main")
    make_remotes_anew(plain, tmp_path)
    said = plain.run("git", "push", "origin", "HEAD:refs/heads/other", fails=True)
    assert f"model.txt of {lost[:7]}" in said
    assert pushed(plain) == ""


@pytest.mark.parametrize("shape", ["plain", "monorepo"])
@pytest.mark.fault(
    "a push from a worktree whose hooks never ran",
    "its data comes from the cache of the first worktree",
)
def test_a_worktree_whose_hooks_never_ran(shape: str, tmp_path: Path, strata: Strata) -> None:
    (tmp_path / "store").mkdir()
    project = shared(tmp_path, shape, str(tmp_path / "store"))
    tree = tmp_path / "tree"
    project.run("git", "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", str(tree))
    there = Project(tree / zoo.SHAPES[shape]().root, project.env)
    assert not (there.path / ".dvc/config.local").exists()
    there.run("git", "push", "origin", "tree", "v1")
    assert len(list((tmp_path / "store").rglob("*"))) > 2
    strata(there, "restore", "HEAD")
    assert "next: nothing" in strata(there, "status")


@pytest.mark.fault(
    "a push of data that was imported from a URL, whose source is another later",
    "the storage has it, as after `dvc push`, and brings it back",
)
def test_what_a_url_gave_is_stored(tmp_path: Path, strata: Strata) -> None:
    (tmp_path / "store").mkdir()
    project = shared(tmp_path, "import_url", str(tmp_path / "store"))
    assert "not on the remote: got.txt" in strata(project, "status")
    project.run("git", "push", "origin", "main")
    (tmp_path / "outside.txt").write_text("another\n")
    for place in (".dvc/cache", "got.txt"):
        remove(project.path / place)
    assert sources(strata(project, "restore", "HEAD"))["got.txt"] == "remote"
    assert project.read("got.txt") == b"outside\n"


@pytest.mark.fault(
    "a commit in the middle of a push has a broken dvc.lock", "said; its other commits go"
)
def test_a_broken_lock_in_the_middle_blocks_no_push(plain: Project) -> None:
    lock = plain.read("dvc.lock")
    (plain.path / "dvc.lock").write_bytes(b"<<<<<<< HEAD\n" + lock)
    broken = plain.commit("A broken lock")
    assert broken[:9] in plain.run("git", "push", "origin", "main", fails=True)
    (plain.path / "dvc.lock").write_bytes(lock)
    plain.commit("Mend it")
    assert f"dvc.lock of {broken[:9]} cannot be read" in plain.run("git", "push", "origin", "main")


@pytest.mark.fault(
    "hooks where core.hooksPath is set, or a hook of yours or pre-commit's is there",
    "yours stays, and the way to have both is said; pre-commit's runs both",
)
def test_hooks_of_others_stay(plain: Project, tmp_path: Path) -> None:
    hook = plain.path / ".git/hooks/pre-push"
    ours = hook.read_text()
    plain.run("strata", "hook", "install")
    assert hook.read_text() == ours
    hook.write_text("#!/bin/sh\necho mine\n")
    said = plain.run("strata", "hook", "install", fails=True)
    assert 'Add a line to it: strata hook pre-push "$@"' in said
    assert "mine" in plain.run("git", "push", "--dry-run", "origin", "main")

    hook.unlink()
    (plain.path / ".pre-commit-config.yaml").write_text("repos: []\n")
    plain.commit("pre-commit")
    plain.run("pre-commit", "install", "--hook-type", "pre-push")
    plain.run("strata", "hook", "install")
    lose(model(plain))
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir()
    assert "model.txt of " in plain.run("git", "push", "origin", "main", fails=True)

    plain.run("git", "config", "core.hooksPath", str(tmp_path / "hooks"))
    assert "core.hooksPath is set" in plain.run("strata", "hook", "install", fails=True)
    assert not (tmp_path / "hooks").exists()


@pytest.mark.thorough
@pytest.mark.fault(
    "20 mixed pushes of several refs to S3, with kills, lost objects and a dead server", ""
)
def test_twenty_mixed_pushes(
    tmp_path: Path,
    s3: S3,
    strata: Strata,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    project = shared(tmp_path, "plain", "s3://bucket/prefix")
    chance, cut, branches = random.Random(20), 0, ["main", "one", "two"]
    for name in branches[1:]:
        project.run("git", "branch", name)
    for number in range(20):
        for name in chance.sample(branches, chance.randint(1, 2)):
            project.run("git", "switch", "--quiet", name)
            add(project, 100 + number + len(name) / 10)
        lost = model(project)
        if chance.random() < 0.5:
            project.run("git", "tag", f"t{number}")
        how = chance.choice(["kill", "lost", "down", "whole", "whole", "kill"])
        if how == "lost":
            shutil.move(lost, tmp_path / "kept")
        if how == "down":
            s3.stop()
        refs = chance.choice([branches, ["--all"], ["--tags"], ["HEAD", "--tags"], ["one", "main"]])
        push = subprocess.Popen(
            ["git", "push", "--quiet", "origin", *refs],
            cwd=project.path,
            env=project.env | s3.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=heed_ctrl_c,
        )
        if how == "kill":
            time.sleep(chance.uniform(0.2, 2.5))
            if push.poll() is None:
                cut += 1
                group = chance.choice([os.kill, os.killpg])
                group(push.pid, chance.choice([signal.SIGTERM, signal.SIGKILL, signal.SIGINT]))
        cut += push.wait() != 0 and how != "kill"
        if how == "lost":
            shutil.move(tmp_path / "kept", lost)
        if how == "down":
            s3.start()

    clone = Project(tmp_path / "clone", project.env | s3.env)
    project.run(
        "git", "clone", "--quiet", "--no-checkout", str(tmp_path / "origin.git"), "../clone"
    )
    commits = clone.run("git", "rev-list", "--all", "--", "dvc.lock").split()
    for commit in commits:
        shutil.rmtree(clone.path / ".dvc/cache", ignore_errors=True)
        (clone.path / "model.txt").unlink(missing_ok=True)
        clone.run("git", "checkout", "--quiet", "--force", commit)
        assert set(sources(strata(clone, "restore", "HEAD")).values()) <= {"cache", "remote"}, (
            commit
        )
    assert cut >= 5
    record_property(
        "figure",
        f"{cut} cut off or refused; all {len(commits)} commits on the remote restore from storage "
        "alone, in a fresh clone without a cache",
    )


def demo(path: Path) -> tuple[Project, Project]:
    """A template of two versions whose data is nowhere, and a clone of it with its own storage."""
    template = zoo.create(path / "template", sandbox(path / "home"), zoo.SHAPES["plain"]())
    shutil.rmtree(template.path / ".dvc/cache")
    mine = Project(path / "mine", template.env)
    template.run("git", "clone", "--quiet", str(template.path), str(mine.path))
    begin(mine)
    return template, mine


def begin(project: Project) -> None:
    """Set storage and an origin of one's own."""
    path = project.path.parent
    (path / "store").mkdir()
    project.run("git", "init", "--quiet", "--bare", str(path / "origin.git"))
    project.run("dvc", "remote", "add", "--default", "store", str(path / "store"))
    project.commit("Set storage up")
    project.run("strata", "hook", "install")


RENAMED = pytest.param("rename", marks=pytest.mark.thorough)


@pytest.mark.parametrize("way", ["set-url", "remove", RENAMED])
@pytest.mark.fault(
    "the first push of a clone of the template, whose older commits name data that was never here",
    "said; yours goes with its data, and is refused if that is lost",
)
def test_data_of_commits_from_elsewhere_bars_no_push(tmp_path: Path, way: str) -> None:
    _, mine = demo(tmp_path)
    to = str(tmp_path / "origin.git")
    if way == "set-url":
        mine.run("git", "remote", "set-url", "origin", to)
    elif way == "remove":  # Git has noted what was cloned
        mine.run("git", "remote", "remove", "origin")
        mine.run("git", "remote", "add", "origin", to)
    else:
        mine.run("git", "remote", "rename", "origin", "template")
        mine.run("git", "remote", "add", "origin", to)
    (mine.path / "README.md").write_text("Mine\n")
    mine.commit("Name what the template names")
    lost = add(mine, 5)
    path = model(mine)
    data = path.read_bytes()
    lose(path)
    add(mine, 6)
    said = mine.run("git", "push", "origin", "main", fails=True)
    refused = [line for line in said.splitlines() if line.startswith("strata hook: model.txt of")]
    assert refused == [f"strata hook: model.txt of {lost[:7]} ({path.parent.name}{path.name})"]
    assert pushed(mine) == ""
    path.write_bytes(data)
    said = mine.run("git", "push", "origin", "main", "v1")
    assert "never here: commits from elsewhere name it" in said
    assert "refs/tags/v1" in pushed(mine)
    clone = Project(tmp_path / "clone", mine.env)
    mine.run("git", "clone", "--quiet", to, str(clone.path))
    clone.run("dvc", "pull", "--quiet")
    assert clone.read("model.txt") == mine.read("model.txt")


def test_what_was_fetched_bars_no_push_and_what_was_pushed_may(tmp_path: Path) -> None:
    template, mine = demo(tmp_path)
    add(template, 3)
    mine.run("git", "pull", "--quiet", "--no-rebase", "origin", "main")
    add(mine, 4)
    mine.run("git", "remote", "add", "backup", str(tmp_path / "origin.git"))
    mine.run("git", "push", "backup", "main")
    lose(model(mine))
    make_remotes_anew(mine, tmp_path)
    said = mine.run("git", "push", "backup", "main", fails=True)
    assert f"model.txt of {mine.run('git', 'rev-parse', 'HEAD')[:7]} (" in said


@pytest.mark.fault(
    "the first push of a repository begun from another's files, whose data was never here",
    "said; what was here and got lost is refused, though the first commit names it",
)
def test_a_first_commit_may_name_data_that_was_never_here(tmp_path: Path) -> None:
    env = sandbox(tmp_path / "home")
    template = zoo.create(tmp_path / "template", env, zoo.SHAPES["plain"]())
    copy = Project(tmp_path / "copy", env)
    kept = shutil.ignore_patterns(".git", "cache", "tmp")
    shutil.copytree(template.path, copy.path, ignore=kept)
    copy.run("git", "init", "--quiet")
    copy.commit("Begin")
    add(copy, 8)  # a stage that takes the place of the demo's
    begin(copy)
    copy.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    assert "never here" in copy.run("git", "push", "origin", "main")


@pytest.mark.parametrize("notes", ["state", "runs"])  # each is enough
def test_lost_data_of_a_first_commit_is_refused(tmp_path: Path, notes: str) -> None:
    mine = zoo.create(tmp_path / "mine", sandbox(tmp_path / "home"), zoo.SHAPES["plain"]())
    shutil.rmtree(mine.path / ".git")
    mine.run("git", "init", "--quiet")
    if notes == "state":
        shutil.rmtree(mine.path / ".dvc/cache")
        mine.run("dvc", "commit", "--force", "--quiet")  # no run of a stage
        shutil.rmtree(mine.path / ".dvc/cache/runs", ignore_errors=True)
    first = mine.commit("Begin")
    path = model(mine)
    add(mine, 8)
    if notes == "runs":
        shutil.rmtree(mine.env["DVC_SITE_CACHE_DIR"])
    lose(path)
    begin(mine)
    mine.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    said = mine.run("git", "push", "origin", "main", fails=True)
    assert f"model.txt of {first[:7]} (" in said
