"""The sections of a report, each as Markdown: pure functions of what was read before."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from strata.compare.evidence import Stages
from strata.compare.intervals import FEWEST
from strata.compare.paired import COMMON, Group
from strata.compare.scoring import parts
from strata.compare.verdict import DUMMIES, Estimate, Evidence, Gate, estimate, judged
from strata.core.markdown import code, figure, number, table, term
from strata.core.values import ABSENT, Leaves, changes, is_error, is_number, real


def shown(value: Any) -> str:
    """A value as a table's cell: a number plainly, anything else as code."""
    if value is ABSENT:
        return "–"
    if is_number(value):
        return number(value)
    return code(json.dumps(value) if value is None or isinstance(value, bool) else value)


def _is_none(value: Any) -> bool:
    """Whether a metric has no value; text, true and false are values, though no numbers."""
    return value is None or (is_number(value) and real(value) is None)


def metrics(names: Sequence[str], evidence: Evidence, judge: bool) -> str:
    """Some metrics, base against this; with ``judge`` also what the change is worth.

    Beside one whose rows are others, the same metric on rows that neither learned from.
    """
    rows = []
    for name in names:
        was, now = evidence.base.get(name, ABSENT), evidence.this.get(name, ABSENT)
        best = estimate(name, evidence)
        if was is ABSENT or now is ABSENT:
            note = "added" if was is ABSENT else "**removed**"
        elif best is None:
            note = "**no value**" if _is_none(now) else "no value in the base" * _is_none(was)
        else:
            word = evidence.judge(name, best) if judge and best.difference else ""
            note = best.refused or word
        size = max(abs(real(value) or 0.0) for value in (was, now))
        cells = [shown(v) if real(v) is None else figure(v, scale=size) for v in (was, now)]
        rows.append([code(name), *cells, *_moved(best), note])
        if judge and (best := judged(name, evidence)) and best.where:
            row = f"{code(parts(name)[1])} on {COMMON}"
            note = best.refused or evidence.judge(name, best)
            rows.append([row, *best.figures[:2], *_moved(best), note])
    return table(["metric", "base:", "this:", "difference:", "95% interval:", "by", ""], rows)


def _moved(best: Estimate | None) -> list[str]:
    if best is None:
        return ["–", "–", ""]
    _, _, moved, interval = best.figures
    return [moved, interval or "–", way(best)]


def way(best: Estimate) -> str:
    """How the interval was found: paired by what, or not."""
    kind, by, column = best.how.partition(" by ")
    return kind + by + (term(column) if by else "")


def ordered(evidence: Evidence, first: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The names of the metrics: ``first``, the others that changed, and of these the dummies'.

    Of the others those of the test split come first. A standard error stands in the interval.
    """
    names = [*evidence.this, *(name for name in evidence.base if name not in evidence.this)]
    rest = [
        change.name
        for change in changes(evidence.base, evidence.this)
        if change.name not in first and not is_error(change.name, names)
    ]
    rest.sort(key=lambda name: "test" not in parts(name)[0])
    dummies = [name for name in rest if DUMMIES & {*parts(name)[0]}]
    kept = [name for name in first if name in names]
    return kept, [name for name in rest if name not in dummies], dummies


def compared_rows(groups: Mapping[str, Group]) -> str:
    """On which rows the predictions of both versions were compared."""
    notes = []
    for name, group in groups.items():
        note = f"{code(name or 'all')}: {group.rows:,} rows"
        if group.by != "row":
            note += f" in {group.blocks:,} blocks by {code(group.by)}"
        if group.blocks < FEWEST:
            note += f", too few to tell the noise: {FEWEST} are needed"
        if group.relabelled:
            note += f", **{group.relabelled:,} of them with another label**"
        notes.append(note)
    return f"Compared row by row: {'; '.join(notes)}." if notes else ""


def covers(evidence: Evidence, names: Sequence[str]) -> str:
    """What the intervals cover: the fit's own randomness too, of metrics for which it is known."""
    if not evidence.measured:
        return (
            "The intervals cover the choice of rows only: how far the fit's own randomness moves a "
            "metric is not measured here; `strata seeds 10` measures it."
        )
    measured = " and ".join(
        f"{len(side.seeds)} seeds of {code(side.param)} at {code(side.commit[:9])}"
        for side in evidence.measured
    )
    without = ", ".join(code(name) for name in names if evidence.fit(name) is None)
    but = (
        f" Those of {without} cover the rows only: `strata seeds` did not measure it."
        if without
        else ""
    )
    return f"The intervals cover the choice of rows and the fit's own randomness ({measured}).{but}"


def gates(checked: Sequence[Gate]) -> str:
    """Each gate, what was measured, and whether it holds."""
    results = {True: "passed", False: "**failed**", None: "not checked"}
    rows = [
        [*_gate(gate), results[gate.passed] + (f": {gate.why}" if gate.why else "")]
        for gate in checked
    ]
    return table(["metric", "gate", "limit:", "measured:", ""], rows)


def crossed(gate: Gate) -> str:
    """A gate that failed, in a line."""
    metric, kind, limit, value = _gate(gate)
    return f"{metric} {kind} {limit}: {gate.why or value}"


def _gate(gate: Gate) -> list[str]:
    size = max(abs(gate.value or 0.0), abs(real(gate.limit) or 0.0))
    value = "–" if gate.value is None else figure(gate.value, scale=size)
    return [code(gate.metric), code(gate.kind.replace("_", " ")), shown(gate.limit), value]


def values(before: Leaves, after: Leaves, what: str) -> str:
    """A table of the values that changed; empty if none did."""
    rows = [[code(c.name), shown(c.before), shown(c.after)] for c in changes(before, after)]
    return table([what, "base", "this"], rows)


def files(out: str, gone: Sequence[str], came: Sequence[str]) -> list[str]:
    """The files of an output that were added, removed and changed, as cells of its row."""
    both = set(gone) & set(came)
    kinds = set(came) - both, set(gone) - both, both
    return [
        "all of it"
        if kind == {out}
        else some([name.removeprefix(out + "/") for name in sorted(kind)])
        for kind in kinds
    ]


def rerun(
    stages: Stages,
    changed: Mapping[str, list[str]] | None,
    stale: Mapping[str, list[str]],
    times: Mapping[str, str],
) -> str:
    """Each stage that changed, is stale or ran here; ``times`` in seconds. The rest is counted.

    ``changed`` is None where that is not known.
    """
    stale, rows = dict(stale), []
    for _ in stages:  # what is made of stale data is stale as well
        made = {path for name in stale if name in stages for path in stages[name].outs}
        behind = {name: sorted(made & {*stage.deps}) for name, stage in stages.items()}
        stale = {name: paths for name, paths in behind.items() if paths} | stale
    for name in [*stages, *(name for name in changed or {} if name not in stages)]:
        why = "unknown" if changed is None else some(changed.get(name, []))
        if name in stale:
            why = "**stale**: " + some(stale[name])
        elif not why:
            why = "outputs only, from the same inputs" if name in (changed or {}) else "unchanged"
        if why != "unchanged" or name in times:
            rows.append([code(name), why, times.get(name, "")])
    same = len({*stages} - {*(stages if changed is None else changed), *stale, *times})
    note = f"Unchanged stages: {same} of {len(stages)}." if same else ""
    rows_of = table(["stage", "changed inputs", "seconds here:"], rows)
    return "\n\n".join(text for text in (rows_of, note) if text)


def some(names: Sequence[str], most: int = 6) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(code(name, 60) for name in names[:most]) + more


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
