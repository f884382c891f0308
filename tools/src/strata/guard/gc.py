"""Free space in the cache, and lose nothing that Git, a clone or a running command can name.

This is the one command that destroys. An object goes only if it is proven that nothing names it:
anything unreadable and anyone at work on the cache stops the command, and what is newer stays.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath

from strata import git
from strata.core.errors import Fault
from strata.core.trust import hashes_in
from strata.dvc import cachelock
from strata.dvc.store import Store, command_in, may_use, md5_of, opened, running

FILES = ("dvc.lock", ".dvc", "Dvcfile")  # how the name of a file ends that names objects
BATCH = 500  # objects that are removed before it looks again who has begun to work


def run(args: argparse.Namespace) -> int:
    """Remove the cached objects that nothing refers to; the remote is not touched."""
    root = git.top()
    with opened(root) as store, ExitStack() as stack:
        check(store, args.clones)
        if args.yes:
            began = stack.enter_context(alone(store, args.clones))
        unused = unnamed(store, args.clones)
        show(unused, root)
        if not unused or args.dry_run:
            return 0
        if not args.yes:
            if not agreed():
                print("nothing removed")
                return 1
            began = stack.enter_context(alone(store, args.clones))
            still = set(unnamed(store, args.clones))
            unused = [path for path in unused if path in still]
        count, size = remove(store, args.clones, unused, began)
    print(f"removed {count} objects, {size / 1e6:.1f} MB")
    return 0


def check(store: Store, clones: list[Path]) -> None:
    """Raise Fault if others may use the cache whose clones are not known."""
    cache = store.cache_dir.resolve()
    if not clones and not cache.is_relative_to(git.main_worktree(store.root).resolve()):
        raise Fault(
            f"the cache, {cache}, is outside of this repository, so others may use it: name each "
            "clone that shares it with --with CLONE (this one again, if none does)"
        )


def homes(store: Store, clones: list[Path]) -> list[Path]:
    """The folders in which people use the cache: here, in the clones, in the worktrees of each.

    Raises Fault for a clone that is not a repository.
    """
    folders: dict[Path, None] = {}
    for home in (store.root, *clones):
        inside = home.resolve().relative_to(git.toplevel(home).resolve())
        folders |= dict.fromkeys(top / inside for top in git.worktrees(home))
    return list(folders)


def places(store: Store, clones: list[Path]) -> list[Path]:
    """The homes, and the folders in which DVC runs their experiments."""
    folders = homes(store, clones)
    apart = (".dvc/tmp/exps/*/.git", ".dvc/tmp/exps/*/*/.git")
    inside = (path.parent for home in folders for form in apart for path in home.glob(form))
    return [*folders, *inside]


@contextmanager
def alone(store: Store, clones: list[Path]) -> Iterator[float]:
    """Keep strata and DVC off the cache for a block; yields the time at which it began.

    Raises Fault while either is at work on it.
    """
    with cachelock.alone(store.cache_dir) as began, store.locked(homes(store, clones)):
        refuse_company(store, clones)
        yield began


def refuse_company(store: Store, clones: list[Path]) -> None:
    """Raise Fault while a command of DVC's is at work on the cache, in whatever folder."""
    locks = (home / ".dvc/tmp/rwlock" for home in places(store, clones))
    for command in (
        *(command for lock in locks for command in running(lock)),
        *commands(store.cache_dir.resolve()),
    ):
        raise Fault(f"{command} is at work on this cache: wait for its end, then try again")


def commands(cache: Path) -> list[str]:
    """The commands of DVC that this machine runs on a cache, or may, each with its process.

    Not those of other users, whose folders nobody may see: who shares a cache with them names their
    clones.
    """
    import psutil

    busy = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if _is_dvc(words) and may_use(cache, Path(process.cwd())):
                busy.append(f"{command_in(words)} (process {process.pid})")
        except psutil.Error:  # it has ended, or is another user's
            continue
    return busy


