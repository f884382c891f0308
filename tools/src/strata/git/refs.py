"""What names mean: a commit, tag, branch or experiment; and which branches are the project's own.

A fetch brings tags and branches of any name, such as ``HEAD`` or ``origin/main``. So a reference is
asked for by its full name, and a name that stands for several things stands for none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.core.errors import Fault
from strata.git import (
    HASH,
    find_commit,
    git,
    has_ref,
    is_shallow,
    lines,
    own_path,
    position,
    run,
    setting,
    succeeds,
)

# A name, and what follows it: the parents or the past of what it names.
EXPRESSION = re.compile(r"(.*?)((?:[~^]|@\{).*)?", re.DOTALL)
UPSTREAM = re.compile(r"@\{(u|upstream|push)\}", re.IGNORECASE)  # of a branch, and of nothing else
HEADS, TAGS = "refs/heads/", "refs/tags/"
LIKE_HASH = re.compile(r"(?:.+-g)?([0-9a-fA-F]{4,})")  # as `git describe` has it, too
OWN = re.compile(r"@|([A-Z]+_)*HEAD")  # what Git notes for itself, beside all references


@dataclass(frozen=True)
class Named:
    """The commit that a name stands for, and the full names of the references that have it."""

    commit: str
    refs: tuple[str, ...] = ()

    @property
    def branch(self) -> str | None:
        """The branch of that name, if one can be checked out: Git takes ``-x`` for an option."""
        inside = (ref.removeprefix(HEADS) for ref in self.refs if ref.startswith(HEADS))
        return next((name for name in inside if not name.startswith("-")), None)

    @property
    def tag(self) -> str | None:
        """The tag of that name, if there is one."""
        inside = (ref.removeprefix(TAGS) for ref in self.refs if ref.startswith(TAGS))
        return next(inside, None)


def resolve(revision: str, root: Path | None = None) -> Named:
    """What a revision names: as Git has it, or an experiment of DVC's.

    Where Git would choose between a tag and another thing of the same name, with a warning, this
    does not. Raises Fault if nothing has that name, or more than one thing.
    """
    if at := re.match(r"@\{-\d+\}", revision):
        revision = previous(at[0], root) + revision[at.end() :]
    name, rest = EXPRESSION.fullmatch(revision).groups(default="")  # type: ignore[union-attr]
    if OWN.fullmatch(name):
        commits, exists = {}, _notes(name, root)
    else:
        commits = _references(name, root)
        exists = not (name.startswith("refs/") or "\0" in name) or bool(commits)
    if len(set(commits.values())) > 1:
        raise Fault(f"{revision!r} names more than one thing: give one of " + ", ".join(commits))
    full = revision
    if commits and not UPSTREAM.match(rest):
        ref, commit = next(iter(commits.items()))
        full = (ref if rest.startswith("@{") else commit) + rest
    if exists and revision and (named := find_commit(root, full)):
        return Named(named, () if rest else tuple(commits))
    if revision == "HEAD":
        raise Fault("this repository has no commit yet; `git commit` makes the first one")
    raise Fault(
        f"{revision!r} is not a commit, tag, branch or experiment of this repository; if others "
        "have it, `git fetch --tags` or `dvc exp pull` brings it"
    )


def commit_of(revision: str, root: Path | None = None) -> str:
    """The full hash of the commit that a revision names. Raises Fault as ``resolve`` does."""
    return resolve(revision, root).commit


def previous(which: str, root: Path | None) -> str:
    """The full name of the branch, or the commit, that ``@{-1}`` and so on stands for.

    Git itself takes a tag of the branch's name for it. Raises Fault if there is none.
    """
    name = git("check-ref-format", "--branch", which, root=root)
    return name if HASH.fullmatch(name) else HEADS + name


def _notes(name: str, root: Path | None) -> bool:
    """Whether Git has noted a commit under a name such as FETCH_HEAD, which is not a reference."""
    if name in ("@", "HEAD"):
        return has_ref(root, "HEAD")
    return own_path(root or Path(), name).exists()


def _references(name: str, root: Path | None) -> dict[str, str]:
    """The commits that have a name, by the full name of each reference; of experiments, too.

    And what the name is as a hash, if a reference has it as well.
    """
    is_full = name.startswith("refs/")
    places = ("refs/{}", "refs/heads/{}", "refs/tags/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
    names = [name] if is_full else [place.format(name) for place in places]
    if not name or "\0" in name or HASH.fullmatch(name):
        return {}
    there = set(lines("for-each-ref", "--format=%(refname)", *names, root=root))
    targets = ((ref, find_commit(root, ref)) for ref in names if ref in there)
    commits = {ref: commit for ref, commit in targets if commit}  # a tag may be of something else
    if not is_full:
        commits |= {each.ref: each.commit for each in experiments(root) if each.name == name}
    if commits and (hexed := LIKE_HASH.fullmatch(name)):
        for oid in lines("rev-parse", f"--disambiguate={hexed[1].lower()}", root=root):
            if git("cat-file", "-t", oid, root=root) == "commit":
                commits[oid] = oid
    return commits


@dataclass(frozen=True)
class Experiment:
    """An experiment of DVC's: a commit that a reference keeps, named after the one it is on."""

    ref: str
    base: str
    name: str
    commit: str


