"""What Strata asks of Git and DVC. Beside it only tree.py and experiments.py talk to them.

A revision is anything Git can name (a commit, tag or branch) or the name of a DVC experiment.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strata.fault import Fault, first_line


def _git(*arguments: str, root: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", check=False
    )


def git(*arguments: str, root: Path | None = None) -> str:
    """Run git and return what it printed, without the last line's end.

    Raises Fault with git's own last line if it fails.
    """
    done = _git(*arguments, root=root)
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
    name = ["--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    if revision and (found := _git("rev-parse", *name)).returncode == 0:
        return found.stdout.strip()
    for line in git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").splitlines():
        ref, commit = line.split(" ")
        if ref.rsplit("/", 1)[-1] == revision and "/exec/" not in ref:
            return commit
    raise Fault(
        f"{revision!r} is not a commit, tag, branch or experiment of this repository; "
        "`git fetch` or `dvc exp pull` may know it"
    )


def show(revision: str, path: str) -> str | None:
    """The text of a file of Git's at a revision, or None if that revision does not have it."""
    done = _git("show", f"{revision}:{path}")
    return done.stdout if done.returncode == 0 else None


def files_of(revision: str) -> list[str]:
    """The paths of all files that Git tracks at a revision, from the top."""
    return git("ls-tree", "-r", "-z", "--full-tree", "--name-only", revision).split("\0")[:-1]


def changes(root: Path) -> list[str]:
    """What is not committed, each as ``git status`` puts it: a code of two letters and a path."""
    return git("status", "--porcelain", "--untracked-files=all", root=root).splitlines()


def position(root: Path) -> str:
    """The branch that is checked out, or where there is none the commit."""
    branch = git("branch", "--show-current", root=root)
    return branch or git("rev-parse", "HEAD", root=root)


def switch(root: Path, revision: str) -> None:
    """``git checkout`` of a branch or a commit, without hooks. Raises Fault if git refuses.

    Does nothing where that commit is checked out already: HEAD stays on its branch.
    """
    is_branch = not _git("show-ref", "--verify", f"refs/heads/{revision}", root=root).returncode
    target = revision if is_branch else commit_of(revision)
    if target == _git("rev-parse", "--verify", "HEAD", root=root).stdout.strip():
        return
    quiet = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
    git(*quiet, "checkout", "--quiet", target, root=root)


def clone(home: Path, commit: str, folder: Path) -> None:
    """Make ``folder`` a clone of ``home`` at a commit, sharing its cache of data; and no data yet.

    Raises Fault if the commit is missing.
    """
    git("clone", "--quiet", "--shared", "--no-checkout", str(home), str(folder))
    git("checkout", "--quiet", "--detach", commit, root=folder)
    with opened(home) as repo:
        cache = {"dir": repo.cache.local_cache_dir}
        if kinds := repo.config["cache"].get("type"):
            cache["type"] = ",".join(kinds)
    lines = [f"    {key} = {value}" for key, value in cache.items()]
    (folder / ".dvc/config.local").write_text("\n".join(["[cache]", *lines, ""]), encoding="utf-8")


def programs() -> dict[str, str]:
    """This process's environment with this Python's programs first on PATH."""
    here = str(Path(sys.executable).parent)
    return os.environ | {"PATH": os.pathsep.join([here, os.environ.get("PATH", "")])}


