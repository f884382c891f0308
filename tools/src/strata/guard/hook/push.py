"""Push data before the commits that name it, so that nobody gets a commit without its data.

Data that commits from elsewhere name and that was never here stops no push.
"""

from collections.abc import Iterable
from pathlib import Path

from strata import git
from strata.core import trust
from strata.core.errors import Fault
from strata.core.texts import listed
from strata.dvc.revision import Revision, Unreadable
from strata.dvc.store import Output, Store, opened

NAMING = ("dvc.lock", "dvc.yaml", "*.dvc")  # a commit that changes none names what its parent does
PATHS = [f":(glob)**/{name}" for name in NAMING]


def push(root: Path, arguments: list[str], updates: str) -> None:
    """Push the data of the commits that Git is about to push, if storage is set up.

    ``arguments`` and ``updates`` are what Git hands to pre-push: the name and the address of the
    repository, and for each ref a line of its local name and object, remote name and object.
    Raises Fault if some of the data is not on its remote afterwards.
    """
    if len(arguments) != 2:
        raise Fault(
            "Git did not say what is pushed to where: `strata hook install` writes a hook that "
            "hands it on. Without the data: `git push --no-verify`"
        )
    lines = [line.split(" ") for line in updates.split("\n") if line]
    sent = {line[1] for line in lines if line[1].strip("0")}  # others are refs to remove
    tips = [commit for oid in sent if (commit := git.find_commit(root, oid))]
    with opened(root) as store:
        if not tips or not store.remote():
            return
        store.reach(str(store.remote()))
        known = {line[3] for line in lines if line[3].strip("0")} | on_remote(root, arguments[1])
        outs = named(store, tips, new(root, tips, known))
        absent, complaint = store.push(outs)
        theirs = never_here(store, tips, absent)
    rows = {out: f"{out.path} of {outs[out][:7]} ({out.hash})" for out in absent}
    if theirs:
        print(listed([rows[out] for out in theirs], between="\n"))
        print(
            "not on the remote, and never here: commits from elsewhere name it. They go without "
            "it; `strata restore` may make it again"
        )
    if lost := [row for out, row in rows.items() if out not in theirs]:
        lacking = "nor in the cache: `strata restore` that commit"
        why = f"which says: {complaint}" if complaint else lacking
        raise Fault(
            listed(lost, between="\n")
            + f"\nnot on the remote, {why}; then push again. Without the data: "
            "`git push --no-verify`"
        )


def on_remote(root: Path, address: str) -> set[str]:
    """The objects of all refs of a repository, as it has them now.

    Empty if it does not answer: then more is checked.
    """
    done = git.run("-c", "core.askPass=true", "ls-remote", "--quiet", address, root=root)
    return {
        line.split("\t")[0] for line in done.stdout.decode(errors="replace").split("\n") if line
    }


def new(root: Path, tips: list[str], known: Iterable[str]) -> list[str]:
    """The commits of ``tips`` that ``known`` ones do not have and that name other outputs."""
    revisions = "\n".join([*tips, *(f"^{oid}" for oid in known), "--", *PATHS, ""])
    # --ignore-missing: the remote may have commits that were never fetched.
    every = ("rev-list", "--full-history", "--ignore-missing", "--stdin")
    return git.git(*every, root=root, input=revisions.encode()).splitlines()


def named(store: Store, tips: list[str], commits: list[str]) -> dict[Output, str]:
    """The outputs of commits that belong on remotes, each with a commit that names it.

    Prints which commits cannot be read. Raises Unreadable if one of ``tips`` is among them.
    """
    outs: dict[Output, str] = {}
    for commit in dict.fromkeys([*tips, *commits]):
        try:
            for out in Revision(store, commit).outputs:
                if out.is_pushed:
                    outs.setdefault(out, commit)
        except Unreadable as fault:
            if commit in tips:
                raise
            print(f"{fault}: nobody will get its data")
    return outs


def never_here(store: Store, tips: list[str], absent: list[Output]) -> list[Output]:
    """The absent outputs that the cache lacks and a commit from elsewhere names.

    What was made here and got lost is not among them. A first commit is from elsewhere, as in a
    copy of the template, so far as DVC has not noted its outputs here.
    """
    lacking = [out for out in absent if store.missing(out)]
    if not lacking:
        return []
    last = "\n".join(tips).encode()
    firsts = git.git("rev-list", "--max-parents=0", "--stdin", root=store.root, input=last)
    begun = hashes_of(store.root, firsts.splitlines()) - store.noted(lacking)
    theirs = begun | hashes_of(store.root, received(store.root))
    return [out for out in lacking if out.hash.removesuffix(".dir") in theirs]


def received(root: Path) -> set[str]:
    """The commits that a clone or a fetch has brought, by Git's reflogs.

    A branch of a remote without a reflog is as it was cloned. One that was only pushed to has
    nothing from elsewhere: what was pushed is one's own.
    """
    log = git.lines("log", "--walk-reflogs", "--all", "--format=%H %gD %gs", root=root)
    commits, logged = set[str](), set[str]()
    for commit, at, what in (line.split(" ", 2) for line in log):
        ref = at.partition("@{")[0]
        logged.add(ref)
        is_fetched = ref.startswith("refs/remotes/") and what.startswith(("fetch", "pull"))
        if is_fetched or what.startswith("clone: "):
            commits.add(commit)
    form = "--format=%(objectname) %(refname)"
    branches = [
        line.split(" ", 1) for line in git.lines("for-each-ref", form, "refs/remotes", root=root)
    ]
    return commits | {commit for commit, ref in branches if ref not in logged}


def hashes_of(root: Path, commits: Iterable[str]) -> set[str]:
    """Whatever looks like a hash in a dvc.lock or .dvc file of commits and those before them."""
    tips = list(commits)
    if not tips:
        return set()
    revisions = "\n".join([*tips, "--", *PATHS, ""]).encode()
    # Not by their names: Git lists a blob with one of its paths.
    every = ("rev-list", "--full-history", "--objects", "--no-object-names", "--stdin")
    names = git.git(*every, root=root, input=revisions).split("\n")
    texts = git.objects(root, [name for name in names if name]).values()
    return {oid for text in texts for oid in trust.hashes_in(text)}
