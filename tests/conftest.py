"""A small project of the real thing: a clone of this repository on three months of its data."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# No deadline on a busy machine; where CI is set, the same examples each run.
settings.register_profile(
    "strata", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("strata")

SMALL = {
    "ingest.through": "2013-03",
    "train.hist_gradient_boosting.max_iter": 20,
    "train.random_forest.n_estimators": 5,
    "evaluate.bootstrap_samples": 20,
    "evaluate.importance_rows": 500,
    "evaluate.importance_repeats": 1,
}


@dataclass(frozen=True)
class Project:
    """A repository in a temporary folder and the environment its commands run in."""

    path: Path
    env: dict[str, str]

    def run(self, *command: str, fails: bool = False, **env: str) -> str:
        """Run a command in the project and return all that it printed, both streams.

        Its exit code must be 0, or with ``fails`` anything else.
        """
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode != 0) == fails, f"{command} gave {done.returncode}\n{done.stdout}"
        return done.stdout

    def set(self, **params: Any) -> None:
        """Write values into params.yaml by dotted keys, as a hand would."""
        path = self.path / "params.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in params.items():
            *sections, last = key.split(".")
            section = content
            for name in sections:
                section = section[name]
            section[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commit everything and return the commit's hash."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--no-verify", "--message", message)
        return self.run("git", "rev-parse", "HEAD").strip()

    def read(self, name: str) -> bytes:
        """The bytes of a file of the project."""
        return (self.path / name).read_bytes()

    def copy(self, path: Path) -> "Project":
        """The same project, cache and all, in another folder."""
        shutil.copytree(self.path, path, symlinks=True)
        return Project(path, self.env | {"DVC_SITE_CACHE_DIR": str(path.parent / "dvc-site")})


def sources(table: str) -> dict[str, str]:
    """The table that `strata restore` prints: each output, and where it came from.

    Every row must be proven.
    """
    lines = table.splitlines()
    start = next(
        i for i, line in enumerate(lines) if line.split() == ["output", "from", "hash", "proof"]
    )
    rows = [line.split() for line in lines[start + 1 :] if line.endswith((" ok", " differs"))]
    assert rows
    assert all(row[3] == "ok" for row in rows), table
    return {row[0]: row[1] for row in rows}


def heed_ctrl_c() -> None:
    """Make a process heed SIGINT, even where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def sandbox(home: Path) -> dict[str, str]:
    """An environment in which neither git nor dvc can see or touch the user's home."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "gitconfig"
    config.write_text(
        "[user]\n name = Test\n email = test@example.org\n[init]\n defaultBranch = main\n"
        '[protocol "file"]\n allow = always\n'
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_", "AWS_"))}
    return inherited | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",  # tests run side by side; threads would wait for each other
        "COLUMNS": "200",
    }


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs in the tests' own process cannot see the user's home either."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox(tmp_path_factory.mktemp("home")).items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """This repository as it stands, on SMALL params, reproduced and committed. Do not change it."""
    folder = tmp_path_factory.mktemp("reproduced")
    project = Project(folder / "project", sandbox(folder / "home"))
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout.split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (project.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project.path / name)
    project.run("git", "init", "--quiet")
    project.set(**SMALL)
    project.run("dvc", "repro")
    project.commit("Reproduce on three months")
    return project


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A fresh copy of the reproduced project, to do anything with."""
    return reproduced.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def two_models(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with two commits, tagged v1 and v2, whose models differ. Do not change it."""
    project = reproduced.copy(tmp_path_factory.mktemp("two") / "project")
    project.run("git", "tag", "v1")
    project.set(**{"train.hist_gradient_boosting.max_iter": 25})
    project.run("dvc", "repro")
    project.commit("Try more trees")
    project.run("git", "tag", "v2")
    return project


@pytest.fixture
def versions(two_models: Project, tmp_path: Path) -> Project:
    """A fresh copy of the project with two commits."""
    return two_models.copy(tmp_path / "project")


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class S3:
    """A real S3 server on loopback; its objects are plain files under ``folder``."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def env(self) -> dict[str, str]:
        """What a user would export to use it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self.process = subprocess.Popen(
            ["rclone", "serve", "s3", "--addr", f"127.0.0.1:{self.port}", str(self.folder)],
            env=os.environ | {"RCLONE_AUTH_KEY": '"key,secret"', "RCLONE_CONFIG": os.devnull},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("the S3 server does not start")

    def stop(self) -> None:
        """Stop the server; its objects stay."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def objects(self) -> list[Path]:
        """The files of all objects."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    """A running S3 server with one bucket, named ``bucket``."""
    server = S3(tmp_path / "s3", free_port())
    (server.folder / "bucket").mkdir(parents=True)
    server.start()
    yield server
    server.stop()