def dvc(*arguments: str, root: Path, quiet: bool = True) -> str:
    """Run dvc and return what it printed (nothing if not ``quiet``: then it prints itself).

    Raises Fault with dvc's own error lines if it fails. An exit code of 0 is no proof that
    anything was fetched: look for yourself.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env=programs(),
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        said = [line for line in (done.stdout or "").splitlines() if line.startswith("ERROR")]
        raise Fault("\n".join(said) or f"dvc {arguments[0]} failed with {done.returncode}")
    return done.stdout or ""


@contextmanager
def opened(root: Path, commit: str | None = None) -> Iterator[Any]:
    """DVC's own object for the repository; its log is kept off the screen.

    With ``commit``, the storage that this commit or a branch names is used where the checked-out
    commit names none: it may be older than the storage that keeps its data.

    Raises Fault with the reason for which DVC fails in the block, Busy where it waits in vain for
    another process.
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.lock import LockError
    from dvc.repo import Repo
    from scmrepo.exceptions import SCMError

    for name in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with Repo(str(root)) as repo:
            if not commit or remote_name(repo):
                yield repo
                return
        with Repo(str(root), config=storage_of(root, commit)) as repo:
            yield repo
    except NotDvcRepoError:
        raise Fault(f"{root} is not a DVC repository") from None
    except LockError as error:
        raise Busy(_reason(error)) from None
    except (DvcException, SCMError) as error:
        raise Fault(_reason(error)) from None


class Busy(Fault):
    """Another process is at work in the repository."""


def _reason(error: BaseException) -> str:
    """The first line of what lies at the root of an error of DVC's, which wraps others in it."""
    while error.__cause__:
        error = error.__cause__
    return first_line(error)


def storage_of(root: Path, commit: str) -> dict[str, Any] | None:
    """The remote settings of the first of a commit and all branches that has a default remote."""
    from configobj import ConfigObj

    branches = git(
        "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes", root=root
    )
    for revision in (commit, *branches.splitlines()):
        text = _git("show", f"{revision}:.dvc/config", root=root).stdout
        config = ConfigObj(text.splitlines())
        name = config.get("core", {}).get("remote")
        for section, settings in config.items():
            if name and section.strip("'") == f'remote "{name}"':
                url = settings["url"]
                where = url if "://" in url else str((root / ".dvc" / url).resolve())
                return {"core": {"remote": name}, "remote": {name: {**settings, "url": where}}}
    return None


def cached(repo: Any, oid: str) -> Path:
    """Where the local cache keeps the object of this hash, whether or not it has it."""
    return Path(repo.cache.local.oid_to_path(oid))


def remote_name(repo: Any) -> str | None:
    """The name of the default remote, or None where storage was never set up."""
    name: str | None = repo.config["core"].get("remote")
    return name


def reach(repo: Any) -> Any:
    """Ask the default remote for a sign of life and return its store of objects.

    Raises Fault that says what is wrong: no server, no permission, no bucket.
    """
    name = remote_name(repo)
    remote = repo.cloud.get_remote(name)
    where = f"remote {name!r} ({repo.config['remote'][name].get('url')})"
    bucket = remote.path.split("/")[0] if remote.fs.protocol == "s3" else remote.path
    try:
        remote.fs.ls(bucket, detail=False)
    except FileNotFoundError:
        if remote.fs.protocol == "s3":
            raise Fault(f"{where}: there is no bucket {bucket!r}") from None
    except PermissionError as error:
        raise Fault(f"{where}: access denied: {error}; check the credentials") from None
    except Exception as error:  # each kind of storage has errors of its own
        raise Fault(f"{where}: cannot be reached: {first_line(error)}") from None
    return remote.odb


def transfer(repo: Any, oids: set[str], push: bool) -> str:
    """Copy objects from the default remote to the cache, or with ``push`` the other way.

    Objects are named by hash, not by revision: DVC would go by the storage settings of each
    revision, and pass over those that are older than the storage. What comes from the remote is
    hashed. Returns the first complaint, or nothing; whether all came is for the caller to see.
    """
    from dvc.exceptions import DvcException
    from dvc.fs.callbacks import TqdmCallback
    from dvc_data.hashfile.hash_info import HashInfo

    ends = [repo.cloud.get_remote_odb(remote_name(repo)), repo.cache.local]
    source, target = reversed(ends) if push else ends
    objects = {HashInfo("md5", oid) for oid in oids}
    title = "Pushing" if push else "Fetching"
    try:
        with TqdmCallback(desc=title, unit="file") as progress:
            repo.cloud.transfer(
                *(source, target, objects),
                cache_odb=source,
                verify=not push,
                callback=progress,
            )
    except (DvcException, OSError) as error:
        return first_line(error)
    return ""


