"""Free space in the cache, and lose nothing that Git, anyone's clone or a command can still name.

It is the one command that destroys. So an object goes only when it is proven that nothing names it:
what cannot be read, or who is at work, ends the command, and whatever is newer than it stays.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath

from strata import git
from strata.core.errors import Fault
from strata.core.trust import hashes_in
from strata.dvc import cachelock
from strata.dvc.store import Store, cache_of, command_in, locked, md5_of, opened, running

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
    """Raise Fault where what may still be named cannot be told."""
    cache = cache_of(store.repo).resolve()
    if not clones and not cache.is_relative_to(git.main_worktree(store.root).resolve()):
        raise Fault(
            f"the cache, {cache}, is outside of this repository, so others may use it: name each "
            "clone that shares it with --with CLONE (this one again, if none does)"
        )


def homes(store: Store, clones: list[Path]) -> list[Path]:
    """The folders in which people use the cache: this one, the clones named, the worktrees of each.

    Raises Fault for a clone that is none.
    """
    found: dict[Path, None] = {}
    for home in (store.root, *clones):
        inside = home.resolve().relative_to(git.toplevel(home).resolve())
        found |= dict.fromkeys(top / inside for top in git.worktrees(home))
    return list(found)


def places(store: Store, clones: list[Path]) -> list[Path]:
    """The same, and the folders in which DVC runs experiments of theirs apart."""
    found = homes(store, clones)
    apart = (".dvc/tmp/exps/*/.git", ".dvc/tmp/exps/*/*/.git")
    inside = (path.parent for home in found for form in apart for path in home.glob(form))
    return [*found, *inside]


@contextmanager
def alone(store: Store, clones: list[Path]) -> Iterator[float]:
    """Keep strata and DVC off the cache for the time of a block; yields when that began.

    Raises Fault while either is at work on it.
    """
    by_hardlink = bool(store.repo.config["core"].get("hardlink_lock"))
    with cachelock.alone(cache_of(store.repo)) as began, ExitStack() as stack:
        for home in homes(store, clones):
            stack.enter_context(locked(home, by_hardlink))
        refuse_company(store, clones)
        yield began


def refuse_company(store: Store, clones: list[Path]) -> None:
    """Raise Fault while a command of DVC's is at work on the cache, in whatever folder."""
    stages = (one for home in places(store, clones) for one in running(home / ".dvc/tmp/rwlock"))
    for command in (*stages, *commands(cache_of(store.repo).resolve())):
        raise Fault(f"{command} is at work on this cache: wait for its end, then try again")


def commands(cache: Path) -> list[str]:
    """The commands of DVC that this machine runs on a cache, each with its process.

    Those of which it cannot be told are among them, but not those of other users, whose folders
    nobody may see: they share a cache only if it is told to be shared.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if _is_dvc(words) and _may_use(cache, Path(process.cwd())):
                found.append(f"{command_in(words)} (process {process.pid})")
        except psutil.Error:  # it has ended, or is another user's
            continue
    return found


def _is_dvc(words: list[str]) -> bool:
    """Whether the words of a process are ``dvc``, ``python dvc`` or ``python -m dvc``."""
    paths = [PurePath(word) for word in words[:6]]
    if not paths or "daemon" in words:  # which reports and looks for updates, and knows no cache
        return False
    program = [path for path in paths[1:] if path.name == "__main__.py"]
    names = {path.name for path in paths[: 6 if paths[0].name.startswith("python") else 1]}
    return bool(names & {"dvc", "dvc.exe"}) or any(path.parent.name == "dvc" for path in program)


def _may_use(cache: Path, folder: Path) -> bool:
    """Whether DVC, in a folder, has this cache, or nobody can tell which.

    Only settings are read: to open a repository is to write into it.
    """
    from dvc.config import Config
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        home = Path(Repo.find_root(str(folder)), ".dvc")
        named = Config(str(home))["cache"].get("dir", home / "cache")
    except NotDvcRepoError:
        return False
    except Exception:  # what a broken .dvc/config raises has no common class
        return True
    return Path(named).resolve() == cache


def unnamed(store: Store, clones: list[Path]) -> list[Path]:
    """The objects in the cache that nothing names. Raises Fault if that cannot be told."""
    used = {oid for place in places(store, clones) for oid in named(place)}
    cached = store.objects()
    folders = {oid for oid in cached if oid.endswith(".dir") and oid.removesuffix(".dir") in used}
    used |= folders | {oid for folder in folders for oid in inside(store, folder)}
    return [store.path(oid, "md5") for oid in cached if oid not in used]


def named(root: Path) -> set[str]:
    """Whatever looks like a hash in anything that Git has, or in what names objects on the disk.

    Every commit of any branch, tag, remote branch, stash, experiment and reflog counts, whatever
    its files are called, and each worktree's index and files, be they ignored, untracked or broken:
    reading it as text keeps too much rather than too little. Raises Fault if Git's objects are not
    whole.
    """
    if git.is_shallow(root):
        raise Fault(
            f"{root}: this clone is shallow and knows no older commit: git fetch --unshallow"
        )
    found: set[str] = set()
    try:
        for name, data in git.contents(root, git.reachable(root)):
            if data is None:
                raise Fault(f"object {name} is missing")
            found |= hashes_in(data)
    except Fault as fault:
        raise Fault(
            f"Git's objects in {root} are not whole, so what they name cannot be told, and nothing "
            f"is removed; `git fsck` says more: {fault}"
        ) from None
    for top in git.worktrees(root):
        for name in git.git("ls-files", "--cached", "--others", "-z", root=top).split("\0"):
            if name.endswith(FILES) and (top / name).is_file():
                found |= hashes_in((top / name).read_bytes())
    return found


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
    """Remove objects that are no newer than ``began``; how many they were, and their bytes.

    DVC takes longer to start than a batch takes, so none can begin unseen and rely on an object
    that goes. Raises Fault for one that has begun.
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
    """Ask. Raises Fault where nobody can answer."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Fault("nobody to ask; `strata gc --yes` does not ask") from None
