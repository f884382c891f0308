"""What two revisions show of each other: their stages, their rows, their predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from strata.compare import seeds
from strata.compare.held_out import held_out, learned, partitions, predictions
from strata.compare.intervals import FEWEST
from strata.compare.paired import COMMON, Columns, Group, compare, named_columns
from strata.compare.rows import AT, FILE, labelled, predict, roles, stacked, with_labels
from strata.compare.scoring import direction, parts
from strata.compare.seeds import Seeds
from strata.compare.verdict import DUMMIES, REGRESSION, Evidence
from strata.core.errors import Fault, first_line
from strata.core.markdown import code
from strata.core.settings import check_names, names_in, section
from strata.core.texts import inert
from strata.core.values import Leaves, changes, flatten, real
from strata.dvc.revision import Revision, Stage
from strata.git import refs

Stages = Mapping[str, Stage]
PLACE = "[tool.strata.report]"
KNOWN = ("headline", "predictions", "columns", "higher_is_better", "lower_is_better", "gates")


@dataclass(frozen=True)
class Settings:
    """``[tool.strata.report]``; what it leaves out is derived from the pipeline."""

    headline: str
    higher: frozenset[str]
    lower: frozenset[str]
    gates: Leaves

    @property
    def margins(self) -> dict[str, float]:
        """How much worse each metric may get, by the gates."""
        kind = f"{REGRESSION}."
        limits = {name: real(limit) for name, limit in self.gates.items() if name.startswith(kind)}
        return {name.removeprefix(kind): max(0.0, limit) for name, limit in limits.items() if limit}


def load_settings(this: Revision) -> Settings:
    """The settings of the workspace. Raises Fault if they are malformed."""
    settings = section(this.root, "report")
    check_names(settings, KNOWN, PLACE)
    named_columns(this.root)
    higher, lower = (
        frozenset(parts(name)[1] for name in names_in(settings, key, PLACE))
        for key in ("higher_is_better", "lower_is_better")
    )
    headline = inert([*names_in(settings, "headline", PLACE), usual_headline(this.metrics)][0])
    return Settings(headline, higher, lower, gates_in(settings))


def usual_headline(metrics: Leaves) -> str:
    """The first metric that scikit-learn knows, of the test split if there is one.

    Without such a metric the first that is no count; empty where there is none at all.
    """
    known = {name: set(parts(name)[0]) for name in metrics if direction(parts(name)[1])}
    held_out = {name: at for name, at in known.items() if not at & {"train", *DUMMIES}}
    measured = [name for name, value in metrics.items() if isinstance(value, float)]
    usual = [*held_out, *measured, ""][0]
    return next((name for name, at in held_out.items() if "test" in at), usual)


def gates_in(settings: dict[str, Any]) -> Leaves:
    """The gates of some settings, named KIND.METRIC. Raises Fault if they are no table."""
    gates = settings.get("gates", {})
    if not isinstance(gates, dict):
        raise Fault(f"{PLACE}: gates must be a table")
    return {
        inert(f"{kind}.{name}"): limit
        for kind, of in gates.items()
        for name, limit in (flatten(of) if isinstance(of, dict) else {"": of}).items()
    }


def gates_at(revision: Revision) -> Leaves:
    """The gates that a commit sets. Raises Fault if its settings cannot be read."""
    return gates_in(revision.settings("report"))


def stage_changes(before: Stages, after: Stages) -> dict[str, list[str]]:
    """The stages whose entries in dvc.lock differ, and which of their inputs do.

    An empty list: same inputs, but other outputs.
    """
    reasons: dict[str, list[str]] = {}
    for name in [*after, *(name for name in before if name not in after)]:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is None or now is None:
            reasons[name] = ["stage added" if was is None else "stage removed"]
            continue
        reasons[name] = ["command"] * (was.cmd != now.cmd)
        reasons[name] += [c.name for c in changes(was.deps, now.deps)]
        reasons[name] += [f"param {c.name}" for c in changes(was.params, now.params)]
    return reasons


def gather(
    base: Revision | None, this: Revision, settings: Settings, *, rescore: bool = False
) -> tuple[Evidence, list[str]]:
    """Compare two revisions by their own predictions; and as Markdown what hindered that.

    With ``rescore`` the base runs its own code, where that tells more.
    """
    notes: list[str] = []
    groups: dict[str, Group] = {}
    if base:
        try:
            groups = by_row(base, this, notes, rescore)
        except (Fault, ValueError, TypeError, OSError) as fault:
            notes.append(f"Not compared row by row: {code(fault, 300)}")
    evidence = Evidence(
        base.metrics if base else {},
        this.metrics,
        groups,
        bool(base and same_rows(base, this)),
        (seeds_of(base, notes) if base else None, seeds_of(this, notes)),
        settings.higher,
        settings.lower,
        settings.margins,
        bool(seeds.params_of(this)),
    )
    return evidence, notes + outdated_seeds(evidence, base, this)


def gather_on(
    paths: Sequence[Path], base: Revision, this: Revision, settings: Settings
) -> tuple[str, Evidence, list[str]]:
    """Compare two revisions on files of rows, which each scores by its own code.

    The metric that decides, by its bare name, the evidence, and notes as Markdown. Rows without a
    label, and those that do not fit one of the two, are left out. Raises Fault.
    """
    before, after = (stacked(predict(side, paths)) for side in (base, this))
    columns, notes = roles(this.root, paths[0], after), list[str]()
    labels = [labelled(path, columns) for path in paths]
    for path, rows in zip(paths, labels, strict=True):
        if rows.empty:
            raise Fault(f"{path}: no row has a label, in a column {columns.label}")
    known = stacked(labels)
    both = known.merge(before[[FILE, AT]]).merge(after[[FILE, AT]])
    if lost := len(known) - len(both):
        notes.append(f"{lost:,} of {len(known):,} rows do not fit one of the two.")
    seeds = (seeds_of(base, notes), seeds_of(this, notes))
    sides = (with_labels(before, both), with_labels(after, both))
    metric, evidence = of_predictions(sides, columns, settings, seeds)
    return metric, evidence, notes + outdated_seeds(evidence, base, this)


def of_predictions(
    sides: tuple[pd.DataFrame, pd.DataFrame],
    columns: Columns,
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
) -> tuple[str, Evidence]:
    """The metric that decides, by its bare name, and what the predictions of two sides show of it.

    Only the rows that both have count. Raises Fault if the metric cannot be had of them.
    """
    metric = parts(settings.headline)[1]
    try:
        groups = compare(*sides, columns, [metric])
    except (ValueError, TypeError) as error:  # as of a block that is missing
        raise Fault(first_line(error)) from None
    (group,) = groups.values() if len(groups) == 1 else [None]
    between = group.differences.get(metric) if group else None
    if group is None or between is None:
        raise Fault(f"{metric or 'no metric'} cannot be had of the rows that both scored")
    return metric, Evidence(
        {metric: between.before},
        {metric: between.after},
        {"": group},
        same_rows=True,
        seeds=seeds,
        higher=settings.higher,
        lower=settings.lower,
        margins={parts(name)[1]: limit for name, limit in settings.margins.items()},
    )


def by_row(base: Revision, this: Revision, notes: list[str], rescore: bool) -> dict[str, Group]:
    """The comparison of both sides' predictions. Raises Fault or ValueError if it cannot be.

    Where hardly a row was held out by both, as with a base of long ago, ``rescore`` has the base
    score those that this side held out.
    """
    after, columns = predictions(this)
    before, _ = predictions(base, columns)
    names = [parts(name)[1] for name in this.metrics if name in base.metrics]
    groups = compare(before, after, columns, names)
    if any(name != COMMON or group.blocks >= FEWEST for name, group in groups.items()):
        return groups
    few = "Hardly a row was held out by both: "
    if not rescore:
        notes.append(
            f"{few}with `--rebuild` the champion scores the challenger's, by its own code."
        )
        return groups
    try:
        group = rescored(base, this, columns, names, notes)
    except (Fault, ValueError) as fault:
        notes.append(f"{few}the champion cannot score the challenger's: {code(fault, 300)}")
        return groups
    notes.append(f"{few}the champion has scored the challenger's now.")
    return {COMMON: group}


def rescored(
    base: Revision, this: Revision, columns: Columns, metrics: list[str], notes: list[str]
) -> Group:
    """The comparison on rows that this side held out and the base, which scores them now, has not
    learned from. Raises Fault if there are none, or they cannot be scored."""
    past, theirs = learned(base, columns), held_out(this, columns)
    bare, labels = replace(columns, split=None), dict[Path, pd.DataFrame]()
    for path in map(this.local, partitions(this).values()):
        known = labelled(path, bare)
        if not known.empty and len(rows := known.merge(theirs[columns.key])):
            labels[path] = rows
    if not labels:
        raise Fault("none of the rows that the challenger held out is in its data, with a label")
    new = {path: rows[~past.has(rows)] for path, rows in labels.items()}
    new = {path: rows for path, rows in new.items() if len(rows)}
    if not new:
        raise Fault(f"all that the challenger held out is in the data of {base.name}")
    scores = zip(predict(base, list(new)), new.values(), strict=True)
    mine = pd.concat([with_labels(*pair) for pair in scores], ignore_index=True)
    if lost := sum(map(len, new.values())) - len(mine):
        notes.append(f"The champion could not score {lost:,} rows.")
    groups = compare(mine, theirs, bare, metrics)
    if not groups:
        raise Fault(f"none of the rows that came later fits {base.name}")
    (group,) = groups.values()
    return group


def same_rows(base: Revision, this: Revision) -> bool:
    """Whether metrics are shown to be of the same rows, without looking at predictions.

    So they are if the stages that write them differ in nothing but in models, as declared under
    ``artifacts:`` with the type model: same code, same params, same data.
    """
    models = {*base.models, *this.models}
    for path in this.metric_files:
        inside = {path, *map(str, PurePosixPath(path).parents)}
        name = next((name for name, stage in this.stages.items() if inside & set(stage.outs)), "")
        was, now = base.stages.get(name), this.stages.get(name)
        if not was or not now or was.cmd != now.cmd or changes(was.params, now.params):
            return False
        if not now.deps or None in now.deps.values():
            return False
        if any(change.name not in models for change in changes(was.deps, now.deps)):
            return False
    return bool(this.metric_files)


def seeds_of(side: Revision, notes: list[str]) -> Seeds | None:
    """What a side measured of its fit's own randomness; None, and a note, if that is broken."""
    path = seeds.place(side.root)
    if not side.is_file(path):
        return None
    try:
        return seeds.read(side.text(path), path)
    except Fault as fault:
        notes.append(code(fault, 200))
        return None