def used_everywhere(repo: Any, root: Path) -> set[str]:
    """The hashes of all objects that the workspace or anything Git still knows refers to.

    Every branch, tag, remote branch, stash and experiment counts, what only the reflog names, and
    the heads of all worktrees.
    """
    commits = git("rev-list", "--all", "--reflog", root=root).splitlines()
    used = repo.used_objs(revs=commits, all_commits=True, all_experiments=True)
    return {found.value for objects in used.values() for found in objects}


def stored(repo: Any) -> Iterable[str]:
    """The hashes of all objects in the local cache."""
    return list(repo.cache.local.all())


def stale(repo: Any) -> dict[str, list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    Data that is only absent from the workspace does not count: nothing says that it changed.
    """
    found: dict[str, list[str]] = {}
    for stage, reasons in repo.status().items():
        for reason in reasons:
            if isinstance(reason, str):
                found.setdefault(stage, []).append(reason)
                continue
            for kind, items in reason.items():
                for path, what in items.items() if isinstance(items, dict) else [(kind, items)]:
                    found.setdefault(stage, []).extend(_words(path, what))
    return {stage: words for stage, words in found.items() if words}


def _words(path: str, what: Any) -> list[str]:
    if isinstance(what, dict):  # a file of params: its keys, each with what happened
        return [f"param {key}: {change}" for key, change in what.items()]
    return [] if what in ("deleted", "not in cache") else [f"{path}: {what}"]


def data_status(repo: Any) -> dict[str, Any]:
    """``dvc data status``, its uncommitted part by kind: modified, deleted, added, unknown."""
    found: dict[str, Any] = repo.data_status(granular=True)
    return found


def supports(scheme: str) -> bool:
    """Whether DVC's plugin for a kind of storage is installed."""
    from dvc.exceptions import DvcException
    from dvc.fs import get_cloud_fs, registry

    try:
        return scheme in registry and get_cloud_fs({}, url=f"{scheme}://x")[0] is not None
    except (DvcException, ImportError):
        return False


def is_stepping(root: Path) -> bool:
    """Whether Git is in the middle of a rebase or a bisect."""
    return any(
        (root / git("rev-parse", "--git-path", name, root=root)).exists()
        for name in ("rebase-merge", "rebase-apply", "BISECT_LOG")
    )


def main_worktree(root: Path) -> Path:
    """The folder of the repository's first worktree, which is ``root`` if there is one only."""
    return Path(
        git("worktree", "list", "--porcelain", root=root).split("\n")[0][len("worktree ") :]
    )


def check_new_branch(root: Path, name: str) -> None:
    """Raise Fault if a branch of this name exists, or Git cannot take the name."""
    if _git("check-ref-format", "--branch", name, root=root).returncode:
        raise Fault(f"{name!r} cannot name a branch")
    if not _git("show-ref", "--verify", f"refs/heads/{name}", root=root).returncode:
        raise Fault(f"a branch {name} exists; name another, or remove it")


def merge_base(root: Path) -> str:
    """The commit at which HEAD left the default branch. Raises Fault if there is no such branch."""
    for name in ("origin/HEAD", "origin/main", "origin/master", "main", "master"):
        found = _git("merge-base", name, "HEAD", root=root)
        if found.returncode == 0:
            return found.stdout.strip()
    raise Fault("no default branch is known here: name the base with --base REV")


def uncommitted(root: Path, paths: list[str]) -> list[str]:
    """Those of ``paths``, and files in them, that Git tracks and that differ from HEAD."""
    return git("diff", "--name-only", "HEAD", "--", *paths, root=root).splitlines() if paths else []
