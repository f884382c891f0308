"""Build a table, a partition at a time: what is known is taken, the rest is built side by side."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from tqdm import tqdm

from kit.base.checks import read_checked
from kit.base.files import write_bytes
from kit.base.processes import side_by_side
from kit.base.reuse import Built, Memory, described, files_beside, files_of, read_declaration
from kit.base.tables import keep_only, partitions, read, write

Rule = Callable[[str], pd.DataFrame]  # builds a partition, given its name
Done = Iterator[tuple[str, Built]]  # each partition, by name


def build_table(
    stage: str,
    source: Path,
    folder: Path,
    function: Callable[[pd.DataFrame], pd.DataFrame],
    schema: pa.DataFrameSchema | None = None,
) -> str:
    """Build ``folder`` of ``source``, a partition at a time; returns in words how many rows it has.

    ``function`` gets the frame of a partition, which keeps the ``schema``, and returns the new one.
    Raises Fault as ``build_partitions`` does, and for a frame that does not keep the schema.
    """
    names = partitions(source)
    rule = functools.partial(_apply, function, source, schema)
    return build_partitions(stage, folder, names, rule, lambda name: [source / f"{name}.parquet"])


def _apply(
    function: Callable[[pd.DataFrame], pd.DataFrame],
    source: Path,
    schema: pa.DataFrameSchema | None,
    name: str,
) -> pd.DataFrame:
    path = source / f"{name}.parquet"
    return function(read(path) if schema is None else read_checked(path, schema))


def build_partitions(
    stage: str, folder: Path, names: list[str], rule: Rule, inputs: Callable[[str], list[Path]]
) -> str:
    """Make ``folder`` hold just these partitions, and return in words how many rows they have.

    ``rule`` builds one, given its name, from the files and folders that ``inputs`` lists, what else
    dvc.yaml declares for the stage and no partition lists, and nothing else: what was built of the
    same before is taken from DVC's cache. It has to be a function at the top of a file. Raises
    Fault, as ``rule`` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: inputs(name) for name in names}
    listed = {file for paths in own.values() for path in paths for file in files_of(path)}
    memory, rows, new = Memory(stage, listed), dict[str, int](), dict[str, Built]()
    keys = {name: memory.key(name, paths) for name, paths in own.items()}
    for name, key in keys.items():
        if (taken := memory.take(key, folder / f"{name}.parquet")) is not None:
            rows[name] = taken
    missing = [name for name in names if name not in rows]
    if scheduler := os.environ.get("STRATA_SCHEDULER"):
        shared = files_beside(read_declaration(stage) or {}, listed)
        done = _far(scheduler, folder, rule, {name: own[name] for name in missing}, shared)
    else:
        done = _here(folder, rule, missing)
    for name, built in tqdm(done, stage, len(missing), leave=False, disable=None):
        rows[name] = built.rows
        new[keys[name]] = built
    memory.keep(new)
    keep_only(folder, rows)
    return f"{sum(rows.values()):,} rows in {len(rows)} partitions"


def _far(
    scheduler: str, folder: Path, rule: Rule, inputs: dict[str, list[Path]], shared: list[Path]
) -> Done:
    """Have partitions built on a cluster, and write them."""
    from kit.base import cluster

    for name, content, rows in cluster.spread(scheduler, rule, inputs, shared):
        path = folder / f"{name}.parquet"
        write_bytes(path, content)
        yield name, described(path, rows)


def _here(folder: Path, rule: Rule, names: list[str]) -> Done:
    """Build and write partitions on this machine."""
    with side_by_side(len(names)) as apply:
        yield from apply(functools.partial(_write, folder, rule), names)


def _write(folder: Path, rule: Rule, name: str) -> tuple[str, Built]:
    frame, path = rule(name), folder / f"{name}.parquet"
    write(path, frame)
    return name, described(path, len(frame))
