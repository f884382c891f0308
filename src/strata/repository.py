"""The only module that talks to Git and to DVC; the others ask it.

A revision is anything Git can name (a commit, tag or branch) or the name of a DVC experiment.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from strata.diff import flatten
from strata.fault import Fault


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
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    logging.getLogger("dvc_data").setLevel(logging.CRITICAL)
    logging.getLogger("dvc_objects").setLevel(logging.CRITICAL)
    try:
        with Repo(str(root)) as repo:
            if not commit or remote_name(repo):
                yield repo
                return
        with Repo(str(root), config=storage_of(root, commit)) as repo:
            yield repo
    except NotDvcRepoError:
        raise Fault(f"{root} is not a DVC repository") from None
    except DvcException as error:
        why = f": {error.__cause__}" if error.__cause__ else ""
        raise Fault(f"dvc: {error}{why}") from None


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
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Fault(f"{where}: cannot be reached: {reason}") from None
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
        return str(error).splitlines()[0]
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


class Tree:
    """The files of a revision or, for None, of the workspace: those in Git and those in DVC.

    What is in DVC is read from the workspace, its cache, or else its remote. What a remote that
    is down, a file that is gone or a broken dvc.yaml raise there has no common class, hence the
    ``except Exception``, each of which becomes a Fault or the answer no.
    """

    def __init__(self, root: Path, revision: str | None) -> None:
        from dvc.api import DVCFileSystem

        self.revision = revision
        self.name = revision[:9] if revision else "the workspace"
        try:
            self._files: Any = DVCFileSystem(
                str(root), rev=revision, config=storage_of(root, revision) if revision else None
            )
        except Exception as error:
            raise Fault(f"{self.name}: {_first_line(error)}") from None

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading. Raises Fault if it is not there or its data cannot be had."""
        try:
            stream: IO[bytes] = self._files.open(path)
        except Exception as error:
            if self.has(path):
                why = "its data is in neither the cache nor a remote that answers"
                raise Fault(f"{path} of {self.name}: {why}") from None
            raise Fault(f"{path} of {self.name}: {_first_line(error)}") from None
        return stream

    def has(self, path: str) -> bool:
        """Whether the revision has this path, be its data at hand or not."""
        try:
            return bool(self._files.exists(path))
        except Exception:
            return False

    def at_hand(self, path: str) -> bool:
        """Whether the data of a path, a file or a folder, can be had."""
        try:
            for name in self._files.find(path):
                self._files.open(name).close()
                break
            else:
                return False
        except Exception:
            return False
        return True

    def metrics(self) -> list[str]:
        """The files of metrics, of stages and those named at the top of dvc.yaml."""
        try:
            index = self._files.repo.index
            named = [out.def_path for out in index.outs if out.metric]
            tops = [path for paths in index._metrics.values() for path in paths]
        except Exception as error:
            raise Fault(f"{self.name}: {_first_line(error)}") from None
        return sorted({*named, *tops})

    def text(self, path: str) -> str | None:
        """The text of a file, None if there is no such file; Fault if it cannot be read."""
        if not self.has(path):
            return None
        try:
            with self.open(path) as stream:
                return stream.read().decode("utf-8")
        except Exception as error:
            raise Fault(f"{path} of {self.name}: {_first_line(error)}") from None

    def files(self, path: str) -> dict[str, str]:
        """Each file in an output of DVC, with its hash. Raises Fault if they cannot be listed."""
        try:
            if self._files.info(path)["type"] != "directory":
                return {path: self._files.info(path)["dvc_info"]["md5"]}
            found = self._files.find(path, detail=True)
            hashes = {name: info["dvc_info"]["md5"] for name, info in found.items()}
        except Exception:
            hashes = {}
        if not hashes:
            raise Fault(f"{path} of {self.name}: its list of files cannot be had")
        return hashes


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def experimenting(root: Path) -> Iterator[Any]:
    """DVC's own object, as ``opened`` gives, with DVC's root cause in its Fault, and for speed."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo
    from scmrepo.exceptions import SCMError

    try:
        with Repo(str(root)) as repo:
            yield repo
    except (DvcException, SCMError) as error:
        if isinstance(error, LockError):
            raise Busy(str(error)) from None
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        said = str(cause).strip().splitlines() or [type(cause).__name__]
        raise Fault(said[0]) from error


class Busy(Fault):
    """Another process is at work in the repository."""


def _patiently(root: Path, work: Callable[[Any], Any], seconds: float = 300) -> None:
    """Do some work with DVC, waiting for other processes that hold its lock."""
    end = time.monotonic() + seconds
    while True:
        try:
            with experimenting(root) as repo:
                work(repo)
            return
        except Busy:
            if time.monotonic() > end:
                raise


def experiment_ref(base: str, name: str) -> str:
    """The Git reference under which DVC keeps an experiment of this name on this commit.

    Raises Fault if Git cannot take the name.
    """
    ref = f"refs/exps/{base[:2]}/{base[2:]}/{name}"
    try:
        git("check-ref-format", ref)
    except Fault:
        raise Fault(f"{name!r} cannot name an experiment; use letters, digits, - and _") from None
    return ref


def commit_at(root: Path, ref: str) -> str | None:
    """The commit at a full reference, or None if the repository does not have it."""
    return git("for-each-ref", "--format=%(objectname)", ref, root=root) or None


def clone_for_trials(home: Path, base: str, folder: Path) -> list[str]:
    """Make ``folder`` a clone of ``home`` at a commit, with its data and sharing its cache.

    Returns the commands of its stages. ``home`` stays as it is, so that the user can go on
    working there. Raises Fault if the commit is missing.
    """
    git("clone", "--quiet", "--shared", "--no-checkout", str(home), str(folder))
    git("checkout", "--quiet", "--detach", base, root=folder)
    with experimenting(home) as repo:
        cache = {"dir": repo.cache.local_cache_dir}
        if kinds := repo.config["cache"].get("type"):
            cache["type"] = ",".join(kinds)
    lines = [f"    {key} = {value}" for key, value in cache.items()]
    (folder / ".dvc/config.local").write_text("\n".join(["[cache]", *lines, ""]), encoding="utf-8")
    (folder / ".dvc/tmp").mkdir(exist_ok=True)
    with experimenting(folder) as repo:
        repo.checkout(force=True, allow_missing=True)
        commands = [getattr(stage, "cmd", None) or [] for stage in repo.index.stages]
    return [line for cmd in commands for line in (cmd if isinstance(cmd, list) else [cmd])]


def run_experiment(root: Path, base: str, name: str, overrides: list[str]) -> dict[str, float]:
    """Run the pipeline with changed parameters as an experiment, as ``dvc exp run -S`` does.

    ``root`` is a clone that nobody else uses and the current folder; whatever an earlier trial
    left in it goes. Returns the metrics. Raises Fault with DVC's reason if a stage fails.
    """
    git("checkout", "--quiet", "--force", "--detach", base, root=root)
    git("update-ref", "-d", experiment_ref(base, name), root=root)
    with experimenting(root) as repo:
        if not repo.experiments.run(params=overrides, name=name):
            raise Fault("DVC made no experiment of it")
        return _metrics(repo)


def metrics(root: Path, revision: str | None = None) -> dict[str, Any]:
    """The metrics of the workspace or of a revision, by dotted key.

    A key that two files share is the later file's; ``FILE:KEY`` tells them apart. Raises Fault
    if a file of metrics cannot be read.
    """
    with experimenting(root) as repo:
        return _metrics(repo, revision)


def _metrics(repo: Any, revision: str | None = None) -> dict[str, Any]:
    shown = repo.metrics.show(revs=[revision] if revision else None, hide_workspace=bool(revision))
    found: dict[str, Any] = {}
    for state in shown.values():
        for path, file in state.get("data", {}).items():
            if "error" in file:
                raise Fault(f"{path}: cannot be read: {str(file['error']).splitlines()[0]}")
            for key, value in flatten(file["data"]).items():
                found[key] = found[f"{path}:{key}"] = value
    return found


def parameters(root: Path, path: str) -> dict[str, Any]:
    """What a file of parameters sets, by dotted key. Raises Fault without the file."""
    from dvc.utils.serialize import load_path

    with experimenting(root) as repo:
        return flatten(load_path(str(root / path), repo.fs))


def check_pushed(root: Path, remote: str, commit: str) -> None:
    """Raise Fault unless other machines can get a commit and its data from the remotes."""
    git("fetch", "--quiet", remote, root=root)
    if not git("branch", "--remotes", "--list", f"{remote}/*", "--contains", commit, root=root):
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; `git push` it")
    with experimenting(root) as repo:
        missing = repo.data_status(not_in_remote=True, remote_refresh=True).get("not_in_remote", [])
    if missing:
        raise Fault(f"{missing[0]} is not on the DVC remote; `dvc push` it")


def fetch_commit(root: Path, remote: str, commit: str) -> None:
    """Bring a commit, and the data that it names, from the Git and the DVC remote."""
    git("fetch", "--quiet", remote, root=root)
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}", root=root)
    except Fault:
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; push it") from None
    _patiently(root, lambda repo: repo.fetch(revs=[commit], workspace=False))


def push_experiment(root: Path, remote: str, name: str) -> None:
    """Send an experiment to the Git remote and its data to the DVC remote."""
    _patiently(root, lambda repo: repo.experiments.push(remote, [name], push_cache=True))
