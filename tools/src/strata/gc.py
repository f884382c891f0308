"""Free space in the cache, and lose no model that Git still knows."""

import argparse
from pathlib import Path

from strata import git
from strata.errors import Fault
from strata.store import Store, opened


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Remove the cached objects that nothing refers to; the remote is not touched."""
    root = git.top()
    with opened(root) as store:
        used = used_everywhere(store, root)
        unused = [store.path(oid) for oid in store.objects() if oid not in used]
        size = sum(path.stat().st_size for path in unused) / 1e6
        for path in unused:
            print(f"{path.relative_to(root) if path.is_relative_to(root) else path}")
        print(f"{len(unused)} objects, {size:.1f} MB, belong to no commit, tag or experiment")
        if not unused:
            return 0
        if not args.yes and not agreed():
            print("nothing removed")
            return 1
        for path in unused:
            path.chmod(0o644)
            path.unlink()
    print(f"removed {len(unused)} objects, {size:.1f} MB")
    return 0


def used_everywhere(store: Store, root: Path) -> set[str]:
    """The hashes of all objects that the workspace or anything Git still knows refers to.

    Every branch, tag, remote branch, stash and experiment counts, what only the reflog names, and
    the heads of all worktrees.
    """
    commits = git.git("rev-list", "--all", "--reflog", root=root).splitlines()
    used = store.repo.used_objs(revs=commits, all_commits=True, all_experiments=True)
    return {found.value for objects in used.values() for found in objects}


def agreed() -> bool:
    """Ask. Raises Fault where nobody can answer."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Fault("nobody to ask; `strata gc --yes` does not ask") from None
