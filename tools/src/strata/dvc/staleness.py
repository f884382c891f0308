"""Which stages are stale, and which outputs in the workspace are another revision's."""

import os
from pathlib import Path
from typing import Any

from strata.core.texts import inert
from strata.dvc.revision import Revision
from strata.dvc.store import Store, dvc_repo, explained, hash_of
from strata.dvc.unsaved import snapshot


def behind(store: Store) -> list[str]:
    """The outputs in the workspace that are another revision's: not the lock's, but in the cache.

    A merge, a reset or a checkout without hooks leaves them so.
    """
    paths = []
    for out in Revision(store, None, reread=False).outputs:
        path = store.root / out.path
        if path.exists() and hash_of(path, out.kind, store.root) != out.hash:
            files = snapshot(store.root, path, out.kind).files or {}
            if all(store.intact(oid, out.kind) for oid in files.values()):
                paths.append(out.path)
    return paths


def stale(store: Store) -> tuple[dict[str, list[str]], list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    Data that is absent from the workspace, or only ``behind`` the lock, is no reason; the paths of
    the latter are returned as well.
    """
    stages = _differing(store.repo)
    if not stages:
        return {}, []
    old = behind(store)
    prefix = os.path.relpath(store.root)  # DVC names paths from the current folder
    names = {os.path.normpath(os.path.join(prefix, path)) for path in old}  # noqa: PTH118
    reasons = {
        stage: [reason for reason in why if reason.rpartition(": ")[0] not in names]
        for stage, why in stages.items()
    }
    return {stage: why for stage, why in reasons.items() if why}, old


ALWAYS = "always changed"  # how DVC puts it of a stage that it always runs


def differing(root: Path, always: bool = False) -> dict[str, list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    Data that is absent from the workspace is no reason, nor, without ``always``, that DVC always
    runs a stage.
    """
    with dvc_repo(root) as repo:
        return _differing(repo, always)


def _differing(repo: Any, always: bool = False) -> dict[str, list[str]]:
    stages: dict[str, list[str]] = {}
    with explained(Path(repo.root_dir)), repo.lock:
        # Not of imports: DVC would ask their sources, which may be offline. And one by one, since
        # `repo.status` reads all files again for each target that it is given.
        ours = [stage for stage in repo.index.stages if stage.cmd or not stage.is_import]
        for stage, reasons in [each for s in ours for each in s.status(check_updates=True).items()]:
            for reason in reasons:
                if isinstance(reason, str):
                    if always or reason != ALWAYS:
                        stages.setdefault(stage, []).append(reason)
                    continue
                for kind, items in reason.items():
                    for path, what in items.items() if isinstance(items, dict) else [(kind, items)]:
                        stages.setdefault(stage, []).extend(_words(path, what))
    return {inert(stage): list(map(inert, words)) for stage, words in stages.items() if words}


def _words(path: str, what: Any) -> list[str]:
    if isinstance(what, dict):  # a file of params: its keys, each with what happened
        return [f"param {key}: {change}" for key, change in what.items()]
    return [] if what in ("deleted", "not in cache") else [f"{path}: {what}"]
