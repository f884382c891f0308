"""The sections of a report, each as Markdown: pure functions of what was read before."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.paired import COMMON, Group
from strata.report.evidence import Stages
from strata.report.markdown import code, figure, number, table
from strata.report.verdict import OTHER_ROWS, Estimate, Evidence, Gate, common, estimate, real
from strata.values import ABSENT, Change, changes, parts

DUMMIES = {"dummy", "baseline"}


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


def metrics(names: Sequence[str], found: Evidence, judge: bool) -> str:
    """Some metrics, base against this; with ``judge`` also what the change is worth.

    Beside one whose rows are others, the same metric on the rows that both held out.
    """
    rows = []
    for name in names:
        was, now = found.base.get(name, ABSENT), found.this.get(name, ABSENT)
        best = estimate(name, found)
        said = best.judge(found.direction(name)) if best and best.difference and judge else ""
        if was is ABSENT or now is ABSENT:
            said = "added" if was is ABSENT else "**removed**"
        elif best is None:
            said = "**no value**" if real(now) is None else "no value in the base"
        elif best.how == OTHER_ROWS:
            said = OTHER_ROWS
        rows.append([code(name), _cell(was), _cell(now), *_moved(best), said])
        metric = parts(name)[1]
        if judge and best and best.how == OTHER_ROWS and (shared := common(metric, found)):
            between = found.groups[COMMON].differences[metric]
            said = shared.judge(found.direction(metric))
            cells = [figure(between.before), figure(between.after), *_moved(shared), said]
            rows.append([f"{code(metric)} on {COMMON}", *cells])
    header = ["metric", "base:", "this:", "difference:", "95% interval:", "by", ""]
    return table(header, rows)


def _cell(value: Any) -> str:
    return shown(value) if real(value) is None else figure(value)


def _moved(found: Estimate | None) -> list[str]:
    if found is None:
        return ["–", "–", ""]
    by = "" if found.how in ("unknown", OTHER_ROWS) else found.how
    if found.interval is None:
        return [figure(found.difference, sign=True), "–", by]
    low, high = (figure(end, sign=True) for end in found.interval)
    return [figure(found.difference, sign=True), f"{low} to {high}", by]


def ordered(found: Evidence, first: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The names of the metrics: ``first``, the others that changed, and of these the dummies'.

    Of the others those of the test split come first. A standard error stands in the interval.
    """
    names = [*found.this, *(name for name in found.base if name not in found.this)]
    moved = {change.name for change in changes(found.base, found.this)}
    rest = [
        name
        for name in names
        if name in moved
        and name not in first
        and not (name.endswith("_se") and name.removesuffix("_se") in names)
    ]
    rest.sort(key=lambda name: not parts(name)[0].startswith("test"))
    dummies = [name for name in rest if DUMMIES & set(name.split("."))]
    kept = [name for name in first if name in names]
    return kept, [name for name in rest if name not in dummies], dummies


def compared_rows(groups: Mapping[str, Group]) -> str:
    """On which rows the predictions of both versions were compared."""
    notes = [
        f"{code(name or 'all')}: {group.rows:,} rows"
        + (f" in {group.blocks:,} blocks by {code(group.by)}" if group.by != "row" else "")
        + (f", **{group.relabelled:,} of them with another label**" if group.relabelled else "")
        for name, group in groups.items()
    ]
    return f"Compared row by row: {'; '.join(notes)}." if notes else ""


def covers(found: Evidence) -> str:
    """What the intervals cover, as measured by whom."""
    if not found.measured:
        return (
            "The intervals cover the choice of rows only: how far the fit's own randomness moves a "
            "metric is not measured here; `strata seeds 10` measures it."
        )
    said = " and ".join(
        f"{len(one.seeds)} seeds of {code(one.param)} at {code(one.commit[:9])}"
        for one in found.measured
    )
    return f"The intervals cover the choice of rows and the fit's own randomness ({said})."


def gates(checked: Sequence[Gate]) -> str:
    """Each gate, what was measured, and whether it holds."""
    results = {True: "passed", False: "**failed**", None: "not checked"}
    rows = [
        [
            code(gate.metric),
            code(gate.kind.replace("_", " ")),
            shown(gate.limit),
            "–" if gate.value is None else figure(gate.value),
            results[gate.passed] + (f": {gate.why}" if gate.why else ""),
        ]
        for gate in checked
    ]
    return table(["metric", "gate", "limit:", "measured:", ""], rows)


def values(found: Sequence[Change], what: str) -> str:
    """A table of changed values."""
    rows = [[code(change.name), shown(change.before), shown(change.after)] for change in found]
    return table([what, "base", "this"], rows) if rows else ""


def environment(base: Mapping[str, str], this: Mapping[str, str]) -> str:
    """The packages whose pinned version changed."""
    rows = [
        [code(c.name), *("–" if v is ABSENT else code(v) for v in (c.before, c.after))]
        for c in changes(dict(base), dict(this))
    ]
    return table(["package", "base", "this"], rows) if rows else ""


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
    rows = []
    for out in outputs:
        cells = [_files(out.path, names) for names in (out.added, out.removed, out.changed)]
        count = "unknown" if out.rows_unknown else ""
        count = f"{out.rows[0]:,} → {out.rows[1]:,}" if out.rows else count
        if out.fault:
            cells = ["", "", f"changed; {code(out.fault)}"]
        rows.append([code(out.path), *cells, count])
    header = ["output", "added", "removed", "changed", "rows in these files:"]
    return table(header, rows) if rows else ""


def _files(out: str, names: Sequence[str], most: int = 6) -> str:
    if list(names) == [out]:
        return "all of it"
    short = [code(name.removeprefix(out + "/"), 40) for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(short) + more


def rerun(
    stages: Stages,
    changed: Mapping[str, list[str]] | None,
    stale: Mapping[str, list[str]],
    times: Mapping[str, str],
) -> str:
    """Each stage that changed, is stale or ran here; ``times`` in seconds. The rest is counted.

    ``changed`` is None where that is not known.
    """
    rows, same = [], 0
    for name in [*stages, *(name for name in changed or {} if name not in stages)]:
        why = "unknown"
        if name in stale:
            why = "**stale**: " + _first(stale[name])
        elif changed is not None:
            why = _first(changed.get(name, []))
            if not why:
                why = "outputs only, from the same inputs" if name in changed else "unchanged"
        if why == "unchanged" and name not in times:
            same += 1
            continue
        rows.append([code(name), why, times.get(name, "")])
    note = f"{same} of {len(stages)} stages are unchanged." if same else ""
    rows_of = table(["stage", "changed inputs", "seconds here:"], rows) if rows else ""
    return "\n\n".join(text for text in (rows_of, note) if text)


def _first(reasons: Sequence[str], most: int = 6) -> str:
    more = f" and {len(reasons) - most} more" if len(reasons) > most else ""
    return ", ".join(code(reason, 60) for reason in reasons[:most]) + more


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
