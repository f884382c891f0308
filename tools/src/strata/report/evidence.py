"""What two revisions show of each other: their stages, their rows, their predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strata import seeds
from strata.errors import Fault
from strata.paired import Group, columns_of, compare, predictions_of, table
from strata.report.markdown import code
from strata.report.verdict import Evidence
from strata.revision import Revision, Stage
from strata.scoring import direction
from strata.settings import section, section_of
from strata.values import Leaves, changes, flatten, parts

Stages = Mapping[str, Stage]


@dataclass(frozen=True)
class Settings:
    """``[tool.strata.report]``; what it leaves out is derived from the pipeline."""

    headline: str
    higher: frozenset[str]
    lower: frozenset[str]
    gates: Leaves


def load_settings(this: Revision) -> Settings:
    """The settings of the workspace. Raises Fault if they are malformed."""
    found = section(this.root, "report")
    try:
        return Settings(
            str(found.get("headline") or usual_headline(this.metrics)),
            frozenset(found.get("higher_is_better", [])),
            frozenset(found.get("lower_is_better", [])),
            gates_in(found),
        )
    except (TypeError, AttributeError) as error:
        raise Fault(f"[tool.strata.report]: {error}") from None


def usual_headline(metrics: Leaves) -> str:
    """The first metric that scikit-learn knows, of the test split if there is one; or none."""
    known = [name for name in metrics if direction(parts(name)[1])]
    return next((name for name in known if name.startswith("test")), [*known, ""][0])


def gates_in(found: dict[str, Any]) -> Leaves:
    """The gates of some settings, named KIND.METRIC."""
    gates = found.get("gates", {})
    return {f"{kind}.{name}": v for kind, of in gates.items() for name, v in flatten(of).items()}


def gates_at(revision: Revision) -> Leaves:
    """The gates that a commit sets; none where its settings cannot be read."""
    try:
        text = {
            path: revision.text(path)
            for path in ("pyproject.toml", "strata.toml")
            if revision.is_file(path)
        }
        return gates_in(section_of(text.get, "report"))
    except (Fault, AttributeError):
        return {}


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


def gather(base: Revision | None, this: Revision, settings: Settings) -> tuple[Evidence, list[str]]:
    """Compare two revisions as far as they let themselves be compared; and what hindered."""
    notes: list[str] = []
    groups: dict[str, Group] = {}
    measured = [seeds_of(side, notes) if side else None for side in (base, this)]
    if base:
        try:
            groups = by_row(base, this)
        except (Fault, ValueError, TypeError, OSError) as fault:
            notes.append(f"Not compared row by row: {code(fault, 300)}")
    found = Evidence(
        base.metrics if base else {},
        this.metrics,
        groups,
        bool(base and same_rows(base, this)),
        (measured[0], measured[1]),
        settings.higher,
        settings.lower,
    )
    return found, notes + [note for side in found.measured if (note := outdated(side, this))]


def by_row(base: Revision, this: Revision) -> dict[str, Group]:
    """The comparison of both sides' predictions. Raises Fault or ValueError if it cannot be."""
    path = predictions_of(this.root, this.made)
    frames = [table(side.local(path)) for side in (base, this)]
    columns = columns_of(this.root, frames[1])
    names = [parts(name)[1] for name in this.metrics if name in base.metrics]
    return compare(frames[0], frames[1], columns, names)


def same_rows(base: Revision, this: Revision) -> bool:
    """Whether metrics are shown to be of the same rows, without looking at predictions.

    So they are if the stages that write them differ in nothing but in models, as declared under
    ``artifacts:`` with the type model: same code, same params, same data.
    """
    models = {*base.models, *this.models}
    for name, stage in this.stages.items():
        if not set(stage.outs) & set(this.metric_files):
            continue
        was = base.stages.get(name)
        if was is None or was.cmd != stage.cmd or changes(was.params, stage.params):
            return False
        if any(change.name not in models for change in changes(was.deps, stage.deps)):
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
    stages = [name for name, stage in this.stages.items() if measured.param in stage.params]
    try:
        then = Revision(this.store, measured.commit).stages
    except Fault:
        return (
            f"The seeds were measured at {code(measured.commit[:9])}, which is not in this clone."
        )
    moved = [
        change.name
        for name in stages
        for change in changes(then[name].params if name in then else {}, this.stages[name].params)
        if change.name != measured.param
    ]
    if not moved:
        return ""
    others = ", ".join(map(code, moved[:5]))
    return f"The fit's own randomness was measured with another {others}; `strata seeds` again."
