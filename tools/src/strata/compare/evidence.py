"""What two revisions show of each other: their stages, their rows, their predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from strata.compare import seeds
from strata.compare.data import predictions
from strata.compare.later import can_score, later
from strata.compare.paired import COMMON, FEWEST, Group, compare, named_columns, predictions_of
from strata.compare.scoring import direction, parts
from strata.compare.verdict import DUMMIES, REGRESSION, Evidence
from strata.core.errors import Fault
from strata.core.markdown import code
from strata.core.settings import names_in, section
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
    found = section(this.root, "report")
    if strange := sorted(set(found) - set(KNOWN)):
        raise Fault(f"{PLACE}: {strange[0]} is not known; there are {', '.join(KNOWN)}")
    named_columns(this.root)
    higher, lower = (
        frozenset(parts(name)[1] for name in names_in(found, key, PLACE))
        for key in ("higher_is_better", "lower_is_better")
    )
    headline = inert([*names_in(found, "headline", PLACE), usual_headline(this.metrics)][0])
    return Settings(headline, higher, lower, gates_in(found))


def usual_headline(metrics: Leaves) -> str:
    """The first metric that scikit-learn knows, of the test split if there is one.

    Without such a metric the first that is no count; empty where there is none at all.
    """
    known = {name: set(parts(name)[0]) for name in metrics if direction(parts(name)[1])}
    held_out = {name: at for name, at in known.items() if not at & {"train", *DUMMIES}}
    measured = [name for name, value in metrics.items() if isinstance(value, float)]
    usual = [*held_out, *measured, ""][0]
    return next((name for name, at in held_out.items() if "test" in at), usual)


def gates_in(found: dict[str, Any]) -> Leaves:
    """The gates of some settings, named KIND.METRIC. Raises Fault if they are no table."""
    gates = found.get("gates", {})
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


def gather(
    base: Revision | None, this: Revision, settings: Settings, *, rescore: bool = False
) -> tuple[Evidence, list[str]]:
    """Compare two revisions as far as they let themselves be compared; and what hindered.

    With ``rescore`` the base runs its own code, where that tells more.
    """
    notes: list[str] = []
    groups: dict[str, Group] = {}
    measured = (seeds_of(base, notes) if base else None, seeds_of(this, notes))
    if base:
        try:
            groups = by_row(base, this, notes, rescore)
        except (Fault, ValueError, TypeError, OSError) as fault:
            notes.append(f"Not compared row by row: {code(fault, 300)}")
    found = Evidence(
        base.metrics if base else {},
        this.metrics,
        groups,
        bool(base and same_rows(base, this)),
        measured,
        settings.higher,
        settings.lower,
        settings.margins,
    )
    return found, notes + [note for side in found.measured if (note := outdated(side, this))]


def by_row(base: Revision, this: Revision, notes: list[str], rescore: bool) -> dict[str, Group]:
    """The comparison of both sides' predictions. Raises Fault or ValueError if it cannot be.

    Where hardly a row was held out by both, as with a base of long ago, the base can score those
    that this side held out, if it says how, and to ``rescore`` was asked for.
    """
    path = predictions_of(this.root, this.made)
    after, columns = predictions(this, path)
    before, _ = predictions(base, path, columns)
    names = [parts(name)[1] for name in this.metrics if name in base.metrics]
    groups = compare(before, after, columns, names)
    few = all(name == COMMON and group.blocks < FEWEST for name, group in groups.items())
    if not few or not can_score(base, this):
        return groups
    if not rescore:
        notes.append(
            "Hardly a row was held out by both: with `--rebuild` the champion scores the "
            "challenger's, by its own code."
        )
        return groups
    try:
        found = {COMMON: later(base, this, columns, names, notes)}
    except (Fault, ValueError):
        if not groups:
            raise
        return groups
    notes.append("Hardly a row was held out by both: the champion has scored the challenger's now.")
    return found


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


def seeds_of(side: Revision, notes: list[str]) -> seeds.Seeds | None:
    """What a side measured of its fit's own randomness; None, and a note, if that is broken."""
    path = seeds.place(side.root)
    if not side.is_file(path):
        return None
    try:
        return seeds.read(side.text(path), path)
    except Fault as fault:
        notes.append(code(fault, 200))
        return None


def outdated(measured: seeds.Seeds, this: Revision) -> str:
    """Which params of the seed's stages differ from those it was measured with; empty if none."""
    at = code(measured.commit[:9])
    try:
        commit = refs.commit_of(measured.commit, this.root)
    except Fault:
        return f"The seeds were measured at {at}, which is not in this clone."
    try:
        then = Revision(this.store, commit).stages
    except Fault as fault:
        return f"The seeds were measured at {at}, which cannot be read: {code(fault, 200)}."
    moved = [
        change.name
        for name, stage in fitting(this.stages, measured.param).items()
        for change in changes(then[name].params if name in then else {}, stage.params)
        if change.name != measured.param
    ]
    others = ", ".join(map(code, list(dict.fromkeys(moved))[:5]))
    said = f"The fit's own randomness was measured with another {others}; `strata seeds` again."
    return said if moved else ""


def fitting(stages: Stages, param: str) -> Stages:
    """The stages that take a param, without one that reads a whole file, the others' in it."""
    found = {name: stage for name, stage in stages.items() if param in stage.params}
    return {
        name: stage
        for name, stage in found.items()
        if not any(set(other.params) < set(stage.params) for other in found.values())
    }
