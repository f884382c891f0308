"""What the tests share: a repository in a temporary folder, its environment, an S3 server."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import psutil
import warm
import yaml

Strata = Callable[..., str]  # (project, *arguments, code=0): see the fixture of this name
ROOT = Path(__file__).parents[2]  # of the template, whose .github the tools come with
PATIENCE = 900  # seconds, on any machine, after which a command is said to hang


@dataclass(frozen=True)
class Project:
    """A repository in a temporary folder and the environment its commands run in."""

    path: Path
    env: dict[str, str]

    def run(self, *command: str, fails: bool = False, **env: str) -> str:
        """Run a command in the project and return all that it printed, both streams.

        Its exit code must be 0, or with ``fails`` anything else. What it leaves running, as DVC's
        queue does, is not waited for: its output goes to a file, not to a pipe with a second end.
        """
        environment = self.env | env
        environment |= warm.variables(environment)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            output = Path(folder, "output")
            with (
                output.open("ab") as file,
                subprocess.Popen(
                    command, cwd=self.path, env=environment, stdout=file, stderr=file
                ) as process,
            ):
                try:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(PATIENCE)
                finally:
                    hung = kill(process.pid) if process.poll() is None else []
            said = output.read_text(encoding="utf-8")
        assert not hung, f"{command} had not ended after {PATIENCE} s, at work: {hung}\n{said}"
        assert (process.returncode != 0) == fails, f"{command} gave {process.returncode}\n{said}"
        return said

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
        """Commit everything and return the commit's hash.

        Git takes a file that was changed twice within a second, and kept its length, for unchanged
        once DVC has written the index in between. An old index makes it look into the files.
        """
        with contextlib.suppress(FileNotFoundError):  # of a first commit
            os.utime(
                self.path / self.run("git", "rev-parse", "--git-path", "index").strip(), (1, 1)
            )
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--no-verify", "--message", message)
        return self.run("git", "rev-parse", "HEAD").strip()

    def read(self, name: str) -> bytes:
        """The bytes of a file of the project."""
        return (self.path / name).read_bytes()

    def copy(self, path: Path) -> Self:
        """The same project, cache and all, in another folder."""
        shutil.copytree(self.path, path, symlinks=True)
        site = {"DVC_SITE_CACHE_DIR": str(path.parent / "dvc-site")}
        return replace(self, path=path, env=self.env | site)


def publish(project: Project) -> None:
    """Push what is committed, and its data."""
    project.run("dvc", "push", "--quiet")
    project.run("git", "push", "--quiet", "--no-verify", "origin", "HEAD:main")


def change(project: Project, skill: float) -> None:
    """Commit and push the tiny pipeline with another skill, reproduced."""
    project.set(**{"train.skill": skill})
    project.run("dvc", "repro", "--quiet")
    project.commit(f"Skill {skill}")
    publish(project)


def kill(number: int) -> list[str]:
    """Kill a process and all that it has started, and say what they were."""
    said = []
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(number)
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                said.append(" ".join(process.cmdline()))
                process.kill()
    return said


def run_queue(project: Project, trials: int) -> None:
    """Have DVC's queue finish so many trials, and end its workers.

    Its processes now and then read a message of each other half written. Then a command of the
    queue fails after its work, or a worker ends early, or idles for ever.
    """

    def is_worker(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return "queue-worker" in process.cmdline() and process.cwd() == str(project.path)
        return False

    status = ("sh", "-c", "dvc queue status || true")
    deadline = time.monotonic() + PATIENCE
    try:
        while (said := project.run(*status)).count("Success") < trials:
            assert "Failed" not in said, said
            assert time.monotonic() < deadline, said
            if "Running" not in said:
                project.run("sh", "-c", "dvc queue start -j 2 || true")
            time.sleep(1)
    finally:
        for worker in filter(is_worker, psutil.process_iter()):
            kill(worker.pid)


def ref_of(project: Project, experiment: str) -> str:
    """The full reference of an experiment."""
    refs = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    (ref,) = [ref for ref in refs if ref.endswith(f"/{experiment}")]
    return ref


def push_of(project: Project, to: str = "origin") -> tuple[list[str], str]:
    """The arguments and the input with which Git runs pre-push for HEAD, to a remote without it."""
    head = project.run("git", "rev-parse", "HEAD").strip()
    return ["hook", "pre-push", to, to], f"refs/heads/main {head} refs/heads/main {'0' * 40}\n"


def state(project: Project) -> dict[str, bytes]:
    """Each file of the folder with .dvc, but DVC's and Git's own."""
    return {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in sorted(project.path.rglob("*"))
        if path.is_file()
        and not {".git", ".dvc", "sweeps", "__pycache__"}
        & set(path.relative_to(project.path).parts)
    }


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


def copy_tracked(repository: Path, path: Path) -> None:
    """Copy the files of a repository that Git tracks, or would, as they stand."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.check_output(listed, cwd=repository, encoding="utf-8").split("\0"):
        if (repository / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, path / name)


def sandbox(home: Path) -> dict[str, str]:
    """An environment in which neither git nor dvc can see or touch the user's home."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / ".gitconfig"  # dulwich, in DVC, knows no GIT_CONFIG_GLOBAL
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
        "DVC_NO_ANALYTICS": "true",  # `dvc init` would report, before a repository can say no
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",  # tests run side by side; threads would wait for each other
        "COLUMNS": "200",
    }


@contextlib.contextmanager
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port of loopback, and who came there."""
    guests: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest, address = server.accept()
                    guests.append(address)
                    guest.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], guests
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        thread.join()


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

    @classmethod
    @contextlib.contextmanager
    def serving(cls, folder: Path) -> Iterator["S3"]:
        """A running server with one bucket, named ``bucket``, for the time of a block."""
        server = cls(folder, free_port())
        (server.folder / "bucket").mkdir(parents=True)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def objects(self) -> list[Path]:
        """The files of all objects."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())
