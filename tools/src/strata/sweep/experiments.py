"""DVC's experiments: looked up, pushed, fetched, and the clones in which they run."""

from pathlib import Path

from strata.core.errors import Fault
from strata.core.values import Leaves
from strata.dvc.experiment import ref
from strata.dvc.revision import Revision, Stage
from strata.dvc.store import Store, dvc_repo, opened
from strata.git import find_commit, git, lines, succeeds
from strata.restore import checkout


def commits(root: Path, base: str, remote: str | None) -> dict[str, str]:
    """The commits of the experiments on a commit, by name; here, or on a Git remote."""
    pattern = ref(base, "")
    if remote:
        listed = lines("ls-remote", remote, f"{pattern}*", root=root)
    else:
        listed = lines("for-each-ref", "--format=%(objectname) %(refname)", pattern, root=root)
    parts = (line.partition(pattern) for line in listed)
    return {name: commit.strip() for commit, _, name in parts}


def prepare(home: Path, base: str, folder: Path) -> tuple[Path, list[Stage]]:
    """Clone ``home`` at a commit into ``folder``, with its data; ``home`` itself is left alone.

    Returns the folder in it that has ``.dvc``, and the stages. Raises Fault if there is no such
    commit.
    """
    with opened(home) as store:
        root = checkout.clone(store, base, folder)
    (root / ".dvc/tmp").mkdir(exist_ok=True)
    with dvc_repo(root) as repo:
        repo.checkout(force=True, allow_missing=True)
        return root, list(Revision(Store(root, repo), None).stages.values())


def clean(root: Path, base: str) -> None:
    """Bring a clone back to a commit, and remove what a trial left, but for what Git ignores.

    Raises Fault if the clone is broken.
    """
    git("checkout", "--quiet", "--force", "--detach", base, root=root)
    succeeds("clean", "--quiet", "-ffd", "--exclude=.dvc", "--", ":/", root=root)  # or it stays


def metrics(root: Path, commit: str) -> Leaves:
    """The metrics of a commit, by dotted name. Raises Fault if one cannot be read."""
    with opened(root) as store:
        return Revision(store, commit).metrics


def check_pushed(root: Path, remote: str, commit: str) -> None:
    """Raise Fault unless other machines can get a commit and its data from the remotes."""
    git("fetch", "--quiet", remote, root=root)
    if not git("branch", "--remotes", "--list", f"{remote}/*", "--contains", commit, root=root):
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; `git push` it")
    with opened(root) as store:
        for out in store.not_on_remote(o for o in Revision(store, commit).outputs if o.is_pushed):
            raise Fault(f"{out.path} is not on the DVC remote; `dvc push` it")


def fetch_commit(root: Path, remote: str, commit: str) -> None:
    """Fetch a commit and its data, from the Git and the DVC remote. Raises Fault."""
    git("fetch", "--quiet", remote, root=root)
    if not find_commit(root, commit):
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; `git push` it")
    with opened(root) as store:
        store.fetch(Revision(store, commit).outputs)


def push(root: Path, remote: str, path: str) -> None:
    """Push an experiment's data to the DVC remote, and then its reference to the Git remote.

    DVC does it the other way round: a machine that dies in between would leave a reference that
    says the trial is done, and a model that nobody has. Raises Fault if not all of it arrives.
    """
    with opened(root) as store:
        outs = [out for out in Revision(store, find_commit(root, path)).outputs if out.is_pushed]
        absent, error = store.push(outs)
        for out in absent:
            raise Fault(f"{out.path} did not get to the DVC remote{': ' if error else ''}{error}")
    git("push", "--quiet", "--no-verify", remote, f"+{path}:{path}", root=root)