def outdated_seeds(evidence: Evidence, *sides: Revision | None) -> list[str]:
    """A note for each side, base first, that measured its seeds with other params than it has."""
    both = zip(evidence.seeds, sides, strict=True)
    notes = [_outdated(measured, side) for measured, side in both if measured and side]
    return list(dict.fromkeys(filter(None, notes)))


def _outdated(measured: Seeds, side: Revision) -> str:
    """Which params of the seed's stages differ from those it was measured with; empty if none."""
    at = code(measured.commit[:9])
    try:
        commit = refs.commit_of(measured.commit, side.root)
    except Fault:
        return f"The seeds were measured at {at}, which is not in this clone."
    try:
        then = Revision(side.store, commit).stages
    except Fault as fault:
        return f"The seeds were measured at {at}, which cannot be read: {code(fault, 200)}."
    changed = [
        change.name
        for name, stage in fitting(side.stages, measured.param).items()
        for change in changes(then[name].params if name in then else {}, stage.params)
        if change.name != measured.param
    ]
    names = ", ".join(map(code, list(dict.fromkeys(changed))[:5]))
    note = f"The fit's own randomness was measured with another {names} than {side.name} has; "
    return f"{note}`strata seeds` on it again." if changed else ""


def fitting(stages: Stages, param: str) -> Stages:
    """The stages that take a param, without one that reads a whole file, the others' in it."""
    taking = {name: stage for name, stage in stages.items() if param in stage.params}
    return {
        name: stage
        for name, stage in taking.items()
        if not any(set(other.params) < set(stage.params) for other in taking.values())
    }
