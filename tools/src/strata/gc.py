"""Free space in the cache, and lose nothing that Git or anyone's clone can still name."""

import argparse
import re
from pathlib import Path

from strata import git
from strata.errors import Fault
from strata.store import Store, opened

HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
FILES = ("*dvc.lock", "*.dvc")  # what names objects


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would go, and stop")
    parser.add_argument(
        "--with",
        dest="clones",
        metavar="CLONE",
        type=Path,
        action="append",
        default=[],
        help="another clone that shares this cache; once for each",
    )


def run(args: argparse.Namespace) -> int:
    """Remove the cached objects that nothing refers to; the remote is not touched."""
    root = git.top()
    with opened(root) as store, store.locked():
        check(store, args.clones)
        used = {oid for place in (root, *args.clones) for oid in named(place)}
        used |= {oid for oid in store.objects() if oid.removesuffix(".dir") in used}
        used |= {oid for out in used if out.endswith(".dir") for oid in inside(store, out)}
        unused = [store.path(oid) for oid in store.objects() if oid not in used]
        size = sum(path.stat().st_size for path in unused) / 1e6
        for path in unused:
            name = path.relative_to(root) if path.is_relative_to(root) else path
            print(f"{path.stat().st_size / 1e6:8.1f} MB  {name}")
        print(f"{len(unused)} objects, {size:.1f} MB, belong to no commit, tag or experiment")
        if not unused or args.dry_run:
            return 0
        if not args.yes and not agreed():
            print("nothing removed")
            return 1
        for path in unused:
            path.chmod(0o644)
            path.unlink()
    print(f"removed {len(unused)} objects, {size:.1f} MB")
    return 0


def check(store: Store, clones: list[Path]) -> None:
    """Raise Fault where what may still be named cannot be told."""
    if git.git("rev-parse", "--is-shallow-repository", root=store.root) == "true":
        raise Fault("this clone is shallow and knows no older commit: git fetch --unshallow")
    cache = Path(store.repo.cache.local_cache_dir).resolve()
    if not clones and not cache.is_relative_to(git.main_worktree(store.root).resolve()):
        raise Fault(
            f"the cache, {cache}, is outside of this repository, so others may use it: name each "
            "clone that shares it with --with CLONE (this one again, if none does)"
        )


def named(root: Path) -> set[str]:
    """Whatever looks like a hash in any dvc.lock or .dvc file that Git has or a worktree holds.

    Every commit of any branch, tag, remote branch, stash, experiment and reflog counts, each
    worktree's files and index, and a file that cannot be parsed as much as another: reading it as
    text keeps too much rather than too little.
    """
    every = ("rev-list", "--all", "--reflog", "--objects", "--indexed-objects")
    lines = git.git(*every, root=root).splitlines()
    named = [line.split(" ", 1) for line in lines if line.endswith(("dvc.lock", ".dvc"))]
    blobs = "".join(f"{parts[0]}\n" for parts in named)
    text = git.run("cat-file", "--batch", root=root, input=blobs.encode()).stdout
    trees = git.git("worktree", "list", "--porcelain", root=root).splitlines()
    for tree in (Path(line[9:]) for line in trees if line.startswith("worktree ")):
        if not tree.is_dir():
            continue
        staged = git.git("ls-files", "--stage", "--", *FILES, root=tree).splitlines()
        index = "".join(f"{line.split(' ')[1]}\n" for line in staged)
        text += git.run("cat-file", "--batch", root=tree, input=index.encode()).stdout
        listed = ("ls-files", "--cached", "--others", "-z", "--", *FILES)
        files = (tree / name for name in git.git(*listed, root=tree).split("\0")[:-1])
        text += b"\n".join(file.read_bytes() for file in files if file.is_file())
    return {found.decode() for found in HASH.findall(text)}


def inside(store: Store, oid: str) -> set[str]:
    """The hashes in a folder's listing in the cache."""
    return {found.decode() for found in HASH.findall(store.path(oid).read_bytes())}


def agreed() -> bool:
    """Ask. Raises Fault where nobody can answer."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Fault("nobody to ask; `strata gc --yes` does not ask") from None
