"""The one place that moves the workspace to another revision, whole or not at all.

A move is a transaction: it takes DVC's lock and its own, notes the way back, switches Git, links
the outputs, and proves the result; if anything fails, it goes back. Signals wait until it is done
either way. After a kill or a power cut the note stays, and tells the next restore between which
commits the workspace is.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from strata import git
from strata.core.errors import Deferred, Fault, first_line, on_signals
from strata.dvc import unsaved
from strata.dvc.revision import Revision
from strata.dvc.store import Store, files_of, remove
from strata.dvc.unsaved import SUBMODULES, Snapshot
from strata.git import refs
from strata.restore.obtain import Obtained

NOTE = "strata-move.json"  # in Git's folder, one a worktree, for as long as a move is under way


@dataclass(frozen=True)
class Note:
    """A move that was begun: where from, where to, and the commits whose files may lie around."""

    back: str
    to: str
    commits: list[str]

    def __str__(self) -> str:
        return (
            f"a restore was cut off, so the workspace is between {self.back} and {self.to}: "
            f"`strata restore {quote(self.back)}` goes back, "
            f"`strata restore {quote(self.to)}` goes on"
        )


def cut_off(root: Path) -> Note | None:
    """The move that was begun here and did not end, if there is one."""
    try:
        return Note(**json.loads(git.own_path(root, NOTE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def previous(root: Path) -> str:
    """The branch, by its full name, or the commit that was checked out before this one.

    Raises Fault if none was.
    """
    try:
        return refs.previous("@{-1}", root)
    except Fault:
        raise Fault("there is no earlier position to go back to") from None


def refuse_to_lose(store: Store, target: Revision) -> list[Path]:
    """Raise Fault if a move would lose anything, or Git is in the middle of something.

    Returns the untracked files that an earlier move left when it was cut off.
    """
    if what := git.in_progress(store.root):
        end = "reset" if what == "bisect" else "abort"
        option = end if what == "bisect" else f"--{end}"
        raise Fault(f"a {what} is in progress: finish it, or `git {what} {option}`")
    note, revisions = cut_off(store.root), _around(store)
    unsaved.refill_cache(store, revisions[0])
    return unsaved.check(store, revisions, target, note is not None)


def _around(store: Store) -> list[Revision]:
    """The revisions whose files may lie in the workspace, HEAD's first."""
    note = cut_off(store.root)
    commits = [refs.commit_of("HEAD", store.root), *(note.commits if note else [])]
    return [Revision(store, commit) for commit in dict.fromkeys(commits)]


def move(store: Store, target: Revision, to: str, items: list[Obtained]) -> None:
    """Check out a branch or commit and its outputs, which the cache has, or leave all as it was.

    Raises Fault, or Ended after a signal: then the workspace is as it was, or the message says
    which command goes back.
    """
    root, deferred = store.root, Deferred()
    with store.locked(), _alone(root) as options, on_signals(deferred):
        left = refuse_to_lose(store, target)
        outs = {out.path: out for r in [target, *_around(store)] for out in r.outputs}
        before = {
            path: unsaved.snapshot(root, root / path, out.kind)
            for path, out in outs.items()
            if not git.is_tracked(root, path)  # that is Git's
        }
        untracked = {git.toplevel(root) / path for path in git.untracked(root)}
        old, earlier = git.position(root), cut_off(root)
        commits = dict.fromkeys([*(r.commit for r in _around(store)), target.commit])
        note = Note(earlier.back if earlier else old, to, [str(commit) for commit in commits])
        _write(root, note)
        try:
            for file in left:
                remove(file)
            _switch(store, target, to, items, set(before), earlier is not None, options, deferred)
        except (Exception, KeyboardInterrupt) as error:
            try:
                _go_back(store, old, before, untracked, note, options)
            except (Exception, KeyboardInterrupt) as worse:
                raise Fault(f"{first_line(error)}\n{first_line(worse)}\n{note}") from None
            if earlier:
                _write(root, earlier)
            else:
                git.own_path(root, NOTE).unlink()
            deferred.check()
            raise
        git.own_path(root, NOTE).unlink()


def _switch(
    store: Store,
    target: Revision,
    to: str,
    items: list[Obtained],
    outputs: set[str],
    force: bool,
    options: dict[str, Any],
    deferred: Deferred,
) -> None:
    """The move itself, and its proof."""
    root = store.root
    for path in outputs - {item.output.path for item in items}:
        store.clear(root / path)  # nothing would ignore it there
    deferred.check()
    git.switch(root, to, force=force, **options)
    deferred.check()
    for item in items:
        out = item.output
        if item.differing and item.clone:
            store.clear(root / out.path)
            copy(item.differing, root / out.path, item.clone)
        else:
            files = store.listing(out) if out.is_folder else {"": out.hash}
            store.check_out(root / out.path, files, out.kind)
        deferred.check()
    wrong = git.edits(root, SUBMODULES, untracked=False)
    outs = [item.output for item in items if not item.differing]
    wrong += [out.path for out in outs if not store.is_checked_out(out)]
    if refs.commit_of("HEAD", root) != target.commit or wrong:
        raise Fault(f"not as {target.name} has it after the switch: {', '.join(wrong) or 'HEAD'}")


def _go_back(
    store: Store,
    old: str,
    before: dict[str, Snapshot],
    untracked: set[Path],
    note: Note,
    options: dict[str, Any],
) -> None:
    """Put Git's files and what lay at the outputs' paths back, by force."""
    root, trouble = store.root, ""
    _unlock(root)

    def sweep() -> None:
        for file in set(unsaved.leftovers(root, note.commits)) - untracked:
            remove(file)

    with suppress(Fault):
        sweep()  # which may give a full disk the room that Git needs
    try:
        git.switch(root, old, force=True, **options)
    except Fault as fault:
        trouble = f": {fault}"  # perhaps of a file that is as it was
    sweep()
    for path, snapshot in before.items():
        store.check_out(root / path, snapshot.files, snapshot.kind)
    wrong = git.changes(root, SUBMODULES, untracked=False)
    if wrong or git.position(root) != old:
        raise Fault(f"not as before: {', '.join(wrong) or 'HEAD'}{trouble}")


def _write(root: Path, note: Note) -> None:
    """Write the note whole or not at all, even if the power is cut."""
    path = git.own_path(root, NOTE)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def _alone(root: Path) -> Iterator[dict[str, Any]]:
    """Wait for any other move of this workspace to end, or for the git of a killed one.

    Yields the options for running git: in a session of its own, where no Ctrl-C reaches it, and
    holding the lock, so that others wait for it even if this process is killed.
    """
    if sys.platform == "win32":  # no lock that a child could inherit
        _unlock(root)
        yield {}
        return
    import fcntl

    with git.own_path(root, "strata-move.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _unlock(root)
        yield {"pass_fds": (file.fileno(),), "start_new_session": True}


def _unlock(root: Path) -> None:
    """Remove the locks of a git that was killed in a move."""
    if cut_off(root):
        for name in ("index.lock", "HEAD.lock"):
            git.own_path(root, name).unlink(missing_ok=True)


def copy(source: Path, path: Path, clone: Path) -> None:
    """Copy what was made in a clone to a free path: a file, or what DVC keeps of a folder."""
    for name in files_of(source, "md5", clone) if source.is_dir() else [""]:
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
