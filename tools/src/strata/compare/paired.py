"""Compare two models row by row, on rows that neither was trained on.

Both scored the same rows, so most of the noise of one figure is in the other as well and cancels
in their difference. Rows of a block (a day, a group) are not independent, so it is the blocks that
tell how sure a difference is: see intervals.py.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata.compare import scoring
from strata.compare.intervals import FEWEST, effective, interval, pseudo_values, runs
from strata.core.errors import Fault
from strata.core.settings import check_names, names_in, section
from strata.core.texts import inert
from strata.dvc.revision import parsed

COMMON = "common rows"
USUAL = {  # the names that a column has where the settings name none
    "label": ("label", "target", "y", "y_true"),
    "prediction": ("prediction", "probability", "proba", "score", "y_pred", "predicted"),
    "key": ("id", "key", "row", "index"),
    "block": ("block", "day", "date", "group"),
    "split": ("split",),
    "weight": ("weight", "sample_weight"),
}
PARAMS = "params.yaml"
POSITIVE = "positive"  # the one setting among them that is no column, but a class
PLACE = "[tool.strata.report.columns]"
BOTH = f"{PLACE} or {PARAMS}"
CLASSES = "probability_"  # how the columns of a file of several classes begin
PREDICTIONS = {"binary": ["probability"], "regression": ["prediction"], "multiclass": []}


@dataclass(frozen=True)
class Columns:
    """The columns of a file of predictions.

    ``key`` names a row. ``prediction`` is one column, or one for each class, named by it (a prefix
    that all share is left out). None where there is no such column: the block is the row then.
    ``positive`` is the class that one column of probabilities is of, else the one that sorts last.
    With ``any_classes`` another file may have columns of other classes: those that both have count.
    """

    key: list[str]
    label: str
    prediction: list[str]
    block: str | None = None
    split: str | None = None
    weight: str | None = None
    positive: str | None = None
    any_classes: bool = False

    @property
    def used(self) -> list[str]:
        """All of them, each once."""
        rest = [self.label, *self.prediction, self.block, self.split, self.weight]
        return list(dict.fromkeys([*self.key, *(name for name in rest if name)]))


@dataclass(frozen=True)
class Difference:
    """A metric of the base and of this version, and the 95% interval of this minus base.

    The interval is NaN where it is unknown, as with fewer than FEWEST blocks. ``parts`` are what
    blocks, or runs of them, add to the difference: see `pseudo_values`. ``worth`` is how many
    independent blocks they tell as much as, NaN if unknown.
    """

    before: float
    after: float
    low: float
    high: float
    parts: tuple[float, ...] = ()
    worth: float = np.nan


@dataclass(frozen=True)
class Group:
    """The rows two versions are compared on, in ``blocks`` named ``by``; ``relabelled`` of them
    have another label."""

    rows: int
    blocks: int
    relabelled: int
    differences: dict[str, Difference]
    by: str = "row"


def named_columns(root: Path) -> dict[str, list[str]]:
    """What the settings name, by role: columns, and the positive class. Raises Fault."""
    named = section(root, "report").get("columns", {})
    if not isinstance(named, dict):
        raise Fault("[tool.strata.report]: columns must be a table")
    check_names(named, [*USUAL, POSITIVE], PLACE)
    columns = {role: names_in(named, role, PLACE) for role in named if role != POSITIVE}
    return columns | ({POSITIVE: [str(named[POSITIVE])]} if POSITIVE in named else {})


def columns_in_params(root: Path, there: Iterable[str]) -> dict[str, list[str]]:
    """What a params.yaml in this template's form names, by role; nothing in any other form.

    The columns of several classes are among those that are ``there``. A role that no column has is
    empty. Raises Fault if the file cannot be read.
    """
    file = root / PARAMS
    values = parsed(file.read_bytes(), PARAMS) if file.is_file() else None
    data, evaluate = (_section(values, name) for name in ("data", "evaluate"))
    task, label, key = (data.get(name) for name in ("task", "target", "key"))
    if not (isinstance(task, str) and task in PREDICTIONS and isinstance(label, str)):
        return {}
    if not (isinstance(key, list) and all(isinstance(name, str) for name in key)):
        return {}
    roles = {"key": key, "label": [label], "split": ["split"]}
    for place, named in {"data.weight": data, "evaluate.block": evaluate}.items():
        role = place.partition(".")[2]
        name = named.get(role)
        if not (name is None or isinstance(name, str)):
            raise Fault(f"{PARAMS}: {place} must be the name of a column, or null")
        if role in named:
            roles[role] = [name] if name else []
    taken = {name for names in roles.values() for name in names}
    classes = [name for name in there if name.startswith(CLASSES) and name not in taken]
    roles["prediction"] = PREDICTIONS[task] or classes
    if task == "binary" and isinstance(data.get(POSITIVE), str | int | float):
        roles[POSITIVE] = [str(data[POSITIVE])]
    return roles


def _section(values: Any, name: str) -> dict[str, Any]:
    """A section of some params, empty where there is none."""
    section = values.get(name) if isinstance(values, dict) else None
    return section if isinstance(section, dict) else {}


def columns_of(root: Path, frame: pd.DataFrame) -> Columns:
    """The columns as the settings name them, else params.yaml, else those with usual names.

    Raises Fault that says what to set if a row's key, label or prediction is not known.
    """
    named = {role: [name for name in usual if name in frame][:1] for role, usual in USUAL.items()}
    own, shared = named_columns(root), columns_in_params(root, map(str, frame.columns))
    if own.get("label", shared.get("label")) != shared.get("label"):
        shared.pop(POSITIVE, None)  # it is a class of another label
    named |= shared | own
    for role in ("key", "label", "prediction"):
        if not named[role]:
            there = ", ".join(map(str, frame.columns[:12]))
            raise Fault(
                f"no column is known as the {role}: set {role} in {PLACE}, "
                f"or task, target and key under data in {PARAMS}; there are {there}"
            )
    first = {role: names[0] if names else None for role, names in named.items()}
    return Columns(
        named["key"],
        named["label"][0],
        named["prediction"],
        first["block"],
        first["split"],
        first["weight"],
        first.get(POSITIVE),
        "prediction" not in own and named["prediction"][0].startswith(CLASSES),
    )


def compare(
    base: pd.DataFrame,
    this: pd.DataFrame,
    columns: Columns,
    metrics: Sequence[str],
) -> dict[str, Group]:
    """Compare the predictions of each split that has the same rows in both, by these metrics.

    If a split has not, the rows that both held out, whatever they called them, are compared
    under the name COMMON: the same past for the old model and the new. Without a column that
    names the split, all rows are one, under an empty name. A row without a label is left out, and
    so is a metric that scikit-learn does not know, or that cannot be had of these predictions.

    Raises ValueError, with the reason, if rows cannot be matched.
    """
    shared = [name for name in columns.prediction if name in base and name in this]
    if columns.any_classes and len(shared) > 1:
        columns = replace(columns, prediction=shared)
    sides = []
    for name, frame in {"the base": base, "this": this}.items():
        absent = [column for column in columns.used if column not in frame]
        if absent:
            raise ValueError(f"predictions of {name} have no column {absent[0]}; set {BOTH}")
        if frame.duplicated(columns.key).any():
            raise ValueError(f"predictions of {name} have rows with the same key; set {BOTH}")
        sides.append(_by_role(frame.dropna(subset=[columns.label]), columns))
    keys = [f"key {i}" for i in range(len(columns.key))]
    both = sides[0].merge(sides[1], on=keys, suffixes=("", " this"))

    groups: dict[str, Group] = {}
    for split, rows in both[both["split"] == both["split this"]].groupby("split", sort=False):
        if all(len(rows) == (side["split"] == split).sum() for side in sides):
            groups[str(split)] = _group(rows, columns, metrics)
    held_out = both[~(is_training(both["split"]) | is_training(both["split this"]))]
    if len(groups) < sides[1]["split"].nunique() and len(held_out):
        groups[COMMON] = _group(held_out, columns, metrics)
    return groups


def is_training(split: pd.Series) -> pd.Series:
    """Which rows are of a split that a model was trained on, by its name."""
    return split.astype(str).str.contains(r"\btrain")


def _by_role(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The columns in use, named by what they are: key 0, split, prediction 0, …"""
    roles: dict[str, Any] = {f"key {i}": frame[name] for i, name in enumerate(columns.key)}
    roles |= {f"prediction {i}": frame[name] for i, name in enumerate(columns.prediction)}
    roles["label"] = frame[columns.label]
    roles["split"] = frame[columns.split].astype(str) if columns.split else ""
    roles["block"] = frame[columns.block] if columns.block else range(len(frame))
    roles["weight"] = frame[columns.weight] if columns.weight else 1.0
    return pd.DataFrame(roles, index=frame.index)


