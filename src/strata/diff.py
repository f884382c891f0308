"""What differs between two versions, as plain data: params, metrics, pins and dvc.lock."""

import re
from dataclasses import dataclass
from typing import Any

ABSENT = object()  # None is a value that params and metrics may have

Leaves = dict[str, Any]
Lock = dict[str, Any]  # dvc.lock as parsed


@dataclass(frozen=True)
class Change:
    """One name whose value differs; ABSENT on the side that does not have it."""

    name: str
    before: Any
    after: Any


def flatten(value: Any, prefix: str = "") -> Leaves:
    """Name each leaf by its path: ``{"test": {"auc": .7}}`` is ``{"test.auc": .7}``.

    A list is a leaf. Anything but a mapping at the top is one leaf with an empty name.
    """
    if not isinstance(value, dict) or not value:
        return {} if prefix == "" and not value else {prefix: value}
    leaves: Leaves = {}
    for key, inner in value.items():
        leaves |= flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return leaves


def changes(before: Leaves, after: Leaves) -> list[Change]:
    """The names whose values differ, in the order of ``after``, those that went last.

    NaN equals NaN; 1, 1.0 and True differ, as they do to a stage that reads them.
    """
    return [
        Change(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in [*after, *(name for name in before if name not in after)]
        if repr(before.get(name, ABSENT)) != repr(after.get(name, ABSENT))
    ]


def pins(text: str) -> dict[str, str]:
    """Each package a requirements file pins, with its version; of several, all of them."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(name.lower(), []).append(version)
    return {name: ", ".join(versions) for name, versions in found.items()}


def stages(lock: Lock) -> dict[str, Any]:
    """The stages in a dvc.lock, in its order; none for an empty one."""
    found: dict[str, Any] = lock.get("stages") or {}
    return found


def outputs(lock: Lock) -> dict[str, str]:
    """Each output in a dvc.lock with its hash."""
    return {path: hash_ for entry in stages(lock).values() for path, hash_ in _paths(entry, "outs")}


def param_files(*locks: Lock) -> list[str]:
    """The files whose params the stages in these locks read, params.yaml among them."""
    read = {
        path
        for lock in locks
        for entry in stages(lock).values()
        for path in entry.get("params", {})
    }
    return sorted(read | {"params.yaml"})


def pin_files(*locks: Lock) -> list[str]:
    """The requirements files that stages in these locks depend on: the environment of results."""
    deps = {
        path
        for lock in locks
        for entry in stages(lock).values()
        for path, _ in _paths(entry, "deps")
    }
    return sorted(path for path in deps if path.rsplit("/", 1)[-1].startswith("requirements"))


def stage_changes(before: Lock, after: Lock) -> dict[str, list[str]]:
    """The stages whose entries in dvc.lock differ, and which of their inputs do.

    An empty list: same inputs, but other outputs.
    """
    old, new = stages(before), stages(after)
    found: dict[str, list[str]] = {}
    for name in [*new, *(name for name in old if name not in new)]:
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is None or now is None:
            found[name] = ["stage added" if was is None else "stage removed"]
            continue
        deps = changes(dict(_paths(was, "deps")), dict(_paths(now, "deps")))
        params = changes(flatten(was.get("params", {})), flatten(now.get("params", {})))
        found[name] = ["command"] * (was.get("cmd") != now.get("cmd"))
        found[name] += [change.name for change in (*deps, *params)]
    return found


def edges(lock: Lock) -> list[tuple[str, str]]:
    """Which stage feeds which: one's output is, or holds, the other's dependency."""
    makers = {path: n for n, entry in stages(lock).items() for path, _ in _paths(entry, "outs")}
    found = [
        (maker, name)
        for name, entry in stages(lock).items()
        for dep, _ in _paths(entry, "deps")
        for path, maker in makers.items()
        if dep == path or dep.startswith(path + "/") or path.startswith(dep + "/")
    ]
    return list(dict.fromkeys(found))


def _paths(entry: Any, kind: str) -> list[tuple[str, str]]:
    return [(item["path"], str(item.get("md5"))) for item in entry.get(kind, [])]
