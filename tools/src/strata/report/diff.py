"""What differs between the stages of two versions, as plain data."""

from collections.abc import Mapping

from strata.revision import Stage
from strata.values import changes

Stages = Mapping[str, Stage]


def stage_changes(before: Stages, after: Stages) -> dict[str, list[str]]:
    """The stages whose entries in dvc.lock differ, and which of their inputs do.

    An empty list: same inputs, but other outputs.
    """
    found: dict[str, list[str]] = {}
    for name in [*after, *(name for name in before if name not in after)]:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is None or now is None:
            found[name] = ["stage added" if was is None else "stage removed"]
            continue
        found[name] = ["command"] * (was.cmd != now.cmd)
        found[name] += [c.name for c in changes(was.deps, now.deps)]
        found[name] += [f"param {c.name}" for c in changes(was.params, now.params)]
    return found


def edges(stages: Stages) -> list[tuple[str, str]]:
    """Which stage feeds which: one's output is, or holds, the other's dependency."""
    makers = {path: name for name, stage in stages.items() for path in stage.outs}
    found = [
        (maker, name)
        for name, stage in stages.items()
        for dep in stage.deps
        for path, maker in makers.items()
        if dep == path or dep.startswith(path + "/") or path.startswith(dep + "/")
    ]
    return list(dict.fromkeys(found))
