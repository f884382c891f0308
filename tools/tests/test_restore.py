"""Going back to old model states: from the cache, from S3, from nothing but Git; and faults."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from project import S3, Project, heed_ctrl_c, sources, state

from strata.git import HOOKS

pytestmark = pytest.mark.slow

# The two commits share their data: it is in the workspace, so leaving one keeps it for the other.
OF_THE_MODEL = {"models/model.txt", "metrics/predictions.parquet"}
OUTPUTS = ["models/model.txt", "metrics/predictions.parquet", "metrics/metrics.json"]


def state_of_v1(versions: Project) -> dict[str, bytes]:
    """What v1 consists of; the project is back at main afterwards."""
    versions.run("strata", "restore", "v1")
    old = state(versions)
    versions.run("strata", "restore", "main")
    return old


def drop_cache(project: Project) -> None:
    shutil.rmtree(project.path / ".dvc/cache")


def use(project: Project, s3: S3) -> Project:
    """Give a project S3 storage with everything pushed to it."""
    project = Project(project.path, project.env | s3.env)
    project.run("strata", "storage", "s3://bucket/prefix")
    project.commit("Use S3")
    origin = project.path.with_name("origin.git")
    project.run("git", "init", "--quiet", "--bare", str(origin))
    project.run("git", "remote", "add", "origin", str(origin))
    project.run("strata", "hook", "install")
    project.run("git", "push", "origin", "main")
    for hook in HOOKS:
        (project.path / ".git/hooks" / hook).unlink()
    return project


def test_restore_and_back_from_the_cache(versions: Project) -> None:
    new = state(versions)
    versions.run("git", "checkout", "--quiet", "v1")
    versions.run("dvc", "checkout")
    old = state(versions)
    versions.run("git", "checkout", "--quiet", "main")
    versions.run("dvc", "checkout")
    assert all(old[name] != new[name] for name in OUTPUTS)

    said = versions.run("strata", "restore", "v1")
    assert state(versions) == old
    assert set(sources(said).values()) == {"cache"}
    assert "models/model.txt" in sources(said)
    assert "up to date" in versions.run("dvc", "status")

    versions.run("strata", "restore", "-")
    assert state(versions) == new
    assert versions.run("git", "branch", "--show-current").strip() == "main"
    versions.run("strata", "restore", "-")
    assert state(versions) == old


def test_restore_from_s3_when_the_cache_is_gone_and_by_rebuilding_when_both_are(
    versions: Project, s3: S3
) -> None:
    old = state_of_v1(versions)
    versions = use(versions, s3)

    drop_cache(versions)
    said = versions.run("strata", "restore", "v1")
    assert {path for path, at in sources(said).items() if at == "remote"} == OF_THE_MODEL
    assert state(versions) == old

    versions.run("strata", "restore", "main")
    drop_cache(versions)
    for path in s3.objects():
        path.unlink()
    said = versions.run("strata", "restore", "v1")
    assert {path for path, at in sources(said).items() if at == "rebuilt"} == OF_THE_MODEL
    assert state(versions) == old


def test_the_state_that_is_left_is_kept_even_if_the_cache_lost_it(versions: Project) -> None:
    new = state(versions)
    for path in (versions.path / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.read_bytes() == new["models/model.txt"]:
            path.chmod(0o644)
            path.unlink()
    versions.run("strata", "restore", "v1")
    said = versions.run("strata", "restore", "main")
    assert state(versions) == new
    assert set(sources(said).values()) == {"cache"}


def test_restore_an_experiment(project: Project) -> None:
    project.run(*["dvc", "exp", "run", "--name", "few", "-S", "train.seed=5"])
    model = project.read("models/model.txt")
    project.run("git", "checkout", "--force", "--quiet", "HEAD", "--", ".")
    project.run("dvc", "checkout", "--force")
    assert project.read("models/model.txt") != model
    project.run("strata", "restore", "few")
    assert project.read("models/model.txt") == model


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: (path / "params.yaml").write_text("mine"), "params.yaml"),
        (lambda path: (path / "data/raw/2013-01.parquet").write_text("mine"), "data/raw"),
    ],
)
def test_restore_refuses_to_lose_work(versions: Project, spoil: object, said: str) -> None:
    assert callable(spoil)
    spoil(versions.path)
    before = state(versions)
    output = versions.run("strata", "restore", "v1", fails=True)
    assert said in output
    assert "would be lost" in output
    assert "Traceback" not in output
    assert state(versions) == before


def test_an_untracked_file_stays_and_one_in_the_way_is_not_lost(versions: Project) -> None:
    notes = versions.path / "notes.txt"
    notes.write_text("mine")
    versions.run("strata", "restore", "v1")
    assert notes.read_text() == "mine"
    versions.run("strata", "restore", "-")

    (versions.path / "extra.txt").write_text("an output")
    versions.run("dvc", "add", "extra.txt")
    versions.commit("Track one more file")
    versions.run("git", "tag", "v3")
    versions.run("strata", "restore", "v2")
    (versions.path / "extra.txt").write_text("mine")
    assert "extra.txt" in versions.run("strata", "restore", "v3", fails=True)
    assert (versions.path / "extra.txt").read_text() == "mine"


def test_outputs_that_were_deleted_come_back_and_the_branch_stays(project: Project) -> None:
    before = state(project)
    shutil.rmtree(project.path / "data/raw")
    (project.path / "models/model.txt").unlink()
    assert "next: `strata restore HEAD`" in project.run("strata", "status")
    project.run("strata", "restore", "HEAD")
    assert state(project) == before
    assert project.run("git", "branch", "--show-current").strip() == "main"


def test_an_unknown_revision_is_said_to_be(versions: Project) -> None:
    before = state(versions)
    output = versions.run("strata", "restore", "v7", fails=True)
    assert output.startswith("strata restore: 'v7' is not a commit, tag, branch or experiment")
    assert len(output.splitlines()) == 1
    assert state(versions) == before


OTHERS = [pytest.param(each, marks=pytest.mark.thorough) for each in ("key", "bucket")]


@pytest.mark.parametrize("fault", ["down", *OTHERS])
def test_storage_that_does_not_answer_leaves_all_as_it_was(
    versions: Project, s3: S3, fault: str
) -> None:
    versions = use(versions, s3)
    drop_cache(versions)
    before = state(versions)
    env = {}
    if fault == "down":
        s3.stop()
    elif fault == "key":
        env = {"AWS_SECRET_ACCESS_KEY": "wrong"}
    else:
        versions.run("dvc", "remote", "modify", "--local", "storage", "url", "s3://other/prefix")

    output = versions.run("strata", "restore", "v1", fails=True, **env)

    words = {"down": "cannot be reached", "key": "access denied", "bucket": "no bucket 'other'"}
    assert words[fault] in output
    assert "--rebuild" in output
    assert "Traceback" not in output
    assert state(versions) == before
    if fault == "down":
        found = sources(versions.run("strata", "restore", "v1", "--rebuild"))
        assert {path for path, at in found.items() if at == "rebuilt"} == OF_THE_MODEL


def test_a_damaged_object_is_found_replaced_and_mended_on_the_remote(
    versions: Project, s3: S3
) -> None:
    old = state_of_v1(versions)
    versions = use(versions, s3)

    # In the cache: fetched again.
    for path in (versions.path / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.read_bytes() == old["models/model.txt"]:
            path.chmod(0o644)
            path.write_bytes(b"damaged")
    found = sources(versions.run("strata", "restore", "v1"))
    assert found.pop("models/model.txt") == "remote"
    assert set(found.values()) == {"cache"}
    assert state(versions) == old

    # On the remote, and the cache is gone: made again, and the remote is whole afterwards.
    versions.run("strata", "restore", "main")
    drop_cache(versions)
    s3.stop()
    damaged = 0
    for path in s3.objects():
        if path.read_bytes() in [old[name] for name in OF_THE_MODEL]:
            path.write_bytes(b"damaged")
            damaged += 1
    assert damaged == 2
    s3.start()
    found = sources(versions.run("strata", "restore", "v1"))
    assert {path for path, at in found.items() if at == "rebuilt"} == OF_THE_MODEL
    assert state(versions) == old

    versions.run("strata", "restore", "main")
    drop_cache(versions)
    found = sources(versions.run("strata", "restore", "v1"))
    assert {path for path, at in found.items() if at == "remote"} == OF_THE_MODEL
    assert state(versions) == old


def test_a_rebuild_with_other_bytes_is_judged_by_its_metrics(project: Project) -> None:
    # A stand-in for another platform: the model's bytes hold a word of the environment.
    train = project.path / "train.py"
    text = train.read_text(encoding="utf-8")
    text = text.replace('\\n")', " {os.environ['HERE']}\\n\")")
    train.write_text("import os\n" + text, encoding="utf-8")
    project.run("dvc", "repro", HERE="mars")
    project.commit("Train on Mars")
    project.run("git", "tag", "mars")
    project.run("git", "checkout", "--quiet", "--detach", "HEAD~1")
    project.run("dvc", "checkout")
    drop_cache(project)

    output = project.run("strata", "restore", "mars", HERE="venus")

    row = next(line for line in output.splitlines() if line.startswith("models/model.txt"))
    assert row.endswith("differs")
    assert "the tolerance is 0.001: the same model" in output
    assert b"venus" in project.read("models/model.txt")


def test_ctrl_c_leaves_a_whole_state_and_says_which(versions: Project) -> None:
    drop_cache(versions)
    before = state(versions)
    process = subprocess.Popen(
        ["strata", "restore", "v1"],
        cwd=versions.path,
        env=versions.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    assert process.stdout
    for line in process.stdout:
        if "Running stage 'train'" in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "the workspace is at main, as it was" in output
    assert state(versions) == before
    assert versions.run("git", "status", "--porcelain") == ""


def test_get_takes_an_output_and_leaves_the_workspace(versions: Project, tmp_path: Path) -> None:
    before = state(versions)
    target = tmp_path / "old.joblib"
    said = versions.run("strata", "get", "v1", "models/model.txt", "-o", str(target))
    assert "ok" in said
    assert target.read_bytes() != before["models/model.txt"]
    assert state(versions) == before

    month = tmp_path / "month.parquet"
    versions.run("strata", "get", "v1", "data/raw/2013-02.parquet", "-o", str(month))
    assert month.read_bytes() == before["data/raw/2013-02.parquet"]

    again = versions.run("strata", "get", "v1", "data/raw", "-o", str(target), fails=True)
    assert "exists" in again
    unknown = versions.run("strata", "get", "v1", "no/such", "-o", "x", fails=True)
    assert "which has data/raw, metrics/predictions" in unknown

    drop_cache(versions)
    rebuilt = tmp_path / "rebuilt.joblib"
    said = versions.run("strata", "get", "v1", "models/model.txt", "-o", str(rebuilt))
    assert "rebuilt" in said
    assert rebuilt.read_bytes() == target.read_bytes()


def test_verify_runs_everything_again_and_sees_a_lock_that_lies(versions: Project) -> None:
    assert "reproduces" in versions.run("strata", "verify", "v1")

    lock = yaml.safe_load(versions.read("dvc.lock"))
    lock["stages"]["evaluate"]["outs"][-1]["md5"] = "0" * 32
    (versions.path / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))
    versions.commit("Lie")
    output = versions.run("strata", "verify", fails=True)
    assert "does NOT reproduce" in output
