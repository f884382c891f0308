"""What a move of the workspace would lose: content that neither Git nor the cache has.

Asked of the content, not of time stamps or of what was meant to be there.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from strata import git
from strata.core import trust
from strata.core.errors import Fault
from strata.core.texts import inert
from strata.dvc.revision import Revision
from strata.dvc.store import Output, Store, files_of, hash_of, md5_of

# A checkout leaves the files of a submodule alone, so nothing in it is lost or in the way.
SUBMODULES = "--ignore-submodules=all"


@dataclass(frozen=True)
class Snapshot:
    """What lies where an output goes: path inside to hash, "" for a file itself; None: nothing."""

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


def keep(store: Store, here: Revision) -> None:
    """Store the workspace's outputs in the cache, should it have lost them; no lock is touched."""
    for out in here.outputs:
        path = store.root / out.path
        if store.missing(out) and hash_of(path, out.kind, store.root) == out.hash:
            store.keep(out, store.root)


def check(store: Store, revisions: list[Revision], target: Revision, cut_off: bool) -> list[Path]:
    """Raise Fault if going to ``target`` would lose anything.

    ``revisions`` are those whose files may lie in the workspace: HEAD's first. With ``cut_off``
    the others are those between which a move was broken off: what it left is known by its content,
    and the untracked files among that are returned.
    """
    commits = [str(revision.commit) for revision in [*revisions, target]] if cut_off else []
    top = git.toplevel(store.root)
    edits = [c[3:] for c in git.edits(store.root, SUBMODULES) if c[:2] != "??"]
    seen = {change[3:] for change in git.changes(store.root)}
    _refuse(
        [name for name in edits if name not in seen],
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
    prefix = git.git("rev-parse", "--show-prefix", root=store.root)
    theirs = {
        PurePosixPath(prefix, path) for r in revisions for path in (o.path for o in r.outputs)
    }
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
    """The untracked files that a checkout of one of these commits, cut off, has written."""
    top = git.toplevel(root)
    names = [change[3:] for change in git.changes(root) if commits and change.startswith("??")]
    return [top / name for name in names if _is_leftover(top, commits, name)]


def _refuse(paths: list[str], what: str, way_out: str) -> None:
    if paths:
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        raise Fault(f"{what}: {', '.join(map(inert, paths[:5]))}{more}; {way_out}")


def _is_leftover(top: Path, commits: list[str], path: str) -> bool:
    """Whether a file is what ``git checkout`` of one of these commits writes, or begins with.

    What Git's index has of it must be one commit's, too.
    """
    names = [f"{commit}:{path}" for commit in commits]
    asked = (git.LITERAL, "ls-files", "--stage", "-z", "--", path)
    staged = git.git(*asked, root=top).split("\0")[:-1]
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
    """The files, ignored ones too, over which Git would write ``target``'s, unless they are alike.

    Those in ``outputs`` are DVC's to care for. Paths are from the top of Git's repository.
    """
    tracked = set(git.files(top, "HEAD")) | left
    difference = ("diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", "HEAD", target)
    found: dict[str, None] = {}
    for name in git.git(*difference, root=top).split("\0")[:-1]:
        path = PurePosixPath(name)
        for at in [*reversed(path.parents[:-1]), path]:
            file = top / at
            if any(at.is_relative_to(out) for out in outputs) or not os.path.lexists(file):
                break
            if file.is_dir() and not file.is_symlink():
                if at == path:
                    inside = (f.relative_to(top).as_posix() for f in file.rglob("*") if f.is_file())
                    found |= dict.fromkeys(f for f in inside if f not in tracked)
            elif str(at) in tracked:
                break
            elif at != path or git.smudged(top, f"{target}:{name}") != _bytes(file):
                found[str(at)] = None
                break
    return list(found)


def _ignores(top: Path, revision: Revision) -> list[str]:
    """The .dvcignore files of a revision, as Git lists them."""
    listed = git.git("ls-tree", "-r", "-z", str(revision.commit), root=top).split("\0")
    return [entry for entry in listed if PurePosixPath(entry).name.endswith(".dvcignore")]


def _unstored(store: Store, out: Output, tracked: set[str], other: Revision | None) -> list[str]:
    """The files where an output goes that neither the cache has nor Git.

    What .dvcignore leaves out stays there, unless ``other``, whose is another, does not leave it.
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
