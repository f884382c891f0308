"""What a fetched branch says is not trusted: hashes, paths, listings, links, code, broken files."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata, state

from strata import trust
from strata.errors import Fault

LOCK = """schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: {path}
      hash: md5
      md5: {oid}
      size: 4
"""
YAML = "stages:\n  train:\n    cmd: python train.py\n    outs: [{path}]\n"
GOOD = hashlib.md5(b"evil").hexdigest()


def in_one_line(check: Callable[[Any], Any], value: object) -> Any:
    """What a check returns, or None if it refuses the value in one line."""
    said = ""
    try:
        return check(value)
    except Fault as fault:
        said = str(fault)
    assert len(said.splitlines()) == 1
    return None


@given(st.binary(max_size=200) | st.from_regex(rb'\[\{"md5": "[0-9a-f]{32}", "relpath": ".*"\}\]'))
def test_any_bytes_are_a_listing_or_one_line(data: bytes) -> None:
    found = in_one_line(trust.listing, data) or {}
    for path, oid in found.items():
        assert Path("/top", path).resolve().is_relative_to("/top/")
        assert trust.HASH.fullmatch(oid)


@given(st.text(max_size=40) | st.from_regex(r"(\.\./|/|\\|[a-z]:|\.git/|\.DVC/|a/){0,4}x"))
def test_a_path_stays_inside_or_is_refused_in_one_line(path: str) -> None:
    if in_one_line(trust.checked_path, path) is not None:
        assert Path("/top", path).resolve().is_relative_to("/top/")
        assert not {".git", ".dvc"} & set(path.lower().split("/"))


def hostile(project: Project, name: str, files: dict[str, str]) -> None:
    """A branch with some files, as it would be fetched."""
    project.run("git", "switch", "--quiet", "--create", name, "v1")
    for path, text in files.items():
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        (project.path / path).write_text(text)
    project.run("git", "add", "--all", "--force", *files)
    project.run("git", "commit", "--quiet", "--no-verify", "--message", name)
    project.run("git", "switch", "--quiet", "--force", "main")


def cached(project: Project, data: bytes, suffix: str = "") -> str:
    """Put an object into the cache, as a fetch would; returns its hash."""
    oid = hashlib.md5(data).hexdigest() + suffix
    path = project.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return oid


@pytest.mark.slow
@pytest.mark.fault(
    "a revision names hashes, paths or links that lead out of the repository, or has broken files",
    "refused in a line that names commit and file; nothing outside read, written or removed",
)
def test_hostile_revisions(versions: Project, strata: Strata, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    outside = {path: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()}
    cached(versions, b"evil")
    escape = json.dumps([{"md5": GOOD, "relpath": "../../canary"}]).encode()
    listing = cached(versions, escape, ".dir")
    code = f"from pathlib import Path\nPath({str(canary)!r}).write_text('dead')\n"
    yaml = YAML.format(path="model")
    cases = {
        "hash": {"dvc.yaml": yaml, "dvc.lock": LOCK.format(path="model", oid="../../../../x")},
        "deep": {"dvc.yaml": yaml, "dvc.lock": LOCK.format(path="model", oid="a" * 33)},
        "path": {
            "dvc.yaml": YAML.format(path="../canary"),
            "dvc.lock": LOCK.format(path="../canary", oid=GOOD),
        },
        "git": {
            "dvc.yaml": YAML.format(path=".git/hooks/post-checkout"),
            "dvc.lock": LOCK.format(path=".git/hooks/post-checkout", oid=GOOD),
        },
        "listing": {"dvc.yaml": yaml, "dvc.lock": LOCK.format(path="model", oid=listing)},
        "markers": {"dvc.lock": "<<<<<<< HEAD\n=======\n>>>>>>> x\n"},
        "scalar": {"dvc.lock": "just words\n"},
        "tag": {"dvc.lock": "!!python/object/apply:os.system ['touch x']\n"},
        "yaml": {"dvc.yaml": "stages: [\n"},
        "config": {".dvc/config": "[core\nremote = x\n"},
    }
    for name, files in cases.items():
        hostile(versions, name, files)
    before = state(versions)
    for name in cases:
        said = strata(versions, "restore", name, code=1)
        assert len(said.splitlines()) == 1, said
        assert state(versions) == before
        strata(versions, "get", name, "model", "--output", str(tmp_path / "got"), code=1)
        assert not (tmp_path / "got").exists()
    assert "no hash of DVC's" in strata(versions, "restore", "hash", code=1)
    assert "dvc.yaml of " in strata(versions, "restore", "hash", code=1)
    assert "no path inside the repository" in strata(versions, "restore", "listing", code=1)
    strata(versions, "gc", "--yes")  # no broken commit blocks it

    # Through a symbolic link of the revision's own, and past code that calls itself DVC.
    versions.run("git", "switch", "--quiet", "--create", "link", "v1")
    (versions.path / "out").symlink_to(tmp_path, target_is_directory=True)
    for path, text in {
        "dvc.yaml": YAML.format(path="out/canary"),
        "dvc.lock": LOCK.format(path="out/canary", oid=GOOD),
        "dvc/__init__.py": code,
        "strata/__init__.py": code,
    }.items():
        (versions.path / path).parent.mkdir(exist_ok=True)
        (versions.path / path).write_text(text)
    versions.commit("link")
    versions.run("git", "switch", "--quiet", "--force", "main")
    said = versions.run("strata", "restore", "link", fails=True)
    assert "leads out of the repository" in said or "cannot be read" in said, said
    assert state(versions) == before
    assert {path: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()} == outside
