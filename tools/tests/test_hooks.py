"""The Git hooks, installed as `make hooks` does, and driven by git itself."""

from pathlib import Path

import pytest
from project import S3, Project

pytestmark = pytest.mark.slow


@pytest.fixture
def hooked(versions: Project) -> Project:
    """The project with two commits and its hooks installed."""
    versions.run("pre-commit", "install", "--allow-missing-config")
    versions.run("strata", "hook", "install")
    return versions


def test_git_checkout_alone_brings_back_old_models_bit_for_bit(hooked: Project) -> None:
    names = ["models/model.txt", "metrics/predictions.parquet"]
    new = [hooked.read(name) for name in names]
    hooked.run("git", "checkout", "v1")
    old = [hooked.read(name) for name in names]
    assert all(a != b for a, b in zip(new, old, strict=True))
    hooked.run("git", "checkout", "main")
    assert [hooked.read(name) for name in names] == new
    hooked.run("git", "checkout", "v1")
    assert [hooked.read(name) for name in names] == old
    assert "up to date" in hooked.run("dvc", "status")


def test_a_worktree_has_its_models_too(hooked: Project, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    hooked.run("git", "worktree", "add", "--detach", str(tree), "v1")
    there = Project(tree, hooked.env)
    assert "up to date" in there.run("dvc", "status")
    old = there.read("models/model.txt")
    there.run("git", "checkout", "--detach", "v2")
    assert there.read("models/model.txt") == hooked.read("models/model.txt") != old


def test_a_worktree_with_a_cache_of_its_own_keeps_it(hooked: Project, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    hooked.run("git", "worktree", "add", "--detach", str(tree), "v1")
    there = Project(tree, hooked.env)
    there.run("dvc", "cache", "dir", "--local", str(tmp_path / "own"))
    before = there.read(".dvc/config.local")
    there.run("git", "checkout", "--detach", "v2")
    assert there.read(".dvc/config.local") == before


def test_a_commit_whose_lock_is_stale_is_refused_with_the_way_out(hooked: Project) -> None:
    hooked.set(**{"train.skill": 7})
    hooked.run("git", "add", "--all")
    output = hooked.run("git", "commit", "--message", "Forgot to reproduce", fails=True)
    assert "train: param train" in output
    assert "dvc repro && git add --update" in output
    hooked.run("dvc", "repro")
    hooked.run("git", "add", "--update")
    hooked.run("git", "commit", "--message", "Reproduced")


def test_a_fresh_clone_without_data_can_commit(hooked: Project, tmp_path: Path) -> None:
    clone = Project(tmp_path / "clone", hooked.env)
    hooked.run("git", "clone", "--quiet", str(hooked.path), str(clone.path))
    clone.run("pre-commit", "install", "--allow-missing-config")
    clone.run("strata", "hook", "install")
    with (clone.path / "README.md").open("a", encoding="utf-8") as file:
        file.write("A line.\n")
    clone.run("git", "commit", "--all", "--message", "Add a line")


@pytest.mark.parametrize(
    ("secret", "named"),
    [
        (("access_key_id", "AKIA123"), "access_key_id of storage"),
        (("url", "https://me:pw@example.org/x"), "url of storage"),
    ],
)
def test_a_secret_in_the_config_is_refused(
    hooked: Project, secret: tuple[str, str], named: str
) -> None:
    hooked.run("dvc", "remote", "add", "--default", "storage", "s3://bucket/prefix")
    hooked.run("dvc", "remote", "modify", "storage", *secret)
    hooked.run("git", "add", "--all")
    assert named in hooked.run("git", "commit", "--message", "Oops", fails=True)


def test_rebase_and_bisect_are_left_alone(hooked: Project) -> None:
    model = hooked.read("models/model.txt")
    hooked.run("git", "bisect", "start", "v2", "v1")
    hooked.run("git", "checkout", "--force", "v1")
    assert hooked.read("models/model.txt") == model
    hooked.run("git", "bisect", "reset")


def test_push_takes_the_data_along_or_stops(hooked: Project, s3: S3, tmp_path: Path) -> None:
    hooked = Project(hooked.path, hooked.env | s3.env)
    origin = tmp_path / "origin.git"
    hooked.run("git", "init", "--quiet", "--bare", str(origin))
    hooked.run("git", "remote", "add", "origin", str(origin))
    hooked.run("git", "push", "origin", "v1:refs/heads/old")  # no storage yet: Git's part only
    assert s3.objects() == []

    hooked.run("strata", "storage", "s3://bucket/prefix")
    hooked.run("git", "add", "--all")
    hooked.run("git", "commit", "--message", "Use S3")
    output = hooked.run("git", "push", "origin", "main", AWS_SECRET_ACCESS_KEY="wrong", fails=True)
    assert "access denied" in output
    assert hooked.run("git", "ls-remote", "origin", "main") == ""

    hooked.run("git", "push", "origin", "main")
    clone = Project(tmp_path / "clone", hooked.env)
    hooked.run("git", "clone", "--quiet", "--branch", "main", str(origin), str(clone.path))
    clone.run("dvc", "pull")
    assert "up to date" in clone.run("dvc", "status")
    assert clone.read("models/model.txt") == hooked.read("models/model.txt")
