"""Which stages dvc.lock no longer speaks of, and which outputs are another revision's."""

import os
from pathlib import Path
from typing import Any

from strata.core.texts import inert
from strata.dvc.revision import Revision
from strata.dvc.store import Store, dvc_repo, explained, hash_of
from strata.dvc.unsaved import snapshot


def behind(store: Store) -> list[str]:
    """The outputs in the workspace that are another revision's: not the lock's, but in the cache.

    So Git leaves them after a merge, a reset or a checkout without hooks.
    """
    found = []
    for out in Revision(store, None).outputs:
        path = store.root / out.path
        if path.exists() and hash_of(path, out.kind, store.root) != out.hash:
            files = snapshot(store.root, path, out.kind).files or {}
            if all(store.intact(oid, out.kind) for oid in files.values()):
                found.append(out.path)
    return found


def stale(store: Store) -> tuple[dict[str, list[str]], list[str]]:
    """The stages that dvc.lock no longer speaks of, each with the reasons; what is ``behind`` it.

    A stage is stale whose code, params or data were changed. Data that is only behind the lock, or
    absent from the workspace, does not count.
    """
    found = _differing(store.repo)
    if not found:
        return {}, []
    old = behind(store)
    prefix = os.path.relpath(store.root)  # DVC names paths from the current folder
    names = {os.path.normpath(os.path.join(prefix, path)) for path in old}  # noqa: PTH118
    reasons = {
        stage: [reason for reason in why if reason.rpartition(": ")[0] not in names]
        for stage, why in found.items()
    }
    return {stage: why for stage, why in reasons.items() if why}, old


ALWAYS = "always changed"  # how DVC puts it of a stage that it always runs


def differing(root: Path, always: bool = False) -> dict[str, list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    What nothing says to have changed does not count: data that is only absent from the workspace,
    and without ``always`` a stage that DVC always runs.
    """
    with dvc_repo(root) as repo:
        return _differing(repo, always)


def _differing(repo: Any, always: bool = False) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with explained(Path(repo.root_dir)), repo.lock:
        # Not of imports: DVC would ask their sources, which may be offline. And one by one, since
        # `repo.status` reads all files again for each target that it is given.
        ours = [stage for stage in repo.index.stages if stage.cmd or not stage.is_import]
        for stage, reasons in [each for s in ours for each in s.status(check_updates=True).items()]:
            for reason in reasons:
                if isinstance(reason, str):
                    if always or reason != ALWAYS:
                        found.setdefault(stage, []).append(reason)
                    continue
                for kind, items in reason.items():
                    for path, what in items.items() if isinstance(items, dict) else [(kind, items)]:
                        found.setdefault(stage, []).extend(_words(path, what))
    return {inert(stage): list(map(inert, words)) for stage, words in found.items() if words}


def _words(path: str, what: Any) -> list[str]:
    if isinstance(what, dict):  # a file of params: its keys, each with what happened
        return [f"param {key}: {change}" for key, change in what.items()]
    return [] if what in ("deleted", "not in cache") else [f"{path}: {what}"]
