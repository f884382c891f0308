"""DVC's experiments: made in a clone, looked up, and brought to and from the remotes."""

from pathlib import Path

from strata import checkout
from strata.errors import Fault
from strata.git import git
from strata.revision import Revision, Stage
from strata.store import Store, dvc_repo, opened
from strata.values import Leaves


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


def prepare(home: Path, base: str, folder: Path) -> tuple[Path, list[Stage]]:
    """Make ``folder`` a clone of ``home`` at a commit, with its data.

    Returns the folder in it that has ``.dvc``, and the stages. ``home`` stays as it is, so that the
    user can go on working there. Raises Fault if the commit is missing.
    """
    with opened(home) as store:
        root = checkout.clone(store, base, folder)
    (root / ".dvc/tmp").mkdir(exist_ok=True)
    with dvc_repo(root) as repo:
        repo.checkout(force=True, allow_missing=True)
        return root, list(Revision(Store(root, repo), None).stages.values())


def run(root: Path, base: str, name: str, overrides: list[str], stages: list[str]) -> Leaves:
    """Run stages with changed parameters as an experiment, as ``dvc exp run -S`` does.

    All are run if none is named. Without a dvc.yaml at the top, where DVC would run nothing, all
    pipelines below it are run. ``root`` is a clone that nobody else uses and the current folder;
    whatever an earlier trial left in it goes. Returns the metrics. Raises Fault with DVC's reason
    if a stage fails.
    """
    git("checkout", "--quiet", "--force", "--detach", base, root=root)
    git("update-ref", "-d", ref(base, name), root=root)
    with dvc_repo(root) as repo:
        everywhere = not (root / "dvc.yaml").exists()
        if not repo.experiments.run(
            targets=stages, params=overrides, name=name, all_pipelines=everywhere and not stages
        ):
            raise Fault("DVC made no experiment of it")
        return Revision(Store(root, repo), None).metrics


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
        for out in store.not_on_remote(o for o in Revision(store, commit).outputs if o.is_stored):
            raise Fault(f"{out.path} is not on the DVC remote; `dvc push` it")


def fetch_commit(root: Path, remote: str, commit: str) -> None:
    """Bring a commit, and the data that it names, from the Git and the DVC remote."""
    git("fetch", "--quiet", remote, root=root)
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}", root=root)
    except Fault:
        raise Fault(f"commit {commit[:7]} is not on the Git remote {remote!r}; push it") from None
    with opened(root) as store:
        store.fetch(Revision(store, commit).outputs)


def push(root: Path, remote: str, path: str) -> None:
    """Send an experiment's data to the DVC remote, and then its reference to the Git remote.

    DVC does it the other way round: a machine that dies in between would leave a reference that
    says the trial is done, and a model that nobody has. Raises Fault if not all of it arrives.
    """
    with opened(root) as store:
        outs = [out for out in Revision(store, commit_at(root, path)).outputs if out.is_stored]
        said = store.push(outs)
        for out in store.not_on_remote(outs):
            raise Fault(f"{out.path} did not get to the DVC remote{': ' if said else ''}{said}")
    git("push", "--quiet", "--no-verify", remote, f"+{path}:{path}", root=root)
