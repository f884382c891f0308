"""Make a table, a partition at a time: what is known is taken, the rest is made side by side."""

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from memo import Made, Memo, beside, declared, files_of, made
from partitions import keep_only, write, write_bytes
from stage import Fault

Make = Callable[[str], pd.DataFrame]
Done = Iterator[tuple[str, Made]]  # each partition, by name


def make_all(
    stage: str, folder: Path, names: list[str], make: Make, inputs: Callable[[str], list[Path]]
) -> int:
    """Make ``folder`` hold just these partitions, and return how many rows they have.

    ``make`` makes one, given its name, from the files and folders that ``inputs`` lists, what else
    dvc.yaml declares for the stage and no partition lists, and nothing else: what was made of the
    same before is taken from DVC's cache. It has to be a function at the top of a file. Raises
    Fault, as ``make`` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: inputs(name) for name in names}
    listed = {file for paths in own.values() for path in paths for file in files_of(path)}
    memo, rows, new = Memo(stage, listed), dict[str, int](), dict[str, Made]()
    keys = {name: memo.key(name, paths) for name, paths in own.items()}
    for name, key in keys.items():
        if (taken := memo.take(key, folder / f"{name}.parquet")) is not None:
            rows[name] = taken
    missing = [name for name in names if name not in rows]
    far = os.environ.get("STRATA_SCHEDULER")
    if far:
        shared = beside(declared(stage) or {}, listed)
        done = _far(far, folder, make, {name: own[name] for name in missing}, shared)
    else:
        done = _here(folder, make, missing)
    for name, one in tqdm(done, stage, len(missing), leave=False, disable=None):
        rows[name] = one.rows
        new[keys[name]] = one
    memo.keep(new)
    keep_only(folder, rows)
    return sum(rows.values())


def _far(
    address: str, folder: Path, make: Make, inputs: dict[str, list[Path]], shared: list[Path]
) -> Done:
    """Have partitions made on a cluster, and write them."""
    import cluster

    for name, content, rows in cluster.spread(address, make, inputs, shared):
        path = folder / f"{name}.parquet"
        write_bytes(path, content)
        yield name, made(path, rows)


def _here(folder: Path, make: Make, names: list[str]) -> Done:
    """Make and write partitions on this machine."""
    with side_by_side(len(names)) as apply:
        yield from apply(functools.partial(_made, folder, make), names)


def _made(folder: Path, make: Make, name: str) -> tuple[str, Made]:
    frame, path = make(name), folder / f"{name}.parquet"
    write(path, frame)
    return name, made(path, len(frame))


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
                "a process that makes partitions was killed. Out of memory? "
                "LOKY_MAX_CPU_COUNT=1 makes one at a time"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def processors() -> int:
    """How many there are for this process, of a container's share too."""
    from joblib import cpu_count  # which takes as long as making a partition

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
