"""Git, as a subprocess: nothing else in the tools runs it.

A revision is anything Git can name (a commit, tag or branch) or the name of a DVC experiment. Paths
are relative to ``root``, which is where ``.dvc`` lies: not always the top of Git's repository.
"""

import os
import subprocess
from pathlib import Path

from strata.errors import Fault

QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


def run(*arguments: str, root: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run git and capture what it prints, in English whatever the locale."""
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        env=os.environ | {"LC_ALL": "C", "LANGUAGE": ""},
        capture_output=True,
        check=False,
    )


def git(*arguments: str, root: Path | None = None) -> str:
    """Run git and return what it printed, without the last line's end.

    Raises Fault with git's own reason if it fails.
    """
    done = run(*arguments, root=root)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        lines = [line for line in said if line.startswith(("fatal: ", "error: "))] or said[-1:]
        name = next(a for a in arguments if not a.startswith("-") and "=" not in a)
        why = lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else "no message"
        raise Fault(f"git {name}: {why}")
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


def succeeds(*arguments: str, root: Path) -> bool:
    """Whether git ends well."""
    return run(*arguments, root=root).returncode == 0


def top() -> Path:
    """The folder with ``.dvc`` that this process stands in or below, else the top of Git's.

    Raises Fault outside of a Git repository.
    """
    end = Path(git("rev-parse", "--show-toplevel"))
    here = Path.cwd().resolve()
    inside = [here, *here.parents]
    for folder in inside[: inside.index(end) + 1] if end in inside else []:
        if (folder / ".dvc").is_dir():
            return folder
    return end


def commit_of(revision: str, root: Path | None = None) -> str:
    """The full hash of the commit that a revision names, experiments included.

    Raises Fault if nothing has that name.
    """
    name = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if revision and (found := run("rev-parse", *name, root=root)).returncode == 0:
        return found.stdout.decode().strip()
    if revision == "HEAD":
        raise Fault("this repository has no commit yet; `git commit` makes the first one")
    refs = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps", root=root)
    for line in refs.splitlines():
        ref, commit = line.split(" ")
        if ref.rsplit("/", 1)[-1] == revision and "/exec/" not in ref:
            return commit
    raise Fault(
        f"{revision!r} is not a commit, tag, branch or experiment of this repository; if others "
        "have it, `git fetch --tags` or `dvc exp pull` brings it"
    )


def blob(root: Path, commit: str, path: str) -> bytes | None:
    """The bytes of a file of Git's at a commit, or None if that commit has no such file."""
    done = run("cat-file", "blob", f"{commit}:./{path}", root=root)
    return done.stdout if done.returncode == 0 else None


def files(root: Path, commit: str, path: str = ".") -> list[str]:
    """The paths of the files that Git tracks at a commit, in ``path``."""
    return git("ls-tree", "-r", "-z", "--name-only", commit, "--", path, root=root).split("\0")[:-1]


def tracked(root: Path, path: str) -> bool:
    """Whether Git's index has a file, or a file in a folder."""
    return bool(git("ls-files", "--", path, root=root))


def changes(root: Path) -> list[str]:
    """What is not committed, each as ``git status`` puts it: a code of two letters and a path."""
    said = git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", root=root)
    return said.split("\0")[:-1]


def position(root: Path) -> str:
    """The branch that is checked out, or where there is none the commit."""
    branch = git("branch", "--show-current", root=root)
    return branch or git("rev-parse", "HEAD", root=root)


def switch(root: Path, revision: str) -> None:
    """``git checkout`` of a branch or a commit, without hooks. Raises Fault if git refuses.

    Does nothing where that commit is checked out already: HEAD stays on its branch.
    """
    is_branch = succeeds("show-ref", "--verify", f"refs/heads/{revision}", root=root)
    target = revision if is_branch else commit_of(revision, root)
    if target != run("rev-parse", "--verify", "HEAD", root=root).stdout.decode().strip():
        git(*QUIET, "checkout", "--quiet", target, root=root)


def is_stepping(root: Path) -> bool:
    """Whether Git is in the middle of a rebase or a bisect."""
    return any(
        (root / git("rev-parse", "--git-path", name, root=root)).exists()
        for name in ("rebase-merge", "rebase-apply", "BISECT_LOG")
    )


def main_worktree(root: Path) -> Path:
    """Where ``root`` lies in the repository's first worktree; ``root`` itself if it is in it."""
    first = Path(
        git("worktree", "list", "--porcelain", root=root).split("\n")[0].removeprefix("worktree ")
    )
    return first / git("rev-parse", "--show-prefix", root=root)


def check_new_branch(root: Path, name: str) -> None:
    """Raise Fault if a branch of this name exists, or Git cannot take the name."""
    if not succeeds("check-ref-format", "--branch", name, root=root):
        raise Fault(f"{name!r} cannot name a branch")
    if succeeds("show-ref", "--verify", f"refs/heads/{name}", root=root):
        raise Fault(f"a branch {name} exists; name another, or remove it")


def default_branches(root: Path) -> list[str]:
    """The default branch as the remote, and as this repository, has it; only those that exist."""
    names = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
    return [name for name in names if succeeds("rev-parse", "--verify", "--quiet", name, root=root)]


def branches(root: Path) -> list[str]:
    """The branches of this repository, the default ones first."""
    named = git("for-each-ref", "--format=%(refname)", "refs/heads", root=root).splitlines()
    return [*default_branches(root), *named]


def merge_base(root: Path) -> str:
    """The commit at which HEAD left the default branch. Raises Fault if there is no such branch."""
    for name in default_branches(root):
        found = run("merge-base", name, "HEAD", root=root)
        if found.returncode == 0:
            return found.stdout.decode().strip()
    raise Fault("no default branch is known here: name the base with --base REV")


def uncommitted(root: Path, paths: list[str]) -> list[str]:
    """Those of ``paths``, and files in them, that Git tracks and that differ from HEAD."""
    if not paths:
        return []
    return git("diff", "--name-only", "--relative", "HEAD", "--", *paths, root=root).splitlines()
