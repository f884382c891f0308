"""Tell on one screen how the workspace stands, and the one next step."""

import argparse
from pathlib import Path
from typing import Any

from strata import obtain, proof, repository
from strata.fault import Fault
from strata.outputs import Output, outputs_at


def configure(parser: argparse.ArgumentParser) -> None:
    """There are no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the status; 0 unless something could not be read."""
    root = repository.top()
    changes = repository.changes(root)
    where = repository.position(root)
    print(f"at {where}, {f'{len(changes)} uncommitted files' if changes else 'all committed'}")
    with repository.opened(root) as repo:
        stale = repository.stale(repo)
        print("dvc.lock: " + ("stale" if stale else "fresh"))
        for stage, reasons in stale.items():
            print(f"  {stage}: " + "; ".join(reasons))
        outs = outputs_at("HEAD")
        absent = [out for out in outs if obtain.missing(repo, out)]
        nowhere, unpushed, trouble = stored(repo, outs, absent)
        gone = [out.path for out in outs if not (root / out.path).exists()]
        show("not in the workspace", gone)
        show("not on the remote", unpushed)
        show("in neither the cache nor the remote", nowhere)
        if trouble:
            print(f"storage: {trouble}")
        metrics(repo)
    step = next_step(stale, gone, nowhere, changes, unpushed)
    print("next: " + ("make the storage answer, then ask again" if trouble else step))
    return 1 if trouble else 0


def stored(repo: Any, outs: list[Output], absent: list[Output]) -> tuple[list[str], list[str], str]:
    """Outputs that are nowhere, those that only the cache has, and what hinders from knowing."""
    if not repository.remote_name(repo):
        return [out.path for out in absent], [], ""
    try:
        odb = repository.reach(repo)
    except Fault as fault:
        return [], [], str(fault)
    off = [out for out in outs if not obtain.on_remote(repo, odb, out)]
    nowhere = [out.path for out in off if out in absent]
    return nowhere, [out.path for out in off if out not in absent], ""


def show(title: str, paths: list[str]) -> None:
    """Print a line of paths, if there are any."""
    if paths:
        print(f"{title}: {', '.join(paths)}")


def metrics(repo: Any) -> None:
    """Print the workspace's metrics, each with its standard error where it has one."""
    for name, found in repo.metrics.show().get("", {}).get("data", {}).items():
        values = proof.numbers(found.get("data", {}))
        print(f"{Path(name).as_posix()}:" if values else f"{name}: cannot be read")
        for key, value in values.items():
            error = values.get(f"{key}_se")
            if key.count(".") < 2 and not key.endswith("_se"):
                print(f"  {key:30} {value:g}" + (f" ± {error:.2g}" if error is not None else ""))


def next_step(
    stale: dict[str, list[str]],
    gone: list[str],
    nowhere: list[str],
    changes: list[str],
    unpushed: list[str],
) -> str:
    """The first thing to do, most urgent first."""
    if stale:
        return "`dvc repro`, then commit dvc.lock with what changed"
    if nowhere:
        return "`dvc repro` makes again what is stored nowhere"
    if gone:
        return "`strata restore HEAD` brings the outputs back"
    if changes:
        return "`git add --all && git commit`"
    if unpushed:
        return "`dvc push`"
    return "nothing; change something"
