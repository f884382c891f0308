"""Storage, status and gc, against a real S3 server on loopback."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from project import S3, Project, Strata, sources

pytestmark = pytest.mark.slow


def clone_of(project: Project, path: Path, s3: S3) -> Project:
    project.run("git", "clone", "--quiet", str(project.path), str(path))
    return Project(path, project.env | s3.env)


def stored(project: Project, s3: S3) -> Project:
    project = Project(project.path, project.env | s3.env)
    project.run("strata", "storage", "s3://bucket/prefix")
    project.commit("Use S3")
    return project


def test_push_and_pull_of_the_whole_project(project: Project, s3: S3, tmp_path: Path) -> None:
    project = stored(project, s3)
    assert "next: `dvc push`" in project.run("strata", "status")
    project.run("dvc", "push")
    assert "next: nothing" in project.run("strata", "status")
    config = project.read(".dvc/config").decode()
    assert "verify = true" in config
    assert "secret" not in config

    clone = clone_of(project, tmp_path / "clone", s3)
    assert "next: `strata restore HEAD`" in clone.run("strata", "status")
    clone.run("dvc", "pull")
    assert "up to date" in clone.run("dvc", "repro")
    assert clone.read("models/model.txt") == project.read("models/model.txt")


@pytest.mark.thorough
def test_a_push_killed_half_way_is_repeated_whole(project: Project, s3: S3, tmp_path: Path) -> None:
    (project.path / "many").mkdir()
    for number in range(200):  # a push of so many does not end before it is killed
        (project.path / f"many/{number}").write_text(str(number))
    project.run("dvc", "add", "many")
    project = stored(project, s3)
    push = subprocess.Popen(
        ["dvc", "push", "--jobs", "1"],
        cwd=project.path,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not s3.objects() and push.poll() is None:
        time.sleep(0.01)
    push.kill()
    push.wait()
    assert "next: `dvc push`" in project.run("strata", "status")
    # The server answers 500 as long as it has not noticed that the first push is gone.
    project.run("dvc", "push", AWS_MAX_ATTEMPTS="10")
    clone = clone_of(project, tmp_path / "clone", s3)
    clone.run("dvc", "pull")
    assert set(sources(clone.run("strata", "restore", "HEAD")).values()) == {"cache"}


@pytest.mark.thorough
def test_two_clones_push_at_once(versions: Project, s3: S3, tmp_path: Path) -> None:
    one = stored(versions, s3)
    two = one.copy(tmp_path / "two")
    two.run("git", "checkout", "--quiet", "v1")
    two.run("dvc", "checkout")
    two.run("git", "checkout", "--quiet", "main", "--", ".dvc/config")
    both = [
        subprocess.Popen(["dvc", "push"], cwd=each.path, env=each.env, stdout=subprocess.DEVNULL)
        for each in (one, two)
    ]
    assert [process.wait() for process in both] == [0, 0]
    clone = clone_of(one, tmp_path / "clone", s3)
    for revision in ("v2", "v1"):
        # These are older than the storage: they do not name it, and it has their data.
        found = sources(clone.run("strata", "restore", revision))
        assert set(found.values()) <= {"cache", "remote"}


def test_a_remote_without_an_address_is_said(project: Project, strata: Strata) -> None:
    project.run("git", "branch", "older")
    text = project.read(".dvc/config").decode().replace("[core]", "[core]\n    remote = s3")
    text += "['remote \"s3\"']\n    verify = true\n"
    (project.path / ".dvc/config").write_text(text)
    project.commit("Name a remote, and not where it is")
    project.run("git", "switch", "--quiet", "older")
    said = strata(project, "status", code=1)
    assert ".dvc/config of main: the remote 's3' has no url" in said


def test_status_says_what_is_stale_and_what_is_nowhere(project: Project, s3: S3) -> None:
    assert "dvc.lock: fresh" in project.run("strata", "status")
    project.set(**{"train.seed": 3})
    said = project.run("strata", "status")
    assert "dvc.lock: stale" in said
    assert "train: param train" in said
    assert "next: `dvc repro`" in said
    project.run("git", "checkout", "--quiet", "params.yaml")

    project = stored(project, s3)
    shutil.rmtree(project.path / ".dvc/cache")
    said = project.run("strata", "status")
    assert "in neither the cache nor the remote: data/raw" in said
    s3.stop()
    said = project.run("strata", "status", fails=True)
    assert "cannot be reached" in said
    assert "nothing" not in said.splitlines()[-1]


@pytest.mark.fault(
    "an object on the remote has other bytes, as long as before",
    "`strata status --remote` finds it, and mends it from the cache; else `strata restore` does",
)
def test_status_reads_the_remote_and_mends_it(
    project: Project, s3: S3, strata: Strata, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    assert "no remote is set" in strata(project, "status", "--remote", code=1)
    project = stored(project, s3)
    project.run("dvc", "push")
    model = project.read("models/model.txt")

    def damage() -> None:
        s3.stop()
        (path,) = (path for path in s3.objects() if path.read_bytes() == model)
        path.write_bytes(model[::-1])
        s3.start()

    assert "5 objects read, 0 damaged" in strata(project, "status", "--remote")
    damage()
    assert "next: nothing" in strata(project, "status")  # it is there
    said = strata(project, "status", "--remote")
    assert "5 objects read, 1 damaged" in said
    assert "mended from the cache: models/model.txt" in said
    damage()
    shutil.rmtree(project.path / ".dvc/cache")
    (project.path / "models/model.txt").unlink()
    said = strata(project, "status", "--remote", code=1)
    assert "damaged on the remote, and the cache has no good copy: models/model.txt" in said
    assert "next: `strata restore HEAD`" in said
    strata(project, "restore", "HEAD")
    assert project.read("models/model.txt") == model
    assert "0 damaged" in strata(project, "status", "--remote")


def test_gc_keeps_every_model_that_git_knows(versions: Project) -> None:
    versions.run(*["dvc", "exp", "run", "--name", "kept", "-S", "train.seed=9"])
    kept = versions.read("models/model.txt")
    versions.run("git", "checkout", "--force", "--quiet", "HEAD", "--", ".")
    versions.run("dvc", "checkout", "--force")
    versions.set(**{"train.seed": 10})
    versions.run("dvc", "repro")  # a state that nothing names
    versions.run("git", "checkout", "--force", "--quiet", "HEAD", "--", ".")
    versions.run("dvc", "checkout", "--force")

    assert "nobody to ask" in versions.run("strata", "gc", fails=True)
    said = versions.run("strata", "gc", "--yes")
    assert "removed 1 objects" in said  # its model
    assert "0 objects" in versions.run("strata", "gc", "--yes")

    for revision in ("v1", "v2", "kept"):
        found = sources(versions.run("strata", "restore", revision))
        assert set(found.values()) == {"cache"}
    assert versions.read("models/model.txt") == kept


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://key:secret@bucket/prefix", "has a secret in it"),
        ("gs://bucket/prefix", "requires 'dvc-gs'"),
        ("ftp://host/path", "DVC has no storage ftp://"),
        ("s3://other/prefix", "there is no bucket 'other'"),
    ],
)
def test_a_storage_that_will_not_do_is_said_so(
    project: Project, s3: S3, url: str, said: str
) -> None:
    output = project.run("strata", "storage", url, fails=True, **s3.env)
    assert said in output
    assert "Traceback" not in output


def test_storage_in_a_folder(project: Project, tmp_path: Path) -> None:
    project.run("strata", "storage", str(tmp_path / "store"))
    project.run("dvc", "push")
    shutil.rmtree(project.path / ".dvc/cache")
    shutil.rmtree(project.path / "data/raw")
    project.run("dvc", "pull")
    assert "up to date" in project.run("dvc", "status")


def test_a_full_disk_is_said_and_changes_nothing(versions: Project, s3: S3) -> None:
    versions = stored(versions, s3)
    versions.run("dvc", "push")
    cache = versions.path / ".dvc/cache"
    shutil.rmtree(cache)
    cache.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(cache)]
    if (
        not shutil.which("mount")
        or subprocess.run(small, capture_output=True, check=False).returncode
    ):
        pytest.skip("only root can make a small disk")
    try:
        before = (versions.read("models/model.txt"), versions.read("dvc.lock"))
        output = versions.run("strata", "restore", "v1", fails=True)
        assert "No space left on device" in output
        assert "Traceback" not in output
        assert (versions.read("models/model.txt"), versions.read("dvc.lock")) == before
        assert versions.run("git", "status", "--porcelain") == ""
    finally:
        subprocess.run(["umount", str(cache)], check=True)
