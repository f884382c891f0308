"""What a name means does not change by what a fetch brings, whatever that is called."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import Project, Strata, listener, sandbox
from scoring_project import scores

from strata import git as git_of
from strata.core.errors import Fault
from strata.dvc import registry
from strata.git import refs

AIM = ("--metric", "test.roc_auc", "--direction", "maximize")
COMMIT = ("commit", "--quiet", "--allow-empty", "--no-verify", "--message")


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone with a branch of its own, a tag, an experiment and a stranger's commit."""
    folder = tmp_path_factory.mktemp("refs")
    project = Project(folder / "clone", sandbox(folder / "home"))
    project.path.mkdir()
    origin = str(folder / "origin")
    for command in (
        ("init", "--quiet", "--initial-branch", "main"),
        (*COMMIT, "First"),
        ("tag", "v1"),
        (*COMMIT, "Second"),
        ("clone", "--quiet", "--bare", ".", origin),
        ("remote", "add", "origin", origin),
        ("fetch", "--quiet", "origin"),
        ("remote", "set-head", "origin", "main"),
        ("switch", "--quiet", "--create", "mine"),
        (*COMMIT, "Mine"),
        ("switch", "--quiet", "--detach"),
        (*COMMIT, "A stranger's"),
        ("update-ref", "refs/strange", "HEAD"),
        ("switch", "--quiet", "main"),
        ("switch", "--quiet", "mine"),
    ):
        project.run("git", *command)
    base = commit(project, "main")
    ref = f"refs/exps/{base[:2]}/{base[2:]}/trial"
    project.run("git", "update-ref", ref, "HEAD")
    return project


def commit(project: Project, name: str) -> str:
    return project.run("git", "rev-parse", f"{name}^{{commit}}").strip()


# What these mean, no reference changes.
SAFE = ["HEAD", "@", "HEAD~1", "@{-1}", "refs/heads/main", "refs/tags/v1"]
SAFE += ["refs/remotes/origin/main", "refs/remotes/origin/HEAD", "FETCH_HEAD"]
# What these mean, another reference may make ambiguous.
SHORT = [
    "main",
    "mine",
    "v1",
    "origin/main",
    "origin",
    "heads/main",
    "tags/v1",
    "trial",
    "v1^0",
    "main@{0}",
]
ABSENT = ["MERGE_HEAD", "refs/heads/x", "@{-9}", "x\0y", ""]  # nor does one come to have these
NAMES = [*SAFE, *SHORT, *ABSENT, "-x", "origin/HEAD", "ORIG_HEAD", "HEAD^{commit}"]
PLACES = ["refs/tags/", "refs/remotes/stranger/", "refs/", "refs/exps/aa/" + "a" * 38 + "/"]


@pytest.mark.slow
@pytest.mark.fault(
    "a fetch brings tags and branches that are called HEAD, origin/main, refs/heads/main or -x, or "
    "as a commit's hash (property test)",
    "no name comes to mean them: it means what it did, or is refused as ambiguous",
)
@settings(max_examples=10)
@given(st.sets(st.tuples(st.sampled_from(PLACES), st.integers(0, len(NAMES) + 3)), max_size=12))
def test_no_name_comes_to_mean_what_was_fetched(
    cloned: Project, hostile: set[tuple[str, int]]
) -> None:
    root, head = cloned.path, commit(cloned, "HEAD")
    hashes = [head, head[:9], head[:9].upper(), f"v1-1-g{head[:9]}"]
    before = {name: meaning(name, root) for name in (*SAFE, *SHORT, *hashes)}
    assert None not in before.values()
    trusted = refs.default_branches(root), refs.main_line(root), refs.merge_base(root)
    with fetched(cloned, [place + [*NAMES, *hashes][at] for place, at in hostile]):
        for name in (*SAFE, head):
            assert meaning(name, root) == before[name], name
        for name in (*SHORT, *hashes[1:]):
            assert meaning(name, root) in (before[name], None), name
        for name in ABSENT:
            assert meaning(name, root) is None, name
        now = refs.default_branches(root), refs.main_line(root), refs.merge_base(root)
        assert now == trusted


