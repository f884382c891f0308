"""What a move of the workspace would lose: content that neither Git nor the cache has.

Content is looked at, never time stamps or what should be there.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from strata import git
from strata.core import trust
from strata.core.errors import Fault
from strata.core.texts import listed
from strata.dvc.revision import Revision
from strata.dvc.store import Output, Store, files_of, hash_of, md5_of

# A checkout leaves the files of a submodule alone, so nothing in it is lost or in the way.
SUBMODULES = "--ignore-submodules=all"


@dataclass(frozen=True)
class Snapshot:
    """What lies at the path of an output: the files in it, path to hash; of a file, "" to its hash.

    None if nothing lies there.
    """

    files: Mapping[str, str] | None
    kind: str


def snapshot(root: Path, path: Path, kind: str, named: Iterable[str] = ()) -> Snapshot:
    """Read and hash what lies at the path of an output.

    Without what .dvcignore leaves out of a folder, unless it is ``named``. Raises Fault if the path
    leads out of the repository.
    """
    trust.within(root, path)
    if path.is_dir():
        return Snapshot(files_of(path, kind, root, named), kind)
    return Snapshot({"": md5_of(path, kind)} if path.is_file() else None, kind)


def refill_cache(store: Store, here: Revision) -> None:
    """Put the workspace's outputs back into a cache that has lost them; no dvc.lock changes."""
    for out in here.outputs:
        path = store.root / out.path
        if store.missing(out) and hash_of(path, out.kind, store.root) == out.hash:
            store.add(out, store.root)


def check(store: Store, revisions: list[Revision], target: Revision, cut_off: bool) -> list[Path]:
    """Raise Fault if a move to ``target`` would lose anything.

    ``revisions`` are those whose files may lie in the workspace, HEAD first. With ``cut_off`` the
    others are those of a move that was cut off: what it left is recognised by content, and the
    untracked files among it are returned.
    """
    commits = [str(revision.commit) for revision in [*revisions, target]] if cut_off else []
    top = git.toplevel(store.root)
    edits = git.edits(store.root, SUBMODULES, untracked=False)
    reported = set(git.changes(store.root, untracked=False))
    _refuse(
        [name for name in edits if name not in reported],
        "changes would be lost that Git is told to overlook",
        "`git update-index --no-assume-unchanged`, or --no-skip-worktree, has it see them; then "
        "commit or `git stash` them",
    )
    _refuse(
        [name for name in edits if not _is_leftover(top, commits, name)],
        "uncommitted changes would be lost",
        "commit or `git stash` them",
    )
    rest = leftovers(store.root, commits)
    outs = {
        out.path: out for revision in [target, *reversed(revisions)] for out in revision.outputs
    }
    prefix = git.prefix(store.root)
    theirs = {PurePosixPath(prefix, out.path) for r in revisions for out in r.outputs}
    _refuse(
        _in_the_way(top, str(target.commit), theirs, {str(path.relative_to(top)) for path in rest}),
        "files that neither Git nor DVC keeps are in the way",
        "move them away",
    )
    tracked = set(git.files(store.root, "HEAD"))
    same = all(_ignores(top, revision) == _ignores(top, target) for revision in revisions)
    other = None if same else target
    _refuse(
        [name for out in outs.values() for name in _unstored(store, out, tracked, other)],
        "data that DVC has not stored would be lost",
        "move it elsewhere, or drop it with `dvc checkout --force`",
    )
    return rest


def leftovers(root: Path, commits: list[str]) -> list[Path]:
    """The untracked files that a checkout of one of these commits wrote before it was cut off."""
    top = git.toplevel(root)
    names = git.untracked(root) if commits else []
    return [top / name for name in names if _is_leftover(top, commits, name)]


def _refuse(paths: list[str], what: str, way_out: str) -> None:
    if paths:
        raise Fault(f"{what}: {listed(paths)}; {way_out}")


def _is_leftover(top: Path, commits: list[str], path: str) -> bool:
    """Whether a file is what ``git checkout`` of one of these commits writes, or begins with.

    What Git's index has of it must be one commit's, too.
    """
    names = [f"{commit}:{path}" for commit in commits]
    staged = git.entries(git.LITERAL, "ls-files", "--stage", "-z", "--", path, root=top)
    blobs = {git.run("rev-parse", name, root=top).stdout.decode().strip() for name in names}
    if any(entry.split(" ")[1] not in blobs for entry in staged):
        return False
    file = top / path
    if not os.path.lexists(file):
        return bool(staged) or any(git.succeeds("cat-file", "-e", n, root=top) for n in names)
    texts = [git.smudged(top, name) for name in names]
    return any(text is not None and text.startswith(_bytes(file)) for text in texts)


def _bytes(file: Path) -> bytes:
    """The content of a file as Git sees it: of a symbolic link, where it points."""
    return os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()


def _in_the_way(
    top: Path, target: str, outputs: Iterable[PurePosixPath], left: set[str]
) -> list[str]:
    """The files, ignored ones too, that Git would overwrite with other ones of ``target``.

    ``git checkout --no-overwrite-ignore`` refuses equal ones as well, and none with ``--force``.
    Files in ``outputs`` are left to DVC. Paths are from the top of Git's repository.
    """
    tracked = set(git.files(top, "HEAD")) | left
    difference = ("diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", "HEAD", target)
    blocking: dict[str, None] = {}
    for name in git.entries(*difference, root=top):
        path = PurePosixPath(name)
        way = [*reversed(path.parents[:-1]), path]
        at = next((at for at in way if (top / at).is_symlink() or not (top / at).is_dir()), None)
        if any((at or path).is_relative_to(out) for out in outputs):
            continue
        if at is None:
            inside = (f.relative_to(top).as_posix() for f in (top / path).rglob("*") if f.is_file())
            blocking |= dict.fromkeys(f for f in inside if f not in tracked)
        elif os.path.lexists(file := top / at) and (
            str(at) not in tracked
            and (at != path or git.smudged(top, f"{target}:{name}") != _bytes(file))
        ):
            blocking[str(at)] = None
    return list(blocking)


def _ignores(top: Path, revision: Revision) -> list[str]:
    """The .dvcignore files of a revision, as Git lists them."""
    files = git.entries("ls-tree", "-r", "-z", str(revision.commit), root=top)
    return [entry for entry in files if PurePosixPath(entry).name.endswith(".dvcignore")]


def _unstored(store: Store, out: Output, tracked: set[str], other: Revision | None) -> list[str]:
    """The files at the path of an output that neither the cache nor Git has.

    What .dvcignore leaves out stays there, unless ``other``, which has another one, includes it.
    """
    place, is_known = store.root / out.path, store.path(out.hash, out.kind).is_file()
    files = dict(
        snapshot(store.root, place, out.kind, store.listing(out) if is_known else ()).files or {}
    )
    if other and place.is_dir():
        inside = files_of(place, out.kind)
        files |= {n: oid for n, oid in inside.items() if not other.leaves_out(f"{out.path}/{n}")}
    names = {f"{out.path}/{name}" if name else out.path: oid for name, oid in files.items()}
    return [n for n, oid in names.items() if n not in tracked and not store.intact(oid, out.kind)]
