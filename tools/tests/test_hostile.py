"""What a fetched branch says is not trusted: hashes, paths, listings, links, code, broken files."""

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import psutil
import pytest
from audit import audit, events
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata, free_port, listener, push_of, state

from strata.core import trust
from strata.core.errors import Fault
from strata.dvc.revision import Revision
from strata.dvc.store import opened

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
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
DEEP = "".join(" " * level + "a:\n" for level in range(500))
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


@pytest.mark.parametrize(
    "path",
    ["Screenshot at 9.41.00\u202fAM.png", "\u200ephoto.jpg", "\uf8ff", "👩\u200d💻", "a b", "ü"],
)
def test_a_name_that_a_file_may_well_have(path: str) -> None:
    assert trust.checked_path(path) == path


@pytest.mark.parametrize("char", "\0\n\r\x1b\x7f\x85\u2028\u2029\u202e\u2066\ud800")
def test_a_name_that_misleads_is_refused(char: str) -> None:
    assert in_one_line(trust.checked_path, f"a{char}b") is None


@given(st.binary(max_size=300) | st.from_regex(rb"([-\\[{&*] ?|a: |b\n {0,9}){0,40}"))
def test_any_bytes_are_harmless_yaml_or_one_line(data: bytes) -> None:
    in_one_line(lambda text: trust.check_yaml(text, "x"), data)


JUNK = [
    b"!!python/object/apply:os.getcwd []",
    b"\t",
    b"- ",
    b": ",
    b"<<: *a",
    b"&a [*a]",
    b"[",
    b"{",
]
WHOLE = LOCK.format(path="models/model.txt", oid="0" * 32).encode()


