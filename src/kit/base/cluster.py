"""Partitions built on other machines, by the workers of a Dask cluster.

STRATA_SCHEDULER has the scheduler's address. A worker needs the packages that requirements.lock
pins, and neither a clone nor storage: code, params and the bytes of the inputs, and of what else
the stage depends on, travel to it, the bytes of the partitions back. It runs what it is sent: let
only people you trust reach it.
"""

import importlib
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd

from kit.base.reuse import files_of
from kit.base.stage import Fault, pins, unmet
from kit.base.tables import write

SHARE = 4  # tasks a thread: few, since each begins with imports; some, since one may take longer


def spread(
    address: str,
    rule: Callable[[str], pd.DataFrame],
    inputs: dict[str, list[Path]],
    shared: list[Path],
) -> Iterator[tuple[str, bytes, int]]:
    """Build partitions on a cluster: the name, the file's bytes and the rows of each, as they come.

    ``inputs`` are those of each partition, by name; ``shared`` are files that all may read. What a
    worker that dies was building, another builds. Raises Fault: of ``rule``, or if there is no
    such cluster, or a worker has other packages.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise Fault("STRATA_SCHEDULER is set, and the package distributed is missing") from None
    warnings.filterwarnings("ignore", "Sending large graph")  # of data, and on purpose
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a worker has no such module
    try:
        client: Any = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        said = str(error).partition("\n")[0]
        raise Fault(f"STRATA_SCHEDULER: no scheduler answers at {address}: {said}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=30)
        except TimeoutError:
            raise Fault(f"STRATA_SCHEDULER: {address} has no workers; start some") from None
        names = list(inputs)
        count = -(-len(names) // (SHARE * sum(client.nthreads().values())))
        code = [*Path("src").rglob("*.py"), Path("params.yaml"), *shared]
        common = {path.as_posix(): path.read_bytes() for path in code}
        program = Path(str(sys.modules["__main__"].__file__)).stem
        everywhere = (pins(), program, pickle.dumps(rule))
        tasks = []
        for at in range(0, len(names), count):
            some = names[at : at + count]
            own = {file for name in some for path in inputs[name] for file in files_of(path)}
            data = {path.as_posix(): path.read_bytes() for path in sorted(own)}
            job = pickle.dumps((*everywhere, some))
            tasks.append(client.submit(on_worker, common | data, job, pure=False))
        try:
            for task in as_completed(tasks):  # type: ignore[no-untyped-call]
                fault, done = task.result()
                if fault:
                    raise Fault(fault)
                yield from done
        except Fault:
            raise
        except Exception as error:  # Dask has no common class for what can go wrong
            raise Fault(f"the Dask cluster at {address} failed: {error}") from None


def on_worker(files: dict[str, bytes], job: bytes) -> Any:
    """In a worker, which has nothing of this file but this function: run the job in a process."""
    import os
    import pickle
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from distributed import get_worker

    with tempfile.TemporaryDirectory(prefix="partitions-") as folder:
        for name, content in files.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(content)
        own = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        done = subprocess.run(
            [sys.executable, "-m", "kit.base.cluster"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(["src", *own])},
            input=job,
            capture_output=True,
        )
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode:
            return f"worker {get_worker().address}: {said}", []
        return pickle.loads(done.stdout)


def main() -> None:
    """In a process beside a worker: build the partitions that standard input asks for."""
    wanted, program, pickled, names = pickle.loads(sys.stdin.buffer.read())
    if wrong := unmet(wanted):
        sys.exit(f"it has not what is pinned: {'; '.join(wrong)}")
    sys.modules["__main__"] = importlib.import_module(program)  # where the rule comes from
    rule = pickle.loads(pickled)
    built = []
    try:
        for name in names:
            frame = rule(name)
            write(Path("built.parquet"), frame)
            built.append((name, Path("built.parquet").read_bytes(), len(frame)))
        found: tuple[str, list[Any]] = ("", built)
    except Fault as fault:
        found = (str(fault), [])
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    main()