def meaning(name: str, root: Path) -> str | None:
    with contextlib.suppress(Fault):
        return refs.commit_of(name, root)
    return None


@contextlib.contextmanager
def fetched(project: Project, names: list[str]) -> Iterator[None]:
    """References to a stranger's commit, as far as Git takes them, for the time of a block."""
    own = set((git(project, "for-each-ref", "--format=%(refname)") or "").split())
    names = [name for name in names if name not in own and "\0" not in name]
    taken = [name for name in names if git(project, "update-ref", name, "refs/strange") is not None]
    try:
        yield
    finally:
        for name in taken:
            git(project, "update-ref", "-d", name)


def git(project: Project, *arguments: str) -> str | None:
    """What git prints, or None if it refuses."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=project.path, env=project.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if done.returncode else done.stdout


@pytest.mark.slow
@pytest.mark.fault(
    "a fetched tag is called `HEAD`, another `origin/HEAD`; its commit has a pipeline of its own",
    "`strata verify` and `sweep` run the workspace's; only its own storage is asked",
)
def test_a_tag_called_head_or_origin_is_a_tag(
    versions: Project, strata: Strata, tmp_path: Path
) -> None:
    versions.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "origin"))
    versions.run("git", "remote", "add", "origin", str(tmp_path / "origin"))
    versions.run("git", "push", "--quiet", "--no-verify", "origin", "HEAD:main")
    canary = tmp_path / "canary"
    with listener() as (port, guests):
        versions.run("git", "switch", "--quiet", "--detach")
        dvc = versions.path / "dvc.yaml"
        dvc.write_text(f"stages:\n  x:\n    cmd: echo > {canary}\n    outs: [x]\n")
        config = f"url = s3://b/p\nendpointurl = http://127.0.0.1:{port}\n"
        (versions.path / ".dvc/config").write_text(
            f"[core]\nremote = x\n['remote \"x\"']\n{config}"
        )
        versions.commit("A stranger's")
        for name in ("HEAD", "origin/HEAD", "origin/main"):
            versions.run("git", "update-ref", f"refs/tags/{name}", "HEAD")
        versions.run("git", "switch", "--quiet", "--force", "main")
        key = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        asked = Project(versions.path, versions.env | key)
        own = asked.run("git", "rev-parse", "--short=7", "refs/heads/main").strip()
        assert own in asked.run("strata", "verify")
        assert f"`main` at `{own}" in asked.run("strata", "report", "--base", "v1")
        asked.run("strata", "verify", "HEAD")
        strata(asked, "sweep", "--name", "s", *AIM, "-S", "train.skill=2.0", "--jobs", "1")
        assert "at main, all committed" in asked.run("strata", "status")
        assert not guests
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.fault(
    "a fetched tag puts a stranger's commit into the stage prod",
    "it does not count, and is listed with the reason; `predict --stage prod` runs the release",
)
def test_a_stage_is_what_the_own_branches_have(
    project: Project, strata: Strata, tmp_path: Path
) -> None:
    def tag(name: str, at: str) -> None:
        project.run("git", "tag", "--annotate", "--message", "x", name, at)

    scores(project)
    canary = tmp_path / "canary"
    project.run("git", "switch", "--quiet", "--create", "release/1")
    score = project.path / "score.py"
    score.write_text(f"open({str(canary)!r}, 'w')\n" + score.read_text())
    project.commit("A stranger's, or a release branch's")
    project.run("git", "switch", "--quiet", "main")
    tag("tiny@v9.0.0", "release/1")
    tag("tiny#prod#9", "release/1")
    rows = ("data/raw/2013-01.parquet", "-o", str(tmp_path / "out.parquet"))
    why = "tiny#prod#9 does not count: its commit is not on main"
    assert why in strata(project, "predict", "--stage", "prod", *rows, code=1)
    assert why in strata(project, "models")
    assert "tiny has no release" in strata(project, "bundle", "-o", str(tmp_path / "b"), code=1)
    tag("tiny@v0.1.0", "main")
    tag("tiny#prod#10", "main")
    assert "predictions of tiny@v0.1.0" in strata(project, "predict", "--stage", "prod", *rows)
    assert not canary.exists()
    strata(project, "models", "--html", str(tmp_path / "page.html"))
    assert why.partition(" ")[2] in (tmp_path / "page.html").read_text()
    set_release(project, 'branches = "release/1"')
    assert "prod" in strata(project, "models").splitlines()[2]
    assert "does not count" not in strata(project, "models")
    project.run("git", "switch", "--quiet", "release/1")
    project.run("git", "branch", "--move", "main", "trunk")
    assert "does not count" not in strata(project, "models")
    set_release(project, "branches = 7")
    assert "branches must be a name or a list of names" in strata(project, "models", code=1)


@pytest.mark.fault(
    "a fetch brings release tags of many models that nobody has heard of",
    "Git is not asked once for each: `strata models` takes no longer",
)
def test_git_is_not_asked_for_each_model_of_a_stranger(
    cloned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = git_of.run

    def noted(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
        asked.append(arguments[0])
        return run(*arguments, **options)

    monkeypatch.setattr(git_of, "run", noted)
    counts = []
    git(cloned, "tag", "--annotate", "--message", "x", "strange", "refs/strange")
    oid = cloned.run("git", "rev-parse", "strange").strip()
    names = [f"refs/tags/m{at}@v1.0.0" for at in range(20)]
    try:
        for name in names:
            git(cloned, "update-ref", name, oid)
            asked.clear()
            assert registry.names(cloned.path) == []
            counts.append(len(asked))
    finally:
        for name in ("refs/tags/strange", *names):
            git(cloned, "update-ref", "-d", name)
    assert len(set(counts)) == 1


def set_release(project: Project, line: str) -> None:
    """Give the project a setting of its releases in the place of the last."""
    file = project.path / "pyproject.toml"
    text = file.read_text().partition("[tool.strata.release]")[0]
    file.write_text(f"{text}[tool.strata.release]\n{line}\n")


@pytest.mark.slow
def test_where_signatures_are_asked_for_they_are_what_counts(
    project: Project, strata: Strata, tmp_path: Path
) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen")
    allowed = tmp_path / "allowed"
    project.run("git", "config", "gpg.format", "ssh")
    project.run("git", "config", "gpg.ssh.allowedSignersFile", str(allowed))
    for who in ("ours", "theirs"):
        key = str(tmp_path / who)
        project.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
    ours = (tmp_path / "ours.pub").read_text()
    allowed.write_text(f"tests@example.org {ours}")
    project.run("git", "config", "user.email", "tests@example.org")
    set_release(project, "signed = true")
    for name, key in (("1", "ours"), ("2", "theirs"), ("3", "")):
        sign = ["-c", f"user.signingkey={tmp_path / key}.pub"] if key else []
        how = "--sign" if key else "--annotate"
        project.run("git", *sign, "tag", how, "--message", "x", f"tiny@v{name}.0.0")
    lines = strata(project, "models").splitlines()
    assert lines[1].split()[:2] == ["tiny", "v1.0.0"]
    why = "does not count: it has no signature that `git verify-tag` accepts"
    assert lines[2:] == [f"tiny@v2.0.0 {why}", f"tiny@v3.0.0 {why}"]
    project.run("git", "config", "user.signingkey", f"{tmp_path / 'ours'}.pub")
    head = refs.commit_of("HEAD", project.path)
    git_of.place_tags(
        project.path, git_of.tag_objects(project.path, head, {"tiny@v4.0.0": "x"}, signed=True)
    )
    assert "v4.0.0" in strata(project, "models").splitlines()[1]
