"""One experiment of DVC's, run in a clean clone: by what DVC itself calls, and less of it."""

from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from strata.core.values import Leaves
from strata.dvc.revision import Revision
from strata.dvc.store import Store, dvc_repo
from strata.git import add, entries, git, is_tracked


def ref(base: str, name: str) -> str:
    """The Git reference under which DVC keeps an experiment of this name on this commit."""
    return f"refs/exps/{base[:2]}/{base[2:]}/{name}"


def run(root: Path, base: str, name: str, overrides: list[str], stages: list[str]) -> Leaves:
    """Run stages with changed parameters as an experiment, as ``dvc exp run -S`` does.

    All are run if none is named; without a dvc.yaml at the top, where DVC would run nothing, those
    of all pipelines below it. ``root`` is a clean clone that nobody else uses, and the current
    folder. So nothing is stashed, and no half-done run saved: a trial takes less than half of what
    ``exp run`` adds to its stages. Unlike that it pushes nothing.

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
