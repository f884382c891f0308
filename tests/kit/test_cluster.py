"""Partitions made by a Dask cluster of four worker processes, all on loopback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@dataclass
class Cluster:
    """A scheduler and its workers, each in a folder that has nothing of the project."""

    address: str
    folder: Path
    env: dict[str, str]
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, program: str, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """Start a process, and wait until it says that it is there."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"],
            cwd=self.folder,
            env=self.env | env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr
        for line in process.stderr:
            if "Registered to" in line or "Scheduler at" in line:
                return process
        raise AssertionError(f"{program} ended")

    def worker(self, **env: str) -> "subprocess.Popen[str]":
        return self.start("dask_worker", self.address, "--nthreads", "1", "--no-nanny", **env)


@pytest.fixture
def cluster(project: Project, tmp_path: Path) -> Iterator[Cluster]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Cluster(f"tcp://127.0.0.1:{port}", tmp_path, project.env)
    found.start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
    yield found
    for process in found.processes:
        process.kill()
        process.communicate()


def test_four_workers_give_the_same_lock_and_one_that_is_killed_changes_nothing(
    project: Project, cluster: Cluster
) -> None:
    lock = project.read("dvc.lock")
    workers = [cluster.worker() for _ in range(4)]
    far = Project(
        project.path, project.env | {"STRATA_SCHEDULER": cluster.address, "RECOMPUTE": "1"}
    )
    again = ("dvc", "repro", "--force", "--single-item")
    far.run(*again, "prepare", "featurize")
    assert project.read("dvc.lock") == lock

    running = subprocess.Popen([*again, "prepare"], cwd=far.path, env=far.env)
    victim = None
    while victim is None:
        assert running.poll() is None
        victim = next((w for w in workers if psutil.Process(w.pid).children()), None)
    victim.kill()
    assert running.wait() == 0
    assert project.read("dvc.lock") == lock


def test_what_goes_wrong_there_is_a_line_here(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    far = Project(
        project.path, project.env | {"STRATA_SCHEDULER": cluster.address, "RECOMPUTE": "1"}
    )
    cluster.worker()
    flights = project.path / "data/raw/flights/2013-02.parquet"
    whole = flights.read_bytes()
    flights.unlink()
    flights.write_bytes(whole[:1000])
    said = far.run(sys.executable, "src/prepare.py", fails=True)
    assert said.startswith("prepare: data/raw/flights/2013-02.parquet: cannot be read as Parquet")
    assert "Traceback" not in said
    cluster.processes[-1].kill()

    other = tmp_path / "other/pandas-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: pandas\nVersion: 1.0\n")
    path = os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])
    cluster.worker(PYTHONPATH=path)
    said = far.run(sys.executable, "src/prepare.py", fails=True)
    assert "prepare: worker tcp://127.0.0.1:" in said
    assert "it has not what is pinned: pandas==" in said
    assert " is pinned, and 1.0 is installed" in said


def test_a_scheduler_that_is_not_there_is_a_line(project: Project) -> None:
    said = project.run(
        sys.executable,
        "src/prepare.py",
        fails=True,
        STRATA_SCHEDULER="tcp://127.0.0.1:1",
        RECOMPUTE="1",
    )
    assert "prepare: STRATA_SCHEDULER: no scheduler answers at tcp://127.0.0.1:1" in said
