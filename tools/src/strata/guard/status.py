"""Tell on one screen how the workspace stands, and the next step."""

import argparse

from strata import git
from strata.core.errors import Fault
from strata.core.values import error_of, is_error, is_number
from strata.dvc import unsaved
from strata.dvc.revision import Offline, Revision
from strata.dvc.staleness import stale
from strata.dvc.store import GONE, Output, Store, opened
from strata.git import refs
from strata.restore.workspace import cut_off


def run(args: argparse.Namespace) -> int:
    """Print the status; 0 unless something could not be read."""
    root = git.top()
    changes = git.changes(root)
    dirt = f"{len(changes)} uncommitted files" if changes else "all committed"
    print(f"at {refs.here(root)}, {dirt}")
    if note := cut_off(root):
        print(note)
        return 1
    if not (root / ".dvc/config").exists():
        if git.blob(root, "HEAD", ".dvc/config") is not None:
            raise Fault(GONE)
        print("this commit has no DVC: there is no data, and nothing to reproduce")
        return 0
    with opened(root) as store:
        head = Revision(store, refs.commit_of("HEAD", root))
        outs = head.outputs
        stages, late = stale(store)
        here = Revision(store, None, reread=False)
        print("dvc.lock: " + ("stale" if stages else "fresh" if head.stages else "none"))
        for stage, reasons in stages.items():
            print(f"  {stage}: " + "; ".join(reasons))
        absent = [out for out in outs if store.missing(out)]
        gone = [out.path for out in outs if not (root / out.path).exists()]
        try:
            locked = here.outputs
        except Fault:  # which is told where the metrics are
            locked = []
        other = not_the_commits(store, outs, locked)
        nowhere, unpushed, trouble = stored(store, outs, absent)
        show("behind dvc.lock, as Git left it", late)
        show("not in the workspace", gone)
        show("not what this commit names", other)
        show("not on the remote", unpushed)
        show("in neither the cache nor the remote", nowhere)
        bad = list[str]()
        if args.remote and not trouble:
            unsaved.refill_cache(store, head)
            bad, trouble = read_remote(store, outs)
        if trouble:
            print(f"storage: {trouble}")
        unread = metrics(here)
    steps = {  # what to do, the most urgent first, and what calls for it
        "make the storage answer, then ask again": trouble,
        "`strata restore HEAD`, with a remote that can be written, mends what is damaged": bad,
        "`dvc repro`, then commit dvc.lock with what changed": stages,
        "`dvc checkout` brings the data that dvc.lock names": late,
        "`dvc repro` makes again what is stored nowhere": nowhere,
        "`strata restore HEAD` brings the outputs back": gone,
        "commit what is yours to keep (`git status` lists it)": changes,
        "`dvc checkout` brings this commit's data; `dvc commit` keeps yours instead": other,
        "`dvc push`": unpushed,
    }
    print("next: " + next((step for step, cause in steps.items() if cause), "nothing to do"))
    return 1 if trouble or unread or bad else 0


def not_the_commits(store: Store, outs: list[Output], locked: list[Output]) -> list[str]:
    """Which ``outs`` of HEAD have other content in the workspace; ``locked`` are its lock's."""
    hashes, edited = {out.path: out.hash for out in locked}, store.edited()
    return [
        out.path for out in outs if out.path in edited or hashes.get(out.path, out.hash) != out.hash
    ]


def stored(
    store: Store, outs: list[Output], absent: list[Output]
) -> tuple[list[str], list[str], str]:
    """The outputs that are nowhere, those that only the cache has, and a remote's failure."""
    try:
        off = store.not_on_remote(out for out in outs if out.is_pushed)
    except Offline as fault:
        return [], [], str(fault)
    nowhere = [out.path for out in off if out in absent and not out.source]
    return nowhere, [o.path for o in off if o not in absent and store.remote(o)], ""


def read_remote(store: Store, outs: list[Output]) -> tuple[list[str], str]:
    """Read what the remote has of outputs, mend it from the cache, and print the result.

    Returns the outputs that are still damaged there, and a remote's failure.
    """
    kept = [out for out in outs if out.is_pushed]
    if not store.remote() and not any(out.remote for out in kept):
        return [], "no remote is set; `strata storage URL` sets one"
    try:
        damaged, count = store.damaged(kept)
        print(f"on the remote: {count} objects read, {len(damaged)} damaged")
        if not damaged:
            return [], ""
        hit = [out for out in kept if damaged & store.objects_of(out)]
        store.mend(hit, damaged)
        damaged, _ = store.damaged(hit)
    except Offline as fault:
        return [], str(fault)
    bad = [out for out in hit if damaged & store.objects_of(out)]
    lost = [out.path for out in bad if store.missing(out)]
    show("mended from the cache", [out.path for out in hit if out not in bad])
    show(
        "damaged on the remote, which cannot be written",
        [o.path for o in bad if o.path not in lost],
    )
    show("damaged on the remote, and the cache has no good copy", lost)
    return [out.path for out in bad], ""


def show(title: str, paths: list[str]) -> None:
    """Print a line of paths, if there are any."""
    if paths:
        print(f"{title}: {', '.join(paths)}")


def metrics(here: Revision) -> bool:
    """Print the workspace's metrics with their standard errors; true if they can't be read."""
    try:
        values = here.metrics
    except Fault as fault:
        print(f"metrics: {fault}")
        return True
    for key, value in values.items():
        error = values.get(error_of(key))
        if is_number(value) and key.count(".") < 2 and not is_error(key, values):
            shown = f"{value:g}" + (f" ± {error:.2g}" if isinstance(error, float) else "")
            print(f"  {key:30} {shown}")
    return False