def _scores(
    rows: pd.DataFrame, columns: Columns, metrics: Sequence[str]
) -> dict[str, list[scoring.Score]]:
    """Each metric that can be had of both sides, the base's first."""
    classes = classes_of(columns.prediction, set(rows["label"].astype(str)))
    scores: dict[str, list[scoring.Score]] = {}
    for metric in dict.fromkeys(metrics):
        sides: list[scoring.Score] = []
        for side in ("", " this"):
            names = [f"prediction {i}{side}" for i in range(len(classes))]
            predicted = rows[names if len(classes) > 1 else names[0]].to_numpy()
            label = rows["label" + side].to_numpy()
            if columns.positive is not None and len(classes) == 1:
                label = is_class(label, columns.positive).astype(float)
            with suppress(ValueError):  # not of these predictions
                if score := scoring.scored(metric, label, predicted, classes):
                    sides.append(score)
        if len(sides) == 2:
            scores[metric] = sides
    return scores


def _group(rows: pd.DataFrame, columns: Columns, metrics: Sequence[str]) -> Group:
    blocks, index = np.unique(rows["block"].to_numpy(), return_inverse=True)
    weight = rows["weight"].to_numpy(float)
    parts = runs(len(blocks), ordered=columns.block is not None)
    differences = {}
    for metric, sides in _scores(rows, columns, metrics).items():
        was, now = (side(weight) for side in sides)
        if np.isfinite(was) and np.isfinite(now):
            before, after = (side.of_blocks(weight, parts[index]) for side in sides)
            differences[metric] = _difference(was, now, before, after, len(blocks), parts)
    relabelled = int((rows["label"] != rows["label this"]).sum())
    return Group(len(rows), len(blocks), relabelled, differences, inert(columns.block or "row"))