@pytest.fixture(scope="module")
def locked(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose dvc.lock and .dvc file are written anew for each example."""
    project = reproduced.copy(tmp_path_factory.mktemp("locked") / "project")
    (project.path / "x.dvc").write_text("outs: [{hash: md5, md5: %s, path: x}]\n" % ("0" * 32))
    return project


@pytest.mark.fault(
    "any bytes as dvc.lock, .dvc file, list of a folder's files or path (property tests)",
    "a value, or one line",
)
@given(
    name=st.sampled_from(["dvc.lock", "x.dvc"]),
    at=st.integers(0, len(WHOLE)),
    cut=st.integers(0, 60),
    junk=st.binary(max_size=20) | st.sampled_from(JUNK),
)
def test_any_bytes_are_a_lock_or_one_line(
    locked: Project, name: str, at: int, cut: int, junk: bytes
) -> None:
    file = locked.path / name
    whole = file.read_bytes()
    text = WHOLE if name == "dvc.lock" else whole
    file.write_bytes(text[:at] + junk + text[at + cut :])
    try:
        with opened(locked.path) as store:
            for out in in_one_line(attrgetter("outputs"), Revision(store, None)) or []:
                assert trust.checked_path(out.path)
                assert trust.checked_hash(out.hash)
    finally:
        file.write_bytes(whole)


@pytest.mark.fault(
    "YAML whose aliases stand for billions of values, or that nests without end",
    "refused in one line, before it is parsed",
)
def test_aliases_count_as_what_they_stand_for() -> None:
    trust.check_yaml(BOMB.partition("a5")[0].encode(), "x")
    with pytest.raises(
        Fault, match="values that the aliases of a YAML file stand for, and at most 1,000,000"
    ):
        trust.check_yaml(BOMB.encode(), "x")
    with pytest.raises(Fault, match="101 levels to which values nest, and at most 100 "):
        trust.check_yaml(b"[" * 101, "x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("clone of https://ghp_x1@host/x: 404", "clone of https://***@host/x: 404"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://me:pw@host/x", "ssh://me:***@host/x"),
        ("http://h/x?X-Amz-Signature=ab&part=1", "http://h/x?X-Amz-Signature=***&part=1"),
        ("az://c/x?sv=1&sig=ab%3D", "az://c/x?sv=1&sig=***"),
    ],
)
def test_no_secret_of_an_address_is_shown(text: str, shown: str) -> None:
    assert str(Fault(text)) == shown


def test_a_message_is_cut_before_it_takes_ages_and_none_of_a_secret_is_shown() -> None:
    for text in ("?" + "key" * 1_000_000, "Invalid line (" * 1_000_000):
        assert str(Fault(text)) == text[:10_000] + "…"
    assert "pw" not in str(Fault("x" * 19_980 + "https://me:pw@host/x" + "x" * 9))


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
        "long": {"dvc.yaml": yaml, "dvc.lock": LOCK.format(path="model", oid="a" * 33)},
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
        "bomb": {"params.yaml": BOMB},
        "nested": {"dvc.lock": "stages: " + "[" * 50_000},
        "deep": {"dvc.yaml": "vars: [more.yaml]\n" + yaml, "more.yaml": DEEP},
        "deeper": {
            "dvc.yaml": yaml.replace("    outs", "    params: [other.yaml: [a]]\n    outs"),
            "other.yaml": DEEP,
        },
        "line": {"a\nb/dvc.yaml": yaml},
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
    assert "not a hash of DVC's" in strata(versions, "restore", "hash", code=1)
    assert "dvc.yaml of " in strata(versions, "restore", "hash", code=1)
    assert "not a path inside the repository" in strata(versions, "restore", "listing", code=1)
    assert "more.yaml: 101 levels" in strata(versions, "restore", "deep", code=1)
    assert "other.yaml: 101 levels" in strata(versions, "restore", "deeper", code=1)
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


@pytest.mark.slow
@pytest.mark.fault(
    "a fetched branch names a storage and an endpoint of its own, imports from a server, from a "
    "repository with its own endpoint and from a file of the user's, with a key in the environment",
    "nobody is asked, no such file is read; an audit hook in each Python process sees it",
)
def test_a_stranger_names_no_address(versions: Project, tmp_path: Path) -> None:
    canary = tmp_path / "private.txt"
    canary.write_text("private")
    (tmp_path / "tmp").mkdir()
    audited = audit(tmp_path / "audit") | {
        "TMPDIR": str(tmp_path / "tmp"),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    with listener() as (port, guests):
        there = f"http://127.0.0.1:{port}"
        remote = f"[core]\nremote = x\n['remote \"x\"']\nurl = s3://b/p\nendpointurl = {there}\n"
        file = "outs: [{hash: md5, md5: %s, size: 7, path: %s}]\n"
        oid = hashlib.md5(b"private").hexdigest()
        cases = {
            "url": f"deps: [{{path: '{there}/x', etag: abc}}]\n",
            "file": f"deps: [{{path: {canary}, hash: md5, md5: {oid}}}]\n",
            "remote": "deps: [{path: 'remote://x/a', etag: abc}]\n",
            "repo": f"deps: [{{path: a, repo: {{url: '{there}/r.git', rev_lock: {'a' * 40}}}}}]\n",
            "settings": f"deps: [{{path: a, repo: {{url: {tmp_path}/project, rev_lock: "
            f"{versions.run('git', 'rev-parse', 'v1').strip()}, config: {{core: {{remote: x}}, "
            f"remote: {{x: {{url: 's3://b/p', endpointurl: '{there}'}}}}}}}}}}]\n",
            "plain": "",
        }
        for name, deps in cases.items():
            frozen = "frozen: true\n" if deps else ""
            files = {"got.dvc": frozen + deps + file % (oid, "got"), ".dvc/config": remote}
            hostile(versions, name, files)
        before = state(versions)
        auditing = Project(versions.path, versions.env | audited)
        for name in cases:
            said = auditing.run("strata", "restore", name, fails=True)
            assert "got" in said
            if name != "plain":
                assert "if you trust it, check it out" in said
            assert state(versions) == before
        for name in ("file", "settings"):
            out = tmp_path / "tmp/out"
            auditing.run("strata", "get", name, "got", "--output", str(out), fails=True)
            assert not out.exists()
        auditing.run("strata", "report", "--base", "settings")
        auditing.run("strata", "status")
        auditing.run("strata", "gc", "--yes")
        assert not guests
    assert events(audited, "connect") == []
    assert [str(canary)] not in events(audited, "read", "write")
    homes = [versions.env["HOME"], versions.env["DVC_SITE_CACHE_DIR"], str(versions.path)]
    allowed = (*homes, audited["TMPDIR"], "/dev/", audited["AUDIT_LOG"])
    writes = {path for (path,) in events(audited, "write")}
    assert writes
    assert {path for path in writes if not path.startswith(allowed)} == set()


@pytest.mark.slow
@pytest.mark.fault(
    "SIGTERM while a stage runs in a temporary clone",
    "the clone, which only you could read, is gone, and so is the stage",
)
def test_a_rebuild_that_is_ended_leaves_nothing(versions: Project, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    started = tmp_path / "started"
    script = versions.path / "train.py"
    wait = (
        f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    script.write_text(wait + script.read_text())
    lock = versions.read("dvc.lock")
    versions.commit("Wait")
    before = state(versions)
    process = subprocess.Popen(
        ["strata", "verify"],
        cwd=versions.path,
        env=versions.env | {"TMPDIR": str(tmp_path / "tmp")},
    )
    while not (started.exists() and started.read_text()) and process.poll() is None:
        time.sleep(0.01)
    (clone,) = (tmp_path / "tmp").glob("strata-*")
    assert clone.stat().st_mode & 0o777 == 0o700
    process.terminate()
    assert process.wait() == 128 + signal.SIGTERM
    stage = int(started.read_text())
    while psutil.pid_exists(stage) and psutil.Process(stage).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not list((tmp_path / "tmp").glob("strata-*"))
    assert state(versions) == before
    assert versions.read("dvc.lock") == lock


@pytest.mark.slow
@pytest.mark.fault(
    "a password in a remote's URL, a token in the environment, a broken line with a key in "
    ".dvc/config.local",
    "in no message",
)
def test_no_message_has_a_secret(versions: Project, strata: Strata) -> None:
    local = versions.path / ".dvc/config.local"
    url = f"https://me:hunter2@127.0.0.1:{free_port()}/x"
    versions.run("dvc", "remote", "add", "--local", "--default", "far", url)
    for arguments in (["status"], ["status", "--remote"]):
        said = strata(versions, *arguments, code=1)
        assert "cannot be reached" in said
        assert "hunter2" not in said
    arguments, given = push_of(versions)
    assert "hunter2" not in strata(versions, *arguments, given=given, code=1)
    local.write_text(local.read_text() + "secret_access_key hunter2\n")
    said = strata(versions, "status", code=1)
    assert "config" in said
    assert "hunter2" not in said