def _is_dvc(words: list[str]) -> bool:
    """Whether the words of a process are ``dvc``, ``python dvc`` or ``python -m dvc``."""
    paths = [PurePath(word) for word in words[:6]]
    if not paths or "daemon" in words:  # which reports and looks for updates, and knows no cache
        return False
    program = [path for path in paths[1:] if path.name == "__main__.py"]
    names = {path.name for path in paths[: 6 if paths[0].name.startswith("python") else 1]}
    return bool(names & {"dvc", "dvc.exe"}) or any(path.parent.name == "dvc" for path in program)


def unnamed(store: Store, clones: list[Path]) -> list[Path]:
    """The objects in the cache that nothing names. Raises Fault if that cannot be told."""
    used = {oid for place in places(store, clones) for oid in named(place)}
    cached = store.objects()
    folders = {oid for oid in cached if oid.endswith(".dir") and oid.removesuffix(".dir") in used}
    used |= folders | {oid for folder in folders for oid in inside(store, folder)}
    return [store.path(oid, "md5") for oid in cached if oid not in used]


def named(root: Path) -> set[str]:
    """Whatever looks like a hash in anything that Git has, or in DVC's files on disk.

    That is every commit of any branch, tag, remote branch, stash, experiment and reflog, and each
    worktree's index and files, be they ignored, untracked or broken. All of it is read as text,
    which keeps too much rather than too little. Raises Fault if Git's objects are not whole.
    """
    if git.is_shallow(root):
        raise Fault(f"{root}: this clone is shallow and lacks older commits: git fetch --unshallow")
    hashes = set[str]()
    try:
        for name, data in git.contents(root, git.reachable(root)):
            if data is None:
                raise Fault(f"object {name} is missing")
            hashes |= hashes_in(data)
    except Fault as fault:
        raise Fault(
            f"Git's objects in {root} are not whole, so what they name cannot be told, and nothing "
            f"is removed; `git fsck` says more: {fault}"
        ) from None
    for top in git.worktrees(root):
        for name in git.entries("ls-files", "--cached", "--others", "-z", root=top):
            if name.endswith(FILES) and (top / name).is_file():
                hashes |= hashes_in((top / name).read_bytes())
    return hashes


def inside(store: Store, folder: str) -> set[str]:
    """The hashes in a folder's listing in the cache. Raises Fault if the listing is damaged."""
    path = store.path(folder, "md5")
    if md5_of(path, "md5") != folder.removesuffix(".dir"):
        raise Fault(
            f"the list of a folder's files, {path}, is damaged, so what belongs to it cannot be "
            "told: remove it, and `dvc fetch` gets it again, or `strata restore` makes it"
        )
    return hashes_in(path.read_bytes())


def show(unused: list[Path], root: Path) -> None:
    """Print each object with its size, and their sum."""
    for path in unused:
        name = path.relative_to(root) if path.is_relative_to(root) else path
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {name}")
    size = sum(path.stat().st_size for path in unused) / 1e6
    print(f"{len(unused)} objects, {size:.1f} MB, belong to no commit, tag or experiment")


def remove(store: Store, clones: list[Path], unused: list[Path], began: float) -> tuple[int, int]:
    """Remove objects that are older than ``began``; how many they were, and their bytes.

    DVC takes longer to start than a batch takes, so none can begin unseen and rely on an object
    that goes. Raises Fault if one has begun.
    """
    count = size = 0
    for start in range(0, len(unused), BATCH):
        refuse_company(store, clones)
        for path in unused[start : start + BATCH]:
            stat = path.stat()
            if max(stat.st_mtime, stat.st_ctime) < began:
                path.chmod(0o644)
                path.unlink()
                count, size = count + 1, size + stat.st_size
    return count, size


def agreed() -> bool:
    """Ask. Raises Fault if nobody can answer."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Fault("nobody to ask; `strata gc --yes` does not ask") from None
