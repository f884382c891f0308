"""The server of a warm Python (see __init__.py), a program of its own: nothing of ``strata`` is
loaded in it, or in the stages that it becomes."""

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any


def serve(folder: str) -> list[str] | None:
    """Fork for each request, one at a time, until standard input closes. A request waits for the
    imports of its program, which libraries.json names, and which the next one finds done.

    Returns the words of a command in a child that is to run it, None in the server at its end.
    """
    os.chdir(folder)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        listener.listen()
        os.write(1, b"listening\n")
        os.dup2(2, 1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stage, and for DVC
        ended, ends = os.pipe()
        os.set_blocking(ends, False)
        libraries = json.loads(Path("libraries.json").read_text(encoding="utf-8"))
        while _readable(listener, 0) is listener:
            connection = listener.accept()[0]
            with connection:
                request, streams = _received(connection)
                child = None
                if request and _warm_up(libraries.pop(_program(request[1]), [])):
                    _tell_of_children(ends)
                    child = os.fork()
                    if child == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        os.close(ended)
                        os.close(ends)
                        listener.close()
                        _send(connection, str(os.getpid()))
                        return _become(request, streams)
                for stream in streams:
                    os.close(stream)
                code = _code_of(child, ended, connection) if child else 130  # as Ctrl-C gives
                _send(connection, f"\n{code}")
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _received(connection: socket.socket) -> tuple[list[str], list[int]]:
    """What a client asks, nothing if it has died, and its standard streams."""
    data, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    more = data
    while more and not data.endswith(b"\0\0"):
        more = connection.recv(1 << 16)
        data += more
    return os.fsdecode(data[:-2]).split("\0") if more else [], list(streams)


def _program(command: str) -> str:
    words = command.split()
    return words[2] if words[1] == "-m" else words[1]


def _send(connection: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # a client that has died
        connection.sendall(text.encode())


def _tell_of_children(ends: int) -> None:
    """Write to a pipe when a child ends, whatever a library that was imported may have set."""
    signal.set_wakeup_fd(ends)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _code_of(child: int, ended: int, connection: socket.socket) -> int:
    """Wait for a child, as a shell would; kill it when the client or this server ends.

    For it alone: what it has started itself may go on, and keep its pipes open.
    """
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if _readable(ended, connection, 0) is ended:
            os.read(ended, 1 << 10)
        else:  # the connection closes when DVC's process is killed
            os.kill(child, signal.SIGKILL)
            done = os.waitpid(child, 0)
            break
    code = os.waitstatus_to_exitcode(done[1])
    return code if code >= 0 else 128 - code


def _warm_up(modules: list[str]) -> bool:
    """Import modules; False if Ctrl-C came meanwhile, which is for the stage that waits."""
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    for name in modules:
        with contextlib.suppress(BaseException):  # the stage that needs it will say so
            importlib.import_module(name)
        if came:
            break
    if modules:
        gc.collect()
        gc.freeze()  # the children share these pages as long as nobody touches them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return not came


def _readable(*sources: Any) -> Any:
    """Wait for one of some sockets and file descriptors to have data or an end; the first such."""
    ready = select.select(sources, [], [])[0]
    return next(source for source in sources if source in ready)


def _become(request: list[str], streams: list[int]) -> list[str]:
    """Make this fork what a fresh Python in the client's place would be."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, command, *environment = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(dict(pair.split("=", 1) for pair in environment))
    words = command.split()
    sys.path[0] = folder if words[1] == "-m" else str(Path(folder, words[1]).parent)
    sys.path_importer_cache.clear()
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # else every fork would draw the same numbers
    return words


def main() -> None:
    words = serve(sys.argv[1])
    if words and words[1] == "-m":
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
    elif words:
        sys.argv = words[1:]
        runpy.run_path(str(Path(words[1]).absolute()), run_name="__main__")


if __name__ == "__main__":
    main()
