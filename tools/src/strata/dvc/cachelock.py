"""The lock of a cache, which every command of this program holds, and gc alone.

A cache is shared: by worktrees, by clones, by the temporary clones in which revisions run. What a
command has put there, or found there, has no name in Git until it ends; so all but gc share the
lock, each from its first look at the cache to its end. The system releases it when a process dies,
however it does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.core.errors import Fault

NAME = "strata.lock"
_held: dict[Path, int] = {}  # the file that this process has open, by cache


def hold(cache: Path) -> None:
    """Keep gc away from a cache until ``release``, or the end of this process; wait for it first.

    Not on Windows, which has no such lock, nor where the cache can only be read.
    """
    cache = cache.resolve()
    if cache in _held or sys.platform == "win32":
        return
    import fcntl

    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = os.open(cache / NAME, os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError:
        if os.access(cache, os.W_OK):
            raise
        return
    fcntl.flock(file, fcntl.LOCK_SH)
    if _held.setdefault(cache, file) != file:  # another thread was first
        os.close(file)


def release() -> None:
    """Release all caches."""
    while _held:
        os.close(_held.popitem()[1])


@contextmanager
def alone(cache: Path) -> Iterator[float]:
    """Keep all others away from a cache for the time of a block.

    Yields the time at which it began, by the clock of the cache's disk. Raises Fault while another
    command uses the cache.
    """
    path = cache.resolve() / NAME
    if sys.platform == "win32":
        path.touch()
        yield path.stat().st_mtime
        return
    import fcntl

    hold(cache)
    with path.open("r+b") as file:  # over a network, only a file to be written can be locked so
        release()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault(
                f"another strata command is at work on the cache {cache}: wait for its end, then "
                "try again"
            ) from None
        os.utime(file.fileno())
        yield os.fstat(file.fileno()).st_mtime
