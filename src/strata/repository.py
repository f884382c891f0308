"""The only module that talks to Git and to DVC; the others ask it.

A revision is anything Git can name (a commit, tag or branch) or the name of a DVC experiment.
"""

import subprocess
from pathlib import Path

from strata.fault import Fault


def git(*arguments: str, root: Path | None = None) -> str:
    """Run git and return what it printed, without the last line's end.

    Raises Fault with git's own last line if it fails.
    """
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise Fault(f"git {arguments[0]}: {said[-1].removeprefix('fatal: ')}")
    return done.stdout.removesuffix("\n")


def top() -> Path:
    """The top folder of the repository this process stands in. Raises Fault outside of one."""
    return Path(git("rev-parse", "--show-toplevel"))


def commit_of(revision: str) -> str:
    """The full hash of the commit that a revision names, experiments included.

    Raises Fault if nothing has that name.
    """
    for name in (revision, f"refs/tags/{revision}"):
        found = _resolve(name)
        if found:
            return found
    for line in git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").splitlines():
        name, commit = line.split(" ")
        if name.rsplit("/", 1)[-1] == revision and "/exec/" not in name:
            return commit
    raise Fault(f"{revision!r} is not a commit, tag, branch or experiment of this repository")


def _resolve(name: str) -> str | None:
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def show(revision: str, path: str) -> str | None:
    """The text of a file of Git's at a revision, or None if that revision does not have it."""
    done = subprocess.run(
        ["git", "show", f"{revision}:{path}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