def _difference(
    was: float,
    now: float,
    before: scoring.OfBlocks,
    after: scoring.OfBlocks,
    blocks: int,
    parts: scoring.Blocks,
) -> Difference:
    count = int(parts.max()) + 1
    values = pseudo_values(lambda drawn: after(drawn) - before(drawn), count)
    if blocks < FEWEST or not np.isfinite(values).all():
        return Difference(was, now, np.nan, np.nan, tuple(values))
    ends = interval(values, now - was)
    return Difference(was, now, *ends, tuple(values), effective(values) / count * blocks)


def is_class(label: Any, name: str) -> Any:
    """Which labels are the class of this name; numbers compared as numbers, True and 1 are one."""
    if label.dtype.kind in "biuf":
        with suppress(ValueError):
            return label == float({"True": "1", "False": "0"}.get(name, name))
    return label.astype(str) == name


def classes_of(names: list[str], labels: set[str]) -> list[str]:
    """The classes that columns of probabilities are of: their names, or what is not in them all.

    A beginning that all share, as in ``proba_cat`` and ``proba_dog``, is left out.
    """
    for cut in range(min(map(len, names))):
        classes = [name[cut:] for name in names]
        if labels <= set(classes) and len({name[:cut] for name in names}) == 1:
            return classes
    return names
