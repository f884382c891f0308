"""Push data before the commits that name it: nobody gets a commit whose data they cannot get.

But for data that commits from elsewhere name already and that is not here: it bars nobody's push.
"""

from collections.abc import Iterable
from pathlib import Path

from strata import git
from strata.core import trust
from strata.core.errors import Fault
from strata.dvc.revision import Revision, Unreadable
from strata.dvc.store import Output, Store, opened

COPY = ".copier-answers.yml"  # which the first commit of a copy of the template has
MOST = 5  # outputs that are named
NAMING = ("dvc.lock", "dvc.yaml", "*.dvc")  # a commit that changes none names what its parent does
PATHS = [f":(glob)**/{name}" for name in NAMING]


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
    lines = [line.split(" ") for line in refs.split("\n") if line]
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
        theirs = never_here(store, tips, absent)
    rows = {out: f"{out.path} of {outs[out][:7]} ({out.hash})" for out in absent}
    if theirs:
        print(
            f"{listed([rows[out] for out in theirs])}\nnot on the remote, and never here: commits "
            "from elsewhere name it. They go without it; `strata restore` may make it again"
        )
    if lost := [row for out, row in rows.items() if out not in theirs]:
        raise Fault(
            f"{listed(lost)}\nnot on the remote, "
            + (f"which says: {said}" if said else "nor in the cache: `strata restore` that commit")
            + "; then push again. Without the data: `git push --no-verify`"
        )


def listed(rows: list[str]) -> str:
    """The first of some rows, and how many more there are."""
    more = [f"and {len(rows) - MOST} more"] if len(rows) > MOST else []
    return "\n".join([*rows[:MOST], *more])


def on_remote(root: Path, address: str) -> set[str]:
    """The objects of all refs that a repository has, asked of it: what is remembered may be old.

    Empty if it cannot be asked, which makes for more to check.
    """
    done = git.run("-c", "core.askPass=true", "ls-remote", "--quiet", address, root=root)
    return {
        line.split("\t")[0] for line in done.stdout.decode(errors="replace").split("\n") if line
    }


def new(root: Path, tips: list[str], known: Iterable[str]) -> list[str]:
    """The commits of ``tips`` that ``known`` ones do not have and that name other outputs."""
    asked = "\n".join([*tips, *(f"^{oid}" for oid in known), "--", *PATHS, ""])
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


def never_here(store: Store, tips: list[str], absent: list[Output]) -> list[Output]:
    """Those of some outputs that the cache lacks and a commit from elsewhere names.

    What was made here, and is lost, is not among them.
    """
    lacking = [out for out in absent if store.missing(out)]
    if not lacking:
        return []
    theirs = hashes_of(store.root, received(store.root) | copied(store.root, tips))
    return [out for out in lacking if out.hash.removesuffix(".dir") in theirs]


def received(root: Path) -> set[str]:
    """The commits that a clone or a fetch has brought, as far as Git has noted it.

    A branch of a remote of which nothing is noted is as it was cloned; one that was only pushed to
    has nothing from elsewhere, and what was pushed is no less one's own.
    """
    said = git.lines("log", "--walk-reflogs", "--all", "--format=%H %gD %gs", root=root)
    notes = [line.split(" ", 2) for line in said]
    found, noted = set[str](), set[str]()
    for commit, at, what in notes:
        ref = at.partition("@{")[0]
        noted.add(ref)
        is_fetched = ref.startswith("refs/remotes/") and what.startswith(("fetch", "pull"))
        if is_fetched or what.startswith("clone: "):
            found.add(commit)
    said = git.lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/remotes", root=root)
    branches = [line.split(" ", 1) for line in said]
    return found | {commit for commit, ref in branches if ref not in noted}


def copied(root: Path, tips: list[str]) -> set[str]:
    """The first commits that are copies of the template: it has made what they name."""
    asked = "\n".join(tips).encode()
    firsts = git.git("rev-list", "--max-parents=0", "--stdin", root=root, input=asked).splitlines()
    return {commit for commit in firsts if git.blob(root, commit, COPY) is not None}


def hashes_of(root: Path, commits: Iterable[str]) -> set[str]:
    """Whatever looks like a hash in a dvc.lock or .dvc file of commits and those before them."""
    tips = list(commits)
    if not tips:
        return set()
    asked = "\n".join([*tips, "--", *PATHS, ""]).encode()
    # Not by their names: Git lists a blob with one of its paths.
    every = ("rev-list", "--full-history", "--objects", "--no-object-names", "--stdin")
    names = git.git(*every, root=root, input=asked).split("\n")
    texts = git.objects(root, [name for name in names if name]).values()
    return {oid for text in texts for oid in trust.hashes_in(text)}
