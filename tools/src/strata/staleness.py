"""Which stages dvc.lock no longer speaks of."""

from pathlib import Path
from typing import Any

from strata.store import dvc_repo


def stale(root: Path) -> dict[str, list[str]]:
    """The stages whose code, params or data differ from dvc.lock, each with the reasons.

    What nothing says to have changed does not count: data that is only absent from the workspace,
    a stage that DVC always runs.
    """
    found: dict[str, list[str]] = {}
    with dvc_repo(root) as repo:
        # Not of imports: DVC would ask their sources, which may be offline.
        ours = [stage.addressing for stage in repo.index.stages if stage.cmd or not stage.is_import]
        for stage, reasons in repo.status(targets=ours).items() if ours else ():
            for reason in reasons:
                if isinstance(reason, str):
                    if reason != "always changed":
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
