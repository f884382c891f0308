"""Merge two dvc.lock by stage, so that each entry is one that a run has written.

Git merges by line: it can put the hash of one side's code beside the outputs of the other, without
a conflict, and DVC then takes a model that nothing has made for fresh.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from strata import git
from strata.core.errors import Fault
from strata.dvc.revision import as_yaml, parsed

NAME = "merge-lock"


def install(root: Path) -> None:
    """Set the merge driver that .gitattributes calls ``strata``.

    Without its Python Git takes that for a conflict, and leaves the lock as it was before.
    """
    python = quote(Path(sys.executable).as_posix())
    command = f"{python} -P -m strata.cli hook {NAME} -- %O %A %B %P"
    git.git("config", "merge.strata.name", "dvc.lock by stage", root=root)
    git.git("config", "merge.strata.driver", command, root=root)


def merge_lock(base: Path, ours: Path, theirs: Path, name: str) -> None:
    """Merge the files of a dvc.lock, ``name``, into ``ours``, as Git asks of a merge driver.

    Raises Fault, which is a conflict to Git, if entries were left out, or if a file is no dvc.lock
    of DVC 2 or later: then they are merged by line.
    """
    try:
        stages, others = zip(*(parts(path, name) for path in (base, ours, theirs)), strict=True)
        lock, unclear = merged(*others)
        lock["stages"], differing = merged(*stages)
        if unclear:
            raise Fault(f"{name}: both sides have changed {', '.join(unclear)}")
    except Fault as fault:
        text, _ = git.merge_file({"ours": ours, "base": base, "theirs": theirs})
        ours.write_bytes(text)
        raise Fault(f"{fault}. It is merged by line; see `git diff`") from None
    ours.write_bytes(as_yaml(lock))
    if differing:
        raise Fault(
            f"{name}: both sides have changed {', '.join(differing)}, and neither's entry is that "
            "of the merged code. When all other conflicts are resolved:\n"
            "  dvc repro && git add --update\nand go on with what Git is in the middle of"
        )


def parts(path: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stages in the file of a lock, and what else is in it. Raises Fault if it is no lock."""
    lock = parsed(path.read_bytes(), name)
    stages = lock.pop("stages", {}) if isinstance(lock, dict) else None
    if not isinstance(stages, dict):
        raise Fault(f"{name} is not as DVC writes it")
    return stages, lock


def merged(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """What both sides have or only one has changed, and the names of what both have, not alike.

    If both sides were fresh, the entries of the first are: a side that leaves an entry as it was
    has changed nothing that its stage reads.
    """
    kept, differing = {}, []
    for name in {**ours, **theirs}:
        was, our, their = (side.get(name) for side in (base, ours, theirs))
        if our != their and was not in (our, their):
            differing.append(name)
        elif (value := their if our == was else our) is not None:
            kept[name] = value
    return kept, differing
