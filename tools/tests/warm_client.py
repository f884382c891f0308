"""The client of a warm Python (see warm.py): it asks the server to fork, and ends as the fork does.

A process that a fork of the server could not stand for is started by the real Python instead. It
runs for every command, so it imports what is in the interpreter already, and two modules in C.
"""

import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
import os
import sys

# What an interpreter, or a library, reads once as it starts.
AT_START = ("PYTHON", "LC_", "LANG", "TZ", "OMP_NUM", "OPENBLAS_CORE", "NPY_", "LD_", "ARROW_")
COLD = {"pytest", "mypy", "uv", "ruff"}  # they are programs, or look at what is imported


def surroundings() -> list[str]:
    """What a process and a fork of the server must have in common."""
    known = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(AT_START)]
    return [str(os.stat("/proc/self/ns/net").st_ino), *sorted(known)]


def is_plain(words: list[str]) -> bool:
    """Whether Python is to run ``-m MODULE``, ``-c CODE`` or FILE.py, after -P and -W at most."""
    while words[:1] in (["-P"], ["-W"]):
        words = words[1 if words[0] == "-P" else 2 :]
    if words[:1] == ["-m"]:
        return len(words) > 1 and words[1] not in COLD
    if words[:1] == ["-c"]:
        return len(words) > 1
    return bool(words) and os.path.isfile(words[0])


def is_ordinary() -> bool:
    """Whether this process has three streams, none a terminal."""
    files = {int(name) for name in os.listdir("/proc/self/fd")}
    return (
        len(files) == 4  # and the folder that was listed
        and {0, 1, 2} < files
        and not any(map(os.isatty, (0, 1, 2)))
    )


def connected(place: str) -> socket.socket | None:
    """A connection with the server, if there is one."""
    server, folder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), os.getcwd()
    os.chdir(place)  # the path of a socket must be short
    try:
        server.connect("socket")
    except OSError:
        return None
    finally:
        os.chdir(folder)
    return server


def send(server: socket.socket, words: list[str]) -> None:
    """Ask for a fork that runs these words in the place of this process."""
    mask = os.umask(0)
    os.umask(mask)
    common = surroundings()
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # as what a shell runs behind it is
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    parts = [str(len(common)), *common, str(mask), str(os.getpgid(0)), str(deaf), os.getcwd()]
    request = os.fsencode("\0".join([*parts, str(len(words)), *words, *environment]))
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)
    server.sendmsg([len(request).to_bytes(8, "big")], [rights])
    server.sendall(request)


def main() -> None:
    place, program, *words = sys.argv[1:]
    words = words if program == sys.executable else [program, *words]
    server = connected(place) if is_plain(words) and is_ordinary() else None
    if server:
        send(server, words)
    fork = int(server.recv(16)) if server else 0
    if not server or not fork:  # that Python finds its environment by the name it is called by
        os.execv(sys.executable, [f"{place}/bin/python", *words])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: os.kill(fork, number))
    code = int(server.recv(16) or -signal.SIGKILL)
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
