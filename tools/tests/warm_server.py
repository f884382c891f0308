"""The server of a warm Python (see warm.py): a program of its own, which forks for each request."""

import atexit
import contextlib
import gc
import importlib
import os
import pkgutil
import random
import re
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path
from typing import Any

from warm_client import surroundings

WHOLE = (
    *("dvc", "dvc_data", "dvc_objects", "dvc_render", "dvc_s3", "dvc_task", "scmrepo"),
    *("strata", "strata_adopt"),
)
PARTS = (
    *("cloudpickle", "gto.api", "hydra.core.override_parser.overrides_parser", "jinja2", "joblib"),
    *("markdown_it", "matplotlib.pyplot", "networkx", "optuna", "pandas", "pandera.pandas"),
    *("psutil", "pyarrow.csv", "pyarrow.dataset", "pyarrow.parquet", "pydantic", "rich.markdown"),
    *("scipy.stats", "skrub", "sklearn.compose", "sklearn.dummy", "sklearn.ensemble"),
    *("sklearn.feature_extraction.text", "sklearn.inspection", "sklearn.linear_model"),
    *("sklearn.metrics", "sklearn.model_selection", "sklearn.preprocessing", "yaml"),
)
# Programs, which do their work when imported, and what reads the user's home then.
NOT = re.compile(r"dvc\.testing|dvc\.__main__|strata\.warm\.\w|scmrepo\.git\.backend\.pygit2")


def load() -> None:
    """Import what the commands of DVC and of strata, and stages, may import."""
    for name in PARTS:
        importlib.import_module(name)
    for package in WHOLE:
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
            if not NOT.match(module.name):
                with contextlib.suppress(Exception):  # of a system or an extra that is not here
                    importlib.import_module(module.name)


def rehearse() -> None:
    """Run a few commands, so that forks find what DVC makes first: its parser, schemas, patterns.

    That is half of the time of a `dvc status`. What they print goes nowhere by the descriptors
    themselves: DVC keeps the streams of its first command. There is no Git in it, since pygit2
    keeps whose home it was loaded in.
    """
    from dvc.cli import main as dvc
    from tqdm import tqdm

    interval, tqdm.monitor_interval = tqdm.monitor_interval, 0  # no thread, which forks would miss
    kept, here = [os.dup(1), os.dup(2)], Path.cwd()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with tempfile.TemporaryDirectory() as folder:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.chdir(folder)
        Path("dvc.yaml").write_text("stages: {a: {cmd: echo 1 > a, outs: [a]}}", encoding="utf-8")
        for words in (["init", "--no-scm"], ["repro"], ["repro"], ["status"]):
            dvc(words)
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(here)
        for stream, copy in enumerate(kept, 1):
            os.dup2(copy, stream)
    for file in (nowhere, *kept):
        os.close(file)
    tqdm.monitor_interval = interval
    assert threading.active_count() == 1
    assert "pygit2" not in sys.modules


def serve() -> list[str] | None:
    """Fork for each request until standard input closes.

    Returns the words after ``python`` in a fork that is to run them, None in the server at its end.
    """
    sys.path.pop(0)  # of this program; a fork has its own
    here = surroundings()
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: dict[int, socket.socket] = {}  # forks, and who waits for them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        listener.listen(64)
        os.write(1, b"\n")
        if 0 in _ready([0, listener]):
            return None  # nobody has asked
        load()  # meanwhile clients wait
        rehearse()
        gc.collect()
        gc.freeze()  # the forks share these pages as long as nobody touches them
        while True:
            ready = _ready([0, wakes, listener, *running.values()])
            if 0 in ready:
                for fork in running:
                    _kill(fork)
                return None
            if wakes in ready:
                os.read(wakes, 1 << 10)
                _tell(running)
            for fork, client in running.items():
                if client in ready:  # it was killed
                    _kill(fork)
                    client.close()
            running = {fork: client for fork, client in running.items() if client.fileno() >= 0}
            if listener in ready:
                client = listener.accept()[0]
                request, streams = _received(client)
                common, request = split(request)
                fork = os.fork() if common == here else -1
                if fork == 0:
                    for other in (listener, client, *running.values()):
                        other.close()
                    for file in (wakes, wake):
                        os.close(file)
                    return _become(request, streams)
                for stream in streams:
                    os.close(stream)
                if fork > 0:
                    running[fork] = client
                _send(client, max(fork, 0))


def _ready(sources: list[Any]) -> list[Any]:
    """Wait for some of the sockets and file descriptors to have data or an end; those."""
    return select.select(sources, [], [])[0]


def split(parts: list[str]) -> tuple[list[str], list[str]]:
    """The parts that the first one counts, and those after them."""
    end = 1 + int(parts[0]) if parts else 0
    return parts[1:end], parts[end:]


def _tell(running: dict[int, socket.socket]) -> None:
    """Send the clients whose forks have ended how they did, and forget them."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if client := running.pop(ended[0], None):
                _send(client, os.waitstatus_to_exitcode(ended[1]))
                client.close()


def _kill(fork: int) -> None:
    """Kill a fork; one in a group of its own with that, since its client's may have been killed."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if os.getpgid(fork) == fork else os.kill)(fork, signal.SIGKILL)


def _send(client: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # it was killed
        client.sendall(f"{number:16}".encode())


def _received(client: socket.socket) -> tuple[list[str], list[int]]:
    """What a client asks, nothing if it was killed, and its standard streams."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    left, data = int.from_bytes(size, "big"), b""
    while left and (part := client.recv(left)):
        data, left = data + part, left - len(part)
    return os.fsdecode(data).split("\0") if data and not left else [], list(streams)


def _become(request: list[str], streams: list[int]) -> list[str]:
    """Make this fork what a fresh Python in its client's place would be."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    mask, group, deaf, folder, *rest = request
    words, environment = split(rest)
    try:
        os.setpgid(0, int(group))
    except PermissionError:  # the client is in a session of its own
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN if deaf == "True" else signal.default_int_handler)
    os.umask(int(mask))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(dict(pair.split("=", 1) for pair in environment))
    random.seed()
    sys.modules["numpy"].random.seed()
    return words


def _run(words: list[str]) -> None:
    """Do what Python does with the words after its name."""
    path = [""]
    while words[0] in ("-P", "-W"):
        if words[0] == "-W":
            warnings._processoptions([words.pop(1)])  # type: ignore[attr-defined]
        else:
            path = []
        words.pop(0)
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.path[:0] = path
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), vars(main))
    elif words[0] == "-m":
        sys.argv = words[1:]
        sys.path[:0] = [str(Path.cwd()) for _ in path]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[:0] = [str(Path(words[0]).absolute().parent) for _ in path]
        runpy.run_path(words[0], run_name="__main__")


def _code() -> int:
    """The exit code for the exception that ended a program."""
    kind, error, trace = sys.exc_info()
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    sys.excepthook(kind, error, trace)  # type: ignore[arg-type]
    return -signal.SIGINT if kind is KeyboardInterrupt else 1


def main() -> None:
    os.chdir(sys.argv[1])
    if not (words := serve()):
        return
    code = 0
    try:
        _run(words)
    except BaseException:
        code = _code()
    # The end of a Python, but for taking each of its modules apart.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
