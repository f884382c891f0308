"""The sections of a report, each as Markdown: pure functions of what was read before."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.paired import COMMON, Group
from strata.report.diff import Stages
from strata.report.markdown import code, number, table
from strata.report.verdict import Direction, Estimate, Gate, estimate, paired
from strata.values import ABSENT, Change, Leaves, changes


@dataclass(frozen=True)
class Output:
    """A changed output: its files that came, went or differ, and its rows where it has rows."""

    path: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    rows: tuple[int, int] | None = None
    rows_unknown: bool = False
    fault: str = ""


def shown(value: Any) -> str:
    """A value as a table's cell: a number plainly, anything else as code."""
    if value is ABSENT:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return code("null" if value is None else value)


def metrics(base: Leaves, this: Leaves, groups: Mapping[str, Group], direction: Direction) -> str:
    """Every metric, with what the change is worth."""
    rows = []
    names = [*this, *(name for name in base if name not in this)]
    for name in names:
        if name.removesuffix("_se") != name and name.removesuffix("_se") in names:
            continue  # stands in the interval
        was, now = base.get(name, ABSENT), this.get(name, ABSENT)
        found = estimate(name, base, this, groups)
        said = found.judge(direction.of(name)) if found and found.difference else ""
        if said and COMMON in groups and name.rpartition(".")[0] not in groups:
            said = "other rows"  # a month may be harder than another
        if was is ABSENT or now is ABSENT:
            said = "added" if was is ABSENT else "**removed**"
        elif found is None and (was is None or now is None or was != was or now != now):
            said = "**no value**"
        rows.append([code(name), shown(was), shown(now), *_moved(found), said])
    for metric, between in groups[COMMON].differences.items() if COMMON in groups else ():
        found = paired(between)
        said = found.judge(direction.of(metric))
        name = f"{metric}, {COMMON}"
        rows.append([code(name), shown(between.before), shown(between.after), *_moved(found), said])
    header = ["metric", "base:", "this:", "difference:", "95% interval:", "by", ""]
    notes = [
        f"{code(name)}: {group.rows:,} rows of {group.days:,} days in both"
        + (f", **{group.relabelled:,} of them with another label**" if group.relabelled else "")
        for name, group in groups.items()
    ]
    text = table(header, rows) if rows else "There are no metrics."
    return text + ("\n\nCompared row by row: " + "; ".join(notes) + "." if notes else "")


def _moved(found: Estimate | None) -> list[str]:
    if found is None:
        return ["–", "–", ""]
    if found.interval is None:
        return [number(found.difference, sign=True), "–", ""]
    low, high = found.interval
    return [number(found.difference, sign=True), f"{low:+.4f} to {high:+.4f}", found.how]


def gates(checked: Sequence[Gate]) -> str:
    """Each gate, what was measured, and whether it holds."""
    results = {True: "passed", False: "**failed**", None: "not checked: the base has no such value"}
    rows = [
        [
            code(gate.metric),
            code(gate.kind.replace("_", " ")),
            shown(gate.limit),
            "–" if gate.value is None else number(gate.value),
            results[gate.passed],
        ]
        for gate in checked
    ]
    return table(["metric", "gate", "limit:", "measured:", ""], rows)


def values(found: Sequence[Change], what: str) -> str:
    """A table of changed values."""
    if not found:
        return f"No {what} changed."
    rows = [[code(change.name), shown(change.before), shown(change.after)] for change in found]
    return table([what, "base", "this"], rows)


def environment(base: Mapping[str, str], this: Mapping[str, str]) -> str:
    """The packages whose pinned version changed."""
    rows = [
        [code(c.name), *("–" if v is ABSENT else code(v) for v in (c.before, c.after))]
        for c in changes(dict(base), dict(this))
    ]
    return table(["package", "base", "this"], rows) if rows else "No pinned package changed."


def compared(path: str, base: Mapping[str, str], this: Mapping[str, str]) -> Output:
    """Which files of an output came, went or differ; arguments map a file to its hash."""
    return Output(
        path,
        sorted(set(this) - set(base)),
        sorted(set(base) - set(this)),
        sorted(name for name in set(base) & set(this) if base[name] != this[name]),
    )


def data(outputs: Sequence[Output]) -> str:
    """Each output that changed, with its files and rows."""
    if not outputs:
        return "No output kept by DVC changed."
    rows = []
    for out in outputs:
        cells = [_files(out.path, names) for names in (out.added, out.removed, out.changed)]
        count = "unknown" if out.rows_unknown else ""
        count = f"{out.rows[0]:,} → {out.rows[1]:,}" if out.rows else count
        if out.fault:
            cells = ["", "", f"changed; {code(out.fault)}"]
        rows.append([code(out.path), *cells, count])
    header = ["output", "added", "removed", "changed", "rows in these files:"]
    return table(header, rows)


def _files(out: str, names: Sequence[str], most: int = 6) -> str:
    if list(names) == [out]:
        return "all of it"
    short = [code(name.removeprefix(out + "/"), 40) for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(short) + more


def rerun(stages: Stages, changed: Mapping[str, list[str]] | None, times: Mapping[str, str]) -> str:
    """Each stage: what changed about it, and whether it ran here; ``times`` in seconds."""
    rows = []
    for name in [*stages, *(name for name in changed or {} if name not in stages)]:
        why = "unknown"
        if changed is not None:
            reasons = changed.get(name, [])
            why = ", ".join(code(reason, 60) for reason in reasons[:6])
            why += f" and {len(reasons) - 6} more" if len(reasons) > 6 else ""
            if not reasons:
                why = "outputs only, from the same inputs" if name in changed else "unchanged"
        rows.append([code(name), why, times.get(name, "")])
    return table(["stage", "changed inputs", "seconds here:"], rows)


def failure(log: str) -> str | None:
    """What a log of `dvc repro`, or of make around it, says of a failure; None without one."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if line.startswith("ERROR:") or (line.startswith("make: ***") and index):
            before = lines[index - 1] if index else ""
            return before if line.startswith("make:") else f"{line} {before}".strip()
    return None


def times(log: str) -> dict[str, str]:
    """The stages that `dvc repro` ran, by its log, with the seconds each said it took, if any."""
    found: dict[str, str] = {}
    current = None
    for line in log.splitlines():
        if start := re.match(r"Running stage '(?:.*:)?([^']+)'", line):
            current = start[1]
            found[current] = "ran"
        elif current and (took := re.search(r", (\d+\.\d+) s$", line)):
            found[current] = took[1]
    return found
