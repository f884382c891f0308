"""A warm Python: it has imported a pipeline's libraries once, and forks for each stage command.

DVC runs a stage as ``$SHELL -c COMMAND``. Here SHELL is a tiny client, shell.py, which hands a
plain ``python -m MODULE ...`` or ``python FILE.py ...`` with its folder, environment and standard
streams to a server on a Unix socket. The server forks: the child is a Python that has done its
imports and nothing else. Any other command goes to the shell it would have gone to. Without fork,
all of them do.

Only libraries are imported beforehand, never the pipeline's own code, which a trial may change.
"""

import ast
import contextlib
import gc
import importlib
import os
import random
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from strata.git import git
from strata.revision import Stage

# The package that a program of it is in imports it first, which Python warns of.
AS_PROGRAM = ("-W", "ignore::RuntimeWarning:runpy", "-m")
CLIENT = Path(__file__).with_name("shell.py")
ADDRESS = ".dvc/tmp/warm"  # from the top of the repository: the path of a socket must be short


def libraries(root: Path, stages: Iterable[Stage]) -> list[str]:
    """The modules from outside of the repository that stages import, sorted.

    Found in the sources that the stages run or depend on, at their top level: what a function
    imports it may not need.
    """
    named = {word for stage in stages for word in [*stage.cmd.split(), *stage.deps]}
    sources = [root / name for name in sorted(named) if name.endswith(".py")]
    tracked = git("ls-files", "--", "*.py", root=root).splitlines()
    inside = {part for path in tracked for part in Path(path).with_suffix("").parts}
    found = {name for source in sources for name in _imports(source)}
    return sorted(name for name in found if name.partition(".")[0] not in inside)


def _imports(source: Path) -> list[str]:
    """What the top level of a source file imports, with ``b`` of ``from a import b`` as a.b."""
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []  # the stage will say so
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


class Warm:
    """A warm server for the stages of one repository, as a child of this process.

    ``environment`` is what a process needs for DVC to use it. The server ends, and a stage that
    it runs with it, when this process ends, however it ends.
    """

    def __init__(self, root: Path, stages: Iterable[Stage]) -> None:
        self.environment: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        python = shutil.which("python")
        if not hasattr(os, "fork") or not python or Path(python).parent != _programs():
            return  # the stages' Python is not this one
        self._server = subprocess.Popen(
            [
                sys.executable,
                *AS_PROGRAM,
                "strata.sweep.warm",
                str(root),
                *libraries(root, stages),
            ],
            stdin=subprocess.PIPE,
        )
        while self._server.poll() is None and not (root / ADDRESS).exists():
            time.sleep(0.01)
        shell = root / ".dvc/tmp/shell"
        words = shlex.join([sys.executable, "-ISE", str(CLIENT)])
        shell.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        shell.chmod(0o700)
        self.environment = {
            "SHELL": str(shell),
            "STRATA_SHELL": os.environ.get("SHELL") or "/bin/sh",
            "STRATA_WARM": str(root),
        }

    @property
    def is_alive(self) -> bool:
        """Whether the server, if there is to be one, still runs."""
        return self._server is None or self._server.poll() is None

    def close(self) -> None:
        """End the server."""
        if self._server and self._server.stdin:
            self._server.stdin.close()
            self._server.wait()


def _programs() -> Path:
    return Path(sys.executable).parent


def serve(modules: list[str]) -> list[str] | None:
    """Import modules, then fork for each request, one at a time, until standard input closes.

    Returns the words of a command in a child that is to run it, None in the server at its end.
    """
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(ADDRESS + ".part")
        listener.listen()
        Path(ADDRESS + ".part").rename(ADDRESS)  # now whoever finds it can connect
        for name in modules:
            with contextlib.suppress(Exception):  # the stage that needs it will say so
                importlib.import_module(name)
        gc.collect()
        gc.freeze()  # the children share these pages as long as nobody touches them
        while _readable(listener, 0) is listener:
            connection = listener.accept()[0]
            with connection:
                data, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
                while not data.endswith(b"\0\0"):
                    data += connection.recv(1 << 16)
                ended, ends = os.pipe()
                child = os.fork()
                if child == 0:
                    listener.close()
                    os.close(ended)
                    return _become(os.fsdecode(data[:-2]).split("\0"), streams)
                for stream in (*streams, ends):
                    os.close(stream)
                # The pipe closes with the child; the connection when DVC's process is killed.
                if _readable(ended, connection, 0) is not ended:
                    os.kill(child, signal.SIGKILL)
                os.close(ended)
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                with contextlib.suppress(OSError):
                    connection.sendall(str(code if code >= 0 else 128 - code).encode())
    return None


def _readable(*sources: Any) -> Any:
    """Wait for one of some sockets and file descriptors to have data or an end; the first such."""
    ready = select.select(sources, [], [])[0]
    return next(source for source in sources if source in ready)


def _become(request: list[str], streams: list[int]) -> list[str]:
    """Make this fork what a fresh Python in the client's place would be."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    folder, command, *environment = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(dict(pair.split("=", 1) for pair in environment))
    words = command.split()
    sys.path[0] = folder if words[1] == "-m" else str(Path(folder, words[1]).parent)
    sys.path_importer_cache.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "strata"]:
        del sys.modules[name]
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # else every fork would draw the same numbers
    return words


def main() -> None:
    os.chdir(sys.argv[1])
    words = serve(sys.argv[2:])
    if words and words[1] == "-m":
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
    elif words:
        sys.argv = words[1:]
        runpy.run_path(str(Path(words[1]).absolute()), run_name="__main__")


if __name__ == "__main__":
    main()
