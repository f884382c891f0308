"""DVC's experiments: run in a clone, looked up, pushed and fetched."""

from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from strata.core.errors import Fault
from strata.core.values import Leaves
from strata.dvc.revision import Revision, Stage
from strata.dvc.store import Store, dvc_repo, opened
from strata.git import add, entries, find_commit, git, is_tracked, lines, succeeds
from strata.restore import checkout


def ref(base: str, name: str) -> str:
    """The Git reference under which DVC keeps an experiment of this name on this commit."""
    return f"refs/exps/{base[:2]}/{base[2:]}/{name}"


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


def run(root: Path, base: str, name: str, overrides: list[str], stages: list[str]) -> Leaves:
    """Run stages with changed parameters as an experiment, as ``dvc exp run -S`` does.

    All are run if none is named; without a dvc.yaml at the top, where DVC would run nothing, those
    of all pipelines below it. ``root`` is a clean clone that nobody else uses, and the current
    folder. So nothing is stashed, and no half-done run saved: a trial takes less than half of what
    ``exp run`` adds to its stages. Unlike that it pushes nothing, and tells DVC Studio nothing.

    Returns the metrics. Raises Fault with DVC's reason if a stage fails.
    """
    from dvc.env import DVC_EXP_BASELINE_REV, DVC_EXP_NAME, DVC_ROOT
    from dvc.repo import lock_repo

    git("update-ref", "-d", ref(base, name), root=root)
    with dvc_repo(root) as repo:
        _set(repo, overrides, stages)
        with lock_repo(repo):  # so that checkout and reproduce share a reading of the pipeline
            repo.checkout(stages, with_deps=bool(stages), force=True, allow_missing=True)
            env = {DVC_EXP_BASELINE_REV: base, DVC_EXP_NAME: name, DVC_ROOT: str(root)}
            everywhere = not stages and not (root / "dvc.yaml").exists()
            visited = _reproduce(repo, stages, all_pipelines=everywhere, run_env=env)
            _commit(repo, root, visited, f"dvc: commit experiment {name}")
            git("update-ref", ref(base, name), "HEAD", root=root)
            return Revision(Store(root, repo), None).metrics


def _set(repo: Any, overrides: list[str], stages: list[str]) -> None:
    """Write parameters into their files, which Hydra composes where DVC is set up so.

    A file that DVC keeps is as an earlier trial left it, so it is checked out first; then it is
    entered in its .dvc file, or a checkout would undo the change.
    """
    from dvc.utils.cli_parse import to_path_overrides

    by_file = to_path_overrides(overrides)
    if repo.config.get("hydra", {}).get("enabled"):
        by_file.setdefault("params.yaml", [])
    in_dvc = not all(is_tracked(Path(repo.root_dir), path) for path in by_file)
    if in_dvc:
        repo.checkout(force=True, allow_missing=True)
    queue = repo.experiments.workspace_queue
    queue._update_params(by_file)
    if in_dvc:
        queue._stash_commit_deps(stages)


def _reproduce(repo: Any, stages: list[str], **options: Any) -> list[Any]:
    """Bring stages up to date, and write each dvc.lock once, at the end; the stages visited.

    DVC writes it after each stage, which takes longer than to see whether the stage is stale. So
    while stages run, dvc.lock is the one of the commit.
    """
    visited: list[Any] = []
    ran: dict[str, list[Any]] = {}  # by dvc.yaml

    def reproduce(stage: Any, **how: Any) -> Any:
        visited.append(stage)
        if result := stage.reproduce(**how):
            ran.setdefault(stage.path, []).append(stage)
        return result

    repo.reproduce(stages, repro_fn=reproduce, **options)
    for of_file in ran.values():
        of_file[0].dvcfile.dump_stages(of_file, update_pipeline=False)
    return visited


def _commit(repo: Any, root: Path, stages: list[Any], message: str) -> None:
    """Commit all changes, and of the new files the declared ones, as ``dvc exp run`` does."""
    from dvc.repo.experiments.executor.base import BaseExecutor
    from dvc.stage.utils import _get_stage_files

    add(root, "--update")
    untracked = entries("ls-files", "-z", "--others", "--exclude-standard", root=root)
    new = list(map(PurePath, untracked))
    if new:
        named = [*BaseExecutor._get_top_level_paths(repo), *chain(*map(_get_stage_files, stages))]
        around = {path for file in new for path in (file, *file.parents)}
        if declared := sorted({path for path in named if PurePath(path) in around}):
            add(root, "--", *declared)
    repo.scm.commit(message, no_verify=True)


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
