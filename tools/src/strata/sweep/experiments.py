"""DVC's experiments: made in a clone, looked up, and brought to and from the remotes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from strata import checkout
from strata.errors import Fault
from strata.git import git
from strata.store import Busy, dvc_repo, opened
from strata.values import flatten


def ref(base: str, name: str) -> str:
    """The Git reference under which DVC keeps an experiment of this name on this commit."""
    return f"refs/exps/{base[:2]}/{base[2:]}/{name}"


def known(root: Path, base: str, remote: str | None) -> dict[str, str]:
    """The experiments on a commit, here or on a Git remote: the commit of each, by name."""
    pattern = ref(base, "")
    if remote:
        found = git("ls-remote", remote, f"{pattern}*", root=root)
    else:
        found = git("for-each-ref", "--format=%(objectname) %(refname)", pattern, root=root)
    lines = (line.partition(pattern) for line in found.splitlines())
    return {name: commit.strip() for commit, _, name in lines}


def commit_at(root: Path, ref: str) -> str | None:
    """The commit at a full reference, or None if the repository does not have it."""
    return git("for-each-ref", "--format=%(objectname)", ref, root=root) or None


def prepare(home: Path, base: str, folder: Path) -> list[str]:
    """Make ``folder`` a clone of ``home`` at a commit, with its data, and return its commands.

    ``home`` stays as it is, so that the user can go on working there. Raises Fault if the commit
    is missing.
    """
    with opened(home) as store:
        root = checkout.clone(store, base, folder)
    (root / ".dvc/tmp").mkdir(exist_ok=True)
    with dvc_repo(root) as repo:
        repo.checkout(force=True, allow_missing=True)
        commands = [getattr(stage, "cmd", None) or [] for stage in repo.index.stages]
    return [line for cmd in commands for line in (cmd if isinstance(cmd, list) else [cmd])]


def run(root: Path, base: str, name: str, overrides: list[str]) -> dict[str, float]:
    """Run the pipeline with changed parameters as an experiment, as ``dvc exp run -S`` does.

    ``root`` is a clone that nobody else uses and the current folder; whatever an earlier trial
    left in it goes. Returns the metrics. Raises Fault with DVC's reason if a stage fails.
    """
    git("checkout", "--quiet", "--force", "--detach", base, root=root)
    git("update-ref", "-d", ref(base, name), root=root)
    with dvc_repo(root) as repo:
        if not repo.experiments.run(params=overrides, name=name):
            raise Fault("DVC made no experiment of it")
        return _metrics(repo)


def metrics(root: Path, revision: str | None = None) -> dict[str, Any]:
    """The metrics of the workspace or of a revision, by dotted key.

    A key that two files share is the later file's; ``FILE:KEY`` tells them apart. Raises Fault
    if a file of metrics cannot be read.
    """
    with dvc_repo(root) as repo:
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

    with dvc_repo(root) as repo:
        try:
            return flatten(load_path(str(root / path), repo.fs))
        except OSError:
            raise Fault(f"{path}: not found") from None


def check_pushed(root: Path, remote: str, commit: str) -> None:
    """Raise Fault unless other machines can get a commit and its data from the remotes."""
    git("fetch", "--quiet", remote, root=root)
    if not git("branch", "--remotes", "--list", f"{remote}/*", "--contains", commit, root=root):
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; `git push` it")
    with dvc_repo(root) as repo:
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


def push(root: Path, remote: str, path: str) -> None:
    """Send an experiment's data to the DVC remote, and then its reference to the Git remote.

    DVC does it the other way round: a machine that dies in between would leave a reference that
    says the trial is done, and a model that nobody has.
    """
    commit = commit_at(root, path)
    _patiently(root, lambda repo: repo.push(revs=[commit], workspace=False))
    git("push", "--quiet", "--no-verify", remote, f"+{path}:{path}", root=root)


def _patiently(root: Path, work: Callable[[Any], Any], seconds: float = 300) -> None:
    """Do some work with DVC, waiting for other processes that hold its lock."""
    end = time.monotonic() + seconds
    while True:
        try:
            with dvc_repo(root) as repo:
                work(repo)
            return
        except Busy:
            if time.monotonic() > end:
                raise
