"""A sweep on a Dask cluster: two worker processes, each in a clone of its own, a Git remote and an
S3 server, all on loopback."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import pytest
from project import S3, Project, free_port
from test_sweep import AIM, begin, lock_of, made, table, tiny, wait_for_trials

__all__ = ["made", "tiny"]  # fixtures

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@dataclass
class Cluster:
    """The tiny project with remotes, the clones in which Dask workers run, and their scheduler."""

    home: Project
    clones: list[Project]
    address: str
    scheduler: "subprocess.Popen[bytes]"

    def sweep(self, *values: str) -> tuple[str, ...]:
        """The arguments of a sweep of ``far`` on this cluster."""
        return ("--name", "far", "-S", *values, *AIM, "--scheduler", self.address)

    def worker(self, clone: Project) -> "subprocess.Popen[bytes]":
        """Start a Dask worker in a clone."""
        return start(clone, "dask_worker", self.address, "--nthreads", "1", "--no-nanny")

    def models_are_home(self) -> None:
        """Each of 12 experiments is on the Git remote, and its model in this cache, proven."""
        refs = self.home.run("git", "ls-remote", "origin", "refs/exps/*").split()
        for number in range(1, 13):
            assert any(ref.endswith(f"/far-{number}") for ref in refs)
            outs = lock_of(self.home, f"far-{number}")["stages"]["step"]["outs"]
            (model,) = [out["md5"] for out in outs if out["path"] == "model.txt"]
            cached = self.home.path / ".dvc/cache/files/md5" / model[:2] / model[2:]
            assert md5(cached.read_bytes()).hexdigest() == model


def start(place: Project, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"],
        cwd=place.path,
        env=place.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def ended(*processes: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End processes after a block."""
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


@pytest.fixture
def cluster(tiny: Project, s3: S3, tmp_path: Path) -> Iterator[Cluster]:
    home = Project(tiny.path, tiny.env | s3.env)
    home.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    home.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    home.run("dvc", "remote", "add", "--default", "storage", "s3://bucket/data")
    home.commit("Name the remotes")
    home.run("git", "push", "--quiet", "origin", "HEAD")
    clones = [Project(tmp_path / name, home.env) for name in ("one", "two")]
    for clone in clones:
        home.run("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(clone.path))
    port = free_port()
    scheduler = start(home, "dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
    with ended(scheduler):
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield Cluster(home, clones, f"tcp://127.0.0.1:{port}", scheduler)


def test_a_sweep_on_two_machines_comes_home_whole(cluster: Cluster) -> None:
    home, clones = cluster.home, cluster.clones
    command = ("strata", "sweep", *cluster.sweep("step.x=range(0,12)", "-S", "step.sleep=0.3"))
    assert "has no workers" in home.run(*command, fails=True)
    with ended(*map(cluster.worker, clones)):
        said = home.run(*command, fails=True)
        assert "is not on the DVC remote; `dvc push` it" in said
        home.run("dvc", "push")
        said = home.run(*command)
    assert "12 trials asked = 12 finished + 0 failed" in said
    assert len(table(home, "far")) == 12
    cluster.models_are_home()
    for clone in clones:
        assert "/far-" in clone.run("git", "for-each-ref", "refs/exps"), "each worker ran some"
        assert list((clone.path / ".dvc/tmp/sweeps").iterdir()) == []
    home.run("dvc", "exp", "apply", "far-7")
    assert home.read("model.txt").startswith(b"6 0")
    assert "up to date" in home.run("dvc", "status")


def test_a_dask_worker_that_is_killed_loses_no_trial(cluster: Cluster) -> None:
    cluster.home.run("dvc", "push")
    killed, rest = map(cluster.worker, cluster.clones)
    with ended(killed, rest):
        arguments = cluster.sweep("step.x=range(0,12)", "-S", "step.sleep=0.5")
        sweep = begin(cluster.home, *arguments)
        while "/far-" not in cluster.clones[0].run("git", "for-each-ref", "refs/exps"):
            assert sweep.poll() is None
        killed.kill()
        said = sweep.communicate(timeout=300)[0]
    assert sweep.returncode == 0, said
    assert "12 trials asked = 12 finished + 0 failed" in said
    assert sorted(int(row["x"]) for row in table(cluster.home, "far")) == list(range(12))
    cluster.models_are_home()


def test_a_scheduler_that_dies_is_said_in_a_line_and_the_sweep_goes_on_here(
    cluster: Cluster,
) -> None:
    cluster.home.run("dvc", "push")
    with ended(*map(cluster.worker, cluster.clones)):
        arguments = cluster.sweep("step.x=range(0,12)", "-S", "step.sleep=0.5")
        sweep = begin(cluster.home, *arguments)
        wait_for_trials(sweep, 2)
        cluster.scheduler.kill()
        said = sweep.communicate(timeout=300)[0]
    assert sweep.returncode == 1, said
    assert "Traceback" not in said, said
    assert re.search(r"^\d+ of 12 trials are done; go on: --resume far$", said, re.MULTILINE)
    assert said.splitlines()[-1].startswith("strata sweep: the Dask cluster failed: ")
    said = cluster.home.run("strata", "sweep", "--resume", "far", "--apply", "far-1")
    assert "12 trials asked = 12 finished + 0 failed" in said
    assert "up to date" in cluster.home.run("dvc", "status")


def test_a_cluster_of_one_worker_does_the_work_itself(cluster: Cluster) -> None:
    home, (clone, _) = cluster.home, cluster.clones
    home.run("dvc", "push")
    command = ("strata", "sweep", *cluster.sweep("step.x=1,2"))
    with ended(cluster.worker(clone)):
        assert "2 trials asked = 2 finished + 0 failed" in home.run(*command)
    assert clone.run("git", "for-each-ref", "refs/exps").count("/far-") == 2
    shutil.rmtree(home.path / "sweeps")
    home.run("dvc", "exp", "remove", "far-1", "far-2")
    with ended(cluster.worker(clone)):
        said = home.run(*command, fails=True)
    assert said == "strata sweep: an experiment far-1 exists on origin; name the sweep otherwise\n"


def test_a_sweep_needs_its_commit_on_the_git_remote(cluster: Cluster) -> None:
    cluster.home.run("dvc", "push")
    (cluster.home.path / "notes").write_text("new")
    cluster.home.commit("Not pushed")
    with ended(cluster.worker(cluster.clones[0])):
        said = cluster.home.run("strata", "sweep", *cluster.sweep("step.x=1,2"), fails=True)
    assert "is not on the Git remote 'origin'; `git push` it" in said
    assert len(said.splitlines()) == 1


def test_no_reference_is_sent_before_its_data(cluster: Cluster, s3: S3) -> None:
    home = cluster.home
    base = home.run("git", "rev-parse", "HEAD").strip()
    home.run("dvc", "exp", "run", "--name", "far-1", "-S", "step.x=3")
    call = "from pathlib import Path; from strata.sweep import experiments as e; "
    call += f"e.push(Path.cwd(), 'origin', e.ref({base!r}, 'far-1'))"
    s3.stop()
    home.run(sys.executable, "-c", call, fails=True)
    assert home.run("git", "ls-remote", "origin", "refs/exps/*") == ""
    s3.start()
    home.run(sys.executable, "-c", call)
    assert "/far-1" in home.run("git", "ls-remote", "origin", "refs/exps/*")
