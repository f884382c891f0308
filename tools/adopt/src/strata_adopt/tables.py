"""Tables on disk or of a revision, read in memory that does not grow with them."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from strata import git
from strata.core import limits
from strata.core.errors import Fault
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata_adopt import sources

ROWS = 100_000  # that are kept at most: of more, every second, fourth, … row


@contextmanager
def files(path: str, rev: str | None) -> Iterator[dict[str, Path]]:
    """The files of a table by their names, on disk: as they lie there, or as a revision has them.

    Raises Fault if there are none, or a revision's cannot be had.
    """
    if rev is None:
        yield sources.files_of(path)
        return
    root = git.top()
    with opened(root) as store, tempfile.TemporaryDirectory(prefix="strata-") as folder:
        revision = Revision(store, refs.commit_of(rev, root))
        names = revision.paths(from_top(root, path))
        if not names:
            raise Fault(f"{rev} has no {path}")
        files = {}
        for number, name in enumerate(names):
            if revision.is_file(name):  # Git's
                files[name] = Path(folder, str(number))
                files[name].write_bytes(revision.bytes(name, limits.MEMORY))
            else:
                files[name] = revision.local(name)
        yield files


def from_top(root: Path, path: str) -> str:
    """A path, given from the current folder, from the top. Raises Fault if it leads out.

    Of links only those on the way to it are followed: it may be one into DVC's cache itself.
    """
    at = Path(os.path.normpath(Path.cwd() / path))
    place = at.parent.resolve() / at.name
    if not place.is_relative_to(root.resolve()):
        raise Fault(f"{path} is outside of the repository, which is {root}: no revision has it")
    return place.relative_to(root.resolve()).as_posix()


def sample(parts: Iterable[pd.DataFrame], most: int = ROWS) -> tuple[pd.DataFrame | None, int, int]:
    """Every ``step``-th row of many, at most ``most``; with ``step``, and how many there are.

    In memory that does not grow with their number. None if there is no row.
    """
    kept: list[pd.DataFrame] = []
    step, count = 1, 0
    for part in parts:
        kept.append(part.iloc[-count % step :: step])
        count += len(part)
        while sum(map(len, kept)) > most:
            step *= 2
            kept = [pd.concat(kept, ignore_index=True).iloc[::2]]
    return (pd.concat(kept, ignore_index=True) if count else None), step, count
