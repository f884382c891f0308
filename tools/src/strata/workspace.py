"""The one place that moves the workspace to another revision, whole or not at all."""

import shutil
import signal
from pathlib import Path
from typing import Any

from strata import git
from strata.checkout import dvc
from strata.errors import Fault
from strata.obtain import Obtained
from strata.revision import Revision
from strata.store import Store, dvc_repo, hash_of


def refuse_to_lose(store: Store, here: Revision, target: Revision) -> None:
    """Raise Fault if the workspace has work that is neither in Git nor in DVC.

    An untracked file is in nobody's way: Git leaves it alone, unless an output lies there.
    """
    root = store.root
    current = {out.path for out in here.outputs}
    new = [o.path for o in target.outputs if o.path not in current and (root / o.path).exists()]
    changes = [change[3:] for change in git.changes(root) if not change.startswith("??")] + new
    if changes:
        raise Fault(
            "uncommitted changes would be lost: "
            + ", ".join(changes[:5])
            + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")
            + "; commit them, `git stash` them or move them away"
        )
    if not here.outputs:
        return
    with dvc_repo(root) as repo:
        data = repo.data_status(granular=True)["uncommitted"]
    lost = [path for kind in ("modified", "added", "renamed") for path in data.get(kind, [])]
    if lost:
        raise Fault(
            f"data that DVC has not stored would be lost: {', '.join(map(str, lost[:5]))}; "
            "keep it with `dvc commit` and a commit, or drop it with `dvc checkout --force`"
        )


def keep(store: Store, here: Revision) -> None:
    """Store the workspace's outputs in the cache, should it have lost them."""
    for out in here.outputs:
        path = store.root / out.path
        if store.missing(out) and hash_of(path, out.kind) == out.hash:
            store.keep(out, path)


def previous(root: Path) -> str:
    """The branch or commit that was checked out before this one. Raises Fault if none was."""
    try:
        name = git.git("rev-parse", "--abbrev-ref", "@{-1}", root=root)
        return name or git.git("rev-parse", "@{-1}", root=root)
    except Fault:
        raise Fault("there is no earlier position to go back to") from None


def move(store: Store, here: Revision, target: str, found: list[Obtained]) -> None:
    """Check out code and outputs; put everything back if that fails or is interrupted."""
    old = git.position(store.root)
    try:
        leave(store, here, found)
        git.switch(store.root, target)
        check_out(store, [item for item in found if not item.differing])
        for item in found:
            if item.differing:
                replace(store.root / item.output.path, item.differing)
    except BaseException:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # this part must end
        git.switch(store.root, old)
        if (store.root / ".dvc/config").exists():
            dvc("checkout", "--force", "--allow-missing", root=store.root)
        signal.signal(signal.SIGINT, before)
        raise


def leave(store: Store, here: Revision, found: list[Obtained]) -> None:
    """Remove outputs that the other revision does not have: nothing would ignore them there."""
    staying = {item.output.path for item in found}
    for out in here.outputs:
        if out.path not in staying:
            remove(store.root / out.path)


def check_out(store: Store, found: list[Obtained]) -> None:
    """Have DVC link these outputs from the cache, and make good what DVC wrongly takes for done."""
    paths = [item.output.path for item in found]
    if paths:
        dvc("checkout", "--force", *paths, root=store.root)
    for item in found:
        path = store.root / item.output.path
        if hash_of(path, item.output.kind) != item.output.hash:
            remove(path)
            store.place(item.output, path)


def replace(path: Path, source: Path) -> None:
    """Put a copy of a file or folder in place of another."""
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copyfile(source, path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def stale(root: Path) -> dict[str, list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    What nothing says to have changed does not count: data that is only absent from the workspace,
    a stage that DVC always runs.
    """
    found: dict[str, list[str]] = {}
    with dvc_repo(root) as repo:
        # Not of imports: DVC would ask their sources, which may be offline.
        ours = [stage.addressing for stage in repo.index.stages if stage.cmd or not stage.is_import]
        for stage, reasons in repo.status(targets=ours).items() if ours else ():
            for reason in reasons:
                if isinstance(reason, str):
                    if reason != "always changed":
                        found.setdefault(stage, []).append(reason)
                    continue
                for kind, items in reason.items():
                    for path, what in items.items() if isinstance(items, dict) else [(kind, items)]:
                        found.setdefault(stage, []).extend(_words(path, what))
    return {stage: words for stage, words in found.items() if words}


def _words(path: str, what: Any) -> list[str]:
    if isinstance(what, dict):  # a file of params: its keys, each with what happened
        return [f"param {key}: {change}" for key, change in what.items()]
    return [] if what in ("deleted", "not in cache") else [f"{path}: {what}"]
