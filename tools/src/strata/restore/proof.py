"""The proof that what is on disk is what a revision names, and the table of it."""

import math
from pathlib import Path

from strata.core.errors import Fault
from strata.core.values import Leaves, aligned, is_number
from strata.dvc.revision import Revision
from strata.dvc.store import Output, files_of, opened
from strata.restore.obtain import Obtained

TOLERANCE = 1e-3  # of a metric between platforms, absolute below 1 and relative above


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """Render rows of output, source, hash and verdict in columns, under a header."""
    return aligned([("output", "from", "hash", "proof"), *rows])


def row(item: Obtained) -> tuple[str, str, str, str]:
    """The row of an output that was brought into the cache."""
    return item.output.path, item.source, item.output.hash[:8], verdict(not item.differing)


def verdict(same: bool) -> str:
    """The last column of the table."""
    return "ok" if same else "differs"


def numbers(leaves: Leaves) -> dict[str, float]:
    """Those of some values that are numbers."""
    return {name: float(value) for name, value in leaves.items() if is_number(value)}


def largest_difference(before: Leaves, after: Leaves) -> tuple[str, float]:
    """The number that differs most between two sets of metrics, and by how much.

    The difference is absolute below 1 and relative above. It is infinite for a name that only one
    set has as a number.
    """
    old, new = numbers(before), numbers(after)
    worst = ("none", 0.0)
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key, math.inf), new.get(key, math.inf)
        if was == now or (math.isnan(was) and math.isnan(now)):
            continue
        apart = abs(was - now) / max(1.0, min(abs(was), abs(now)))
        if not apart <= worst[1]:
            worst = (key, math.inf if math.isnan(apart) else apart)
    return worst


def same_metrics(revision: Revision, clone: Path) -> bool:
    """Whether a rebuilt state has the metrics that the commit names; prints what it compared.

    Metrics that are missing or unreadable on either side prove nothing: then it has not.
    """
    with opened(clone) as store:
        try:
            before, after = revision.metrics, Revision(store, None).metrics
        except Fault as fault:
            print(f"the rebuilt bytes differ, and metrics cannot be compared: {fault}")
            return False
    if not numbers(before):
        print(
            f"the rebuilt bytes differ, and {revision.name} names no metric to judge them by: "
            "NOT proven to be the same model"
        )
        return False
    name, apart = largest_difference(before, after)
    same = apart <= TOLERANCE
    print(
        f"the rebuilt bytes differ, as they may on another platform. Of {len(numbers(before))} "
        f"metrics {name} differs most, by {apart:.2g}; the tolerance is {TOLERANCE:g}: "
        + ("the same model" if same else "NOT the same model")
    )
    return same


def differing(revision: Revision, out: Output, root: Path) -> list[str]:
    """The files of a folder in a clone that are not the commit's, if that can be told."""
    path = root / out.path
    if not out.is_folder or not path.is_dir():
        return []
    try:
        old = revision.files(out.path)
    except Fault:
        return []
    new = {f"{out.path}/{name}": oid for name, oid in files_of(path, out.kind, root).items()}
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
