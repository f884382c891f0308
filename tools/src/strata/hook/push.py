"""Push data before the commits that name it: nobody gets a commit whose data they cannot get."""

from collections.abc import Iterable
from pathlib import Path

from strata import git
from strata.errors import Fault
from strata.revision import Revision, Unreadable
from strata.store import Output, Store, opened

MOST = 5  # outputs that are named
NAMING = ("dvc.lock", "dvc.yaml", "*.dvc")  # a commit that changes none names what its parent does


def push(root: Path, arguments: list[str], refs: str) -> None:
    """Push the data of the commits that Git is about to push, if storage is set up.

    ``arguments`` and ``refs`` are what Git hands to pre-push: the name and the address of the
    repository, and for each ref a line of its local name and object, remote name and object.
    Raises Fault if some of the data is not on its remote afterwards.
    """
    if len(arguments) != 2:
        raise Fault(
            "Git did not say what is pushed to where: `strata hook install` writes a hook that "
            "hands it on. Without the data: `git push --no-verify`"
        )
    lines = [line.split(" ") for line in refs.splitlines()]
    sent = {line[1] for line in lines if line[1].strip("0")}  # others are refs to remove
    tips = [oid for oid in sent if git.succeeds("cat-file", "-e", f"{oid}^{{commit}}", root=root)]
    with opened(root) as store:
        if not tips or not store.remote():
            return
        store.reach(str(store.remote()))
        known = {line[3] for line in lines if line[3].strip("0")} | on_remote(root, arguments[1])
        outs = named(store, tips, new(root, tips, known))
        absent = store.not_on_remote(outs)
        said = store.push(absent)
        absent = store.not_on_remote(absent)
    if absent:
        rows = [f"{out.path} of {outs[out][:7]} ({out.hash})" for out in absent]
        raise Fault(
            "\n".join(rows[:MOST])
            + (f"\nand {len(rows) - MOST} more" if len(rows) > MOST else "")
            + "\nnot on the remote, "
            + (f"which says: {said}" if said else "nor in the cache: `strata restore` that commit")
            + "; then push again. Without the data: `git push --no-verify`"
        )


def on_remote(root: Path, address: str) -> set[str]:
    """The objects of all refs that a repository has, asked of it: what is remembered may be old.

    Empty if it cannot be asked, which makes for more to check.
    """
    done = git.run("-c", "core.askPass=true", "ls-remote", "--quiet", address, root=root)
    return {line.split("\t")[0] for line in done.stdout.decode(errors="replace").splitlines()}


def new(root: Path, tips: list[str], known: Iterable[str]) -> list[str]:
    """The commits of ``tips`` that ``known`` ones do not have and that name other outputs."""
    paths = [f":(glob)**/{name}" for name in NAMING]
    asked = "\n".join([*tips, *(f"^{oid}" for oid in known), "--", *paths, ""])
    # --ignore-missing: the remote may have commits that were never fetched.
    every = ("rev-list", "--full-history", "--ignore-missing", "--stdin")
    return git.git(*every, root=root, input=asked.encode()).splitlines()


def named(store: Store, tips: list[str], commits: list[str]) -> dict[Output, str]:
    """The outputs of commits that are stored on remotes, each with a commit that names it.

    One that cannot be read names none, which is said. Raises Unreadable if that is one of ``tips``.
    """
    outs: dict[Output, str] = {}
    ends = [git.git("rev-parse", f"{tip}^{{commit}}", root=store.root) for tip in tips]
    for commit in dict.fromkeys([*ends, *commits]):
        try:
            for out in Revision(store, commit).outputs:
                if out.is_stored:
                    outs.setdefault(out, commit)
        except Unreadable as fault:
            if commit in ends:
                raise
            print(f"{fault}: nobody will get its data")
    return outs
