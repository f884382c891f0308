"""`strata gc` keeps what anyone can still name, and says what it cannot know."""

import hashlib
from pathlib import Path

import pytest
from project import Project, Strata

pytestmark = pytest.mark.slow


def cached(project: Project, data: bytes) -> Path:
    """Where the cache keeps these bytes."""
    oid = hashlib.md5(data).hexdigest()
    return project.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


@pytest.mark.fault(
    "`strata gc` where a stage is gone from dvc.yaml, a lock is staged, stashed, broken or in "
    "another worktree",
    "what they name is kept",
)
def test_what_only_a_lock_names_is_kept(versions: Project, strata: Strata, tmp_path: Path) -> None:
    kept = []

    def model(skill: float) -> None:
        versions.set(**{"train.skill": skill})
        versions.run("dvc", "repro", "--quiet")
        kept.append(cached(versions, versions.read("models/model.txt")))

    def back() -> None:
        versions.run("git", "reset", "--quiet", "--hard")
        versions.run("dvc", "checkout", "--quiet")

    model(3.0)  # in a lock whose dvc.yaml no longer has the stage
    yaml = (versions.path / "dvc.yaml").read_text()
    (versions.path / "dvc.yaml").write_text("stages: {}\n")
    versions.commit("No stages, and a lock that stands")
    (versions.path / "dvc.yaml").write_text(yaml)
    versions.commit("Stages again")
    model(4.0)
    versions.run("git", "stash", "--quiet")
    back()
    model(5.0)
    text = (versions.path / "dvc.lock").read_text()
    (versions.path / "dvc.lock").write_text("<<<<<<< x\n" + text)
    versions.commit("A broken lock")
    versions.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    back()
    model(6.0)  # staged only, and in a worktree
    lock = versions.read("dvc.lock")
    back()
    versions.run("git", "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    (tmp_path / "tree/dvc.lock").write_bytes(lock)
    versions.run("git", "-C", str(tmp_path / "tree"), "add", "dvc.lock")
    (tmp_path / "tree/dvc.lock").write_text("gone from the file\n")
    stray = cached(versions, b"nobody's")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")

    assert "1 objects" in strata(versions, "gc", "--dry-run")
    assert stray.exists()
    strata(versions, "gc", "--yes")
    assert not stray.exists()
    assert all(path.exists() for path in kept)
    assert len(set(kept)) == 4


@pytest.mark.fault("`strata gc` after the branch of a release is gone", "its data and model stay")
@pytest.mark.parametrize("tag", ["tiny@v0.1.0", "tiny#prod#1"])
@pytest.mark.parametrize("options", [[], ["--with", "."]])
def test_a_release_keeps_its_data_and_model_when_only_its_tag_is_left(
    versions: Project, strata: Strata, tag: str, options: list[str]
) -> None:
    versions.set(**{"data.months": 3, "train.skill": 4.5})
    versions.run("dvc", "repro", "--quiet")
    model, months = (
        versions.read("models/model.txt"),
        sorted(path.read_bytes() for path in (versions.path / "data/raw").iterdir()),
    )
    versions.commit("Release this")
    versions.run("git", "tag", "--annotate", "--message", tag, tag)
    versions.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    versions.run("dvc", "checkout", "--quiet")
    versions.run("git", "reflog", "expire", "--expire=now", "--all")
    versions.run("git", "gc", "--quiet", "--prune=now")
    stray = cached(versions, b"nobody's")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    strata(versions, "gc", "--yes", *options)
    assert not stray.exists()
    assert all(cached(versions, data).exists() for data in (model, *months))
    table = strata(versions, "get", tag, "models/model.txt", "-o", str(versions.path / "old"))
    assert "cache" in table
    assert versions.read("old") == model


@pytest.mark.fault("`strata gc` in a shallow clone, or of a cache that others share", "refused")
def test_what_cannot_be_known_is_refused(versions: Project, strata: Strata, tmp_path: Path) -> None:
    shallow = Project(tmp_path / "shallow", versions.env)
    url = f"file://{versions.path}"
    versions.run("git", "clone", "--quiet", "--depth", "1", url, str(shallow.path))
    assert "this clone is shallow" in strata(shallow, "gc", "--yes", code=1)

    other = versions.copy(tmp_path / "other" / "project")
    for clone in (versions, other):
        clone.run("dvc", "cache", "dir", "--local", str(tmp_path / "shared"))
    other.set(**{"train.skill": 9.0})
    other.run("dvc", "repro", "--quiet")
    other.commit("Only here")
    versions.run("dvc", "repro", "--quiet", "--force")
    model = hashlib.md5(other.read("models/model.txt")).hexdigest()
    theirs = tmp_path / "shared/files/md5" / model[:2] / model[2:]
    assert "--with CLONE" in strata(versions, "gc", "--yes", code=1)
    assert theirs.exists()
    strata(versions, "gc", "--yes", "--with", str(other.path))
    assert theirs.exists()
