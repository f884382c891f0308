"""A ``map`` over processes, as many as there are processors, that end with their parent."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from kit.base.stage import Fault


@contextlib.contextmanager
def side_by_side(tasks: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """A ``map`` over as many processes as there are processors, or tasks; of one, a plain ``map``.

    Forked where that is safe, so that nothing is imported again.
    """
    workers = min(processors() if tasks > 1 else 1, tasks)
    if workers < 2:
        yield map
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin) as pool:
        try:
            yield pool.map
        except BrokenProcessPool:
            raise Fault(
                "a process that builds partitions was killed. Out of memory? "
                "LOKY_MAX_CPU_COUNT=1 builds one at a time"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def processors() -> int:
    """How many there are for this process, of a container's share too."""
    from joblib import cpu_count  # which takes as long as building a partition

    return int(cpu_count())


def _begin() -> None:
    """In a worker: leave Ctrl-C to the parent, and end when that ends, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