def experiments(root: Path | None) -> list[Experiment]:
    """The experiments of DVC's that are here, the newest first."""
    how = ("--sort=refname", "--sort=-committerdate", "--format=%(objectname) %(refname)")
    known = []
    for line in lines("for-each-ref", *how, "refs/exps", root=root):
        commit, _, ref = line.partition(" ")
        if parts := re.fullmatch(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38,})/(.+)", ref):
            known.append(Experiment(ref, parts[1] + parts[2], parts[3], commit))
    return known


def followed(root: Path) -> str | None:
    """The remote that the workspace's branch follows; else origin, or the only one that is set."""
    branch, remotes = git("branch", "--show-current", root=root), lines("remote", root=root)
    usual = [
        setting(root, f"branch.{branch}.remote"),
        "origin",
        *(remotes if len(remotes) == 1 else []),
    ]
    return next((name for name in usual if name in remotes), None)


def url(root: Path) -> str:
    """The address of the remote that is followed; empty if there is none."""
    return setting(root, f"remote.{followed(root)}.url")


def default_branches(root: Path) -> list[str]:
    """The default branch, by full names: as the remote has it, and as this repository does.

    The remote is the one that is followed: the branches of others may be anyone's.
    """
    remote, names = followed(root), ["main", "master"]
    place = f"refs/remotes/{remote}/"
    if remote:
        head = run("symbolic-ref", "--quiet", f"{place}HEAD", root=root).stdout.decode().strip()
        if head.startswith(place) and has_ref(root, head):
            names = [head.removeprefix(place)]
    theirs = [place + name for name in names] if remote else []
    return [ref for ref in (*theirs, *(HEADS + name for name in names)) if has_ref(root, ref)]


def own_branches(root: Path, others: Sequence[str] = ()) -> list[str]:
    """The branches whose commits are the project's own, by full names: the default one, and others.

    Those of others that are here. Without any it is what is checked out.
    """
    remote = followed(root)
    places = [HEADS, *([f"refs/remotes/{remote}/"] if remote else [])]
    named = [place + name for name in others for place in places]
    return [*default_branches(root), *(ref for ref in named if has_ref(root, ref))] or ["HEAD"]


def short(ref: str) -> str:
    """The name of a branch as people write it, from its full one."""
    return ref.removeprefix(HEADS).removeprefix("refs/remotes/")


def here(root: Path) -> str:
    """What is checked out, as people write it: a branch, or a commit by its first digits."""
    place = position(root)
    return place[:9] if HASH.fullmatch(place) else short(place)


def branches(root: Path) -> list[str]:
    """The full names of the branches of this repository, the default ones first."""
    named = lines("for-each-ref", "--format=%(refname)", HEADS, root=root)
    return [*default_branches(root), *named]


def main_line(root: Path) -> tuple[str, str]:
    """The default branch, by its name, and its last commit, pushed or not.

    Without a default branch it is what is checked out. Raises Fault where there is no commit.
    """
    for ref in default_branches(root)[:1]:
        name = short(ref).removeprefix(f"{followed(root)}/" if not ref.startswith(HEADS) else "")
        pushed = git("rev-parse", "--verify", f"{ref}^{{commit}}", root=root)
        ahead = succeeds("merge-base", "--is-ancestor", pushed, HEADS + name, root=root)
        return name, git("rev-parse", HEADS + name, root=root) if ahead else pushed
    return git("branch", "--show-current", root=root) or "HEAD", commit_of("HEAD", root)


def merge_base(root: Path) -> str:
    """The commit at which HEAD left the default branch. Raises Fault if it is not here."""
    refs = default_branches(root)
    for ref in refs:
        done = run("merge-base", ref, "HEAD", root=root)
        if done.returncode == 0:
            return done.stdout.decode().strip()
    why = "no default branch is known here"
    if refs:
        why = f"HEAD and {short(refs[0])} have no commit in common here"
        why += ", a shallow clone (git fetch --unshallow)" if is_shallow(root) else ""
    raise Fault(f"{why}: name the base with --base REV")
