"""A sweep on a Dask cluster: two worker processes, each in a clone of its own, a Git remote and an
S3 server, all on loopback."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.end_to_end.test_sweep import AIM, lock_of, made, table, tiny

__all__ = ["made", "tiny"]  # fixtures

pytestmark = pytest.mark.slow

KEYS = ("a-key", "a-secret-of-the-test")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(port: int, *command: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts, once it answers on its port; 0 is no port to wait for."""
    process = subprocess.Popen(command, **options)
    try:
        for _ in range(300):
            assert process.poll() is None, f"{command} ended"
            with socket.socket() as probe:
                if not port or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def far(tiny: Project, tmp_path: Path) -> Iterator[tuple[Project, list[Project], str]]:
    """The tiny project with remotes, the clones in which two Dask workers run, their scheduler."""
    rclone = shutil.which("rclone", path=tiny.env["PATH"])
    if not rclone:
        pytest.skip("needs rclone, the S3 server of these tests")
    store, s3, dask = tmp_path / "store", free_port(), free_port()
    (store / "bucket").mkdir(parents=True)
    env = tiny.env | {
        "AWS_ACCESS_KEY_ID": KEYS[0],
        "AWS_SECRET_ACCESS_KEY": KEYS[1],
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    home = Project(tiny.path, env)
    address = f"tcp://127.0.0.1:{dask}"
    quiet: dict[str, Any] = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with (
        serving(
            s3,
            *(rclone, "serve", "s3", "--addr", f"127.0.0.1:{s3}", str(store)),
            env=env | {"RCLONE_AUTH_KEY": f'"{",".join(KEYS)}"'},
            **quiet,
        ),
        serving(
            dask,
            *(sys.executable, "-m", "distributed.cli.dask_scheduler"),
            *("--host", "127.0.0.1", "--port", str(dask), "--no-dashboard"),
            env=env,
            cwd=tmp_path,
            **quiet,
        ),
    ):
        home.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin.git"))
        home.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
        home.run("dvc", "remote", "add", "--default", "storage", "s3://bucket/data")
        home.commit("Name the remotes")
        home.run("git", "push", "--quiet", "origin", "HEAD")
        clones = []
        for name in ("one", "two"):
            clones.append(Project(tmp_path / name, env))
            home.run("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / name))
        yield home, clones, address


@contextmanager
def worker(clone: Project, address: str) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1")
    options = ("--host", "127.0.0.1", "--no-dashboard", "--no-nanny")
    with serving(0, *command, *options, cwd=clone.path, env=clone.env) as process:
        yield process


def test_a_sweep_on_two_machines_comes_home_whole(
    far: tuple[Project, list[Project], str],
) -> None:
    home, clones, address = far
    command: tuple[str, ...] = (
        "strata",
        "sweep",
        "--name",
        "far",
        *AIM,
        "-S",
        "step.x=range(0,12)",
    )
    command = (*command, "-S", "step.sleep=0.3", "--scheduler", address)
    assert "has no workers" in home.run(*command, fails=True)
    with worker(clones[0], address), worker(clones[1], address):
        said = home.run(*command, fails=True)
        assert "is not on the DVC remote; `dvc push` it" in said
        home.run("dvc", "push")
        said = home.run(*command)
    assert "12 trials asked = 12 finished + 0 failed" in said
    assert len(table(home, "far")) == 12
    refs = {"git": home.run("git", "ls-remote", "origin", "refs/exps/*")}
    for clone in clones:
        refs[clone.path.name] = clone.run("git", "for-each-ref", "refs/exps")
        assert "/far-" in refs[clone.path.name], "each worker ran some"
        assert list((clone.path / ".dvc/tmp/sweeps").iterdir()) == []
    for number in range(1, 13):
        name = f"far-{number}"
        assert f"/{name}\n" in refs["git"] + "\n"
        outs = lock_of(home, name)["stages"]["step"]["outs"]
        (model,) = [out["md5"] for out in outs if out["path"] == "model.txt"]
        cached = home.path / ".dvc/cache/files/md5" / model[:2] / model[2:]
        assert md5(cached.read_bytes()).hexdigest() == model
    home.run("dvc", "exp", "apply", "far-7")
    assert home.read("model.txt").startswith(b"6 0")
    assert "up to date" in home.run("dvc", "status")


def test_a_sweep_needs_its_commit_on_the_git_remote(
    far: tuple[Project, list[Project], str],
) -> None:
    home, clones, address = far
    home.run("dvc", "push")
    (home.path / "notes").write_text("new")
    home.commit("Not pushed")
    with worker(clones[0], address):
        said = home.run(
            *("strata", "sweep", "--name", "far", "-S", "step.x=1,2", *AIM),
            *("--scheduler", address),
            fails=True,
        )
    assert "is not on the Git remote 'origin'; `git push` it" in said
    assert len(said.splitlines()) == 1
