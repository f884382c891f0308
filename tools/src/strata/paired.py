"""Compare two models row by row, on rows that neither was trained on.

Both scored the same rows, so most of the noise of one figure is in the other as well and cancels
in their difference. Rows of a block (a day, a group) are not independent, so whole blocks are
resampled (Künsch 1989, doi:10.1214/aos/1176347265).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from strata import scoring
from strata.errors import Fault
from strata.scoring import Floats
from strata.settings import section

SAMPLES = 2_000  # with 500 the interval's ends still move by a tenth of its width
COMMON = "common rows"
USUAL = {  # the names that a column has where the settings name none
    "label": ("label", "target", "y", "y_true"),
    "prediction": ("prediction", "probability", "proba", "score", "y_pred", "predicted"),
    "key": ("id", "key", "row", "index"),
    "block": ("block", "day", "date", "group"),
    "split": ("split",),
    "weight": ("weight", "sample_weight"),
}
PLACE = "[tool.strata.report.columns]"


@dataclass(frozen=True)
class Columns:
    """The columns of a file of predictions.

    ``key`` names a row. ``prediction`` is one column, or one for each class, named by it (a prefix
    that all share is left out). None where there is no such column: the block is the row then.
    """

    key: list[str]
    label: str
    prediction: list[str]
    block: str | None = None
    split: str | None = None
    weight: str | None = None

    @property
    def used(self) -> list[str]:
        """All of them, each once."""
        rest = [self.label, *self.prediction, self.block, self.split, self.weight]
        return list(dict.fromkeys([*self.key, *(name for name in rest if name)]))


@dataclass(frozen=True)
class Difference:
    """A metric of the base and of this version, and the 95% interval of this minus base."""

    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The rows two versions are compared on, in ``blocks`` named ``by``; ``relabelled`` of them
    have another label."""

    rows: int
    blocks: int
    relabelled: int
    differences: dict[str, Difference]
    by: str = "row"


def predictions_of(root: Path, made: Iterable[str]) -> str:
    """The path of the predictions, by the settings, else the one of ``made`` with that name.

    Raises Fault that says what to do if there is none.
    """
    named = [path for path in made if PurePosixPath(path).stem == "predictions"]
    usual = [path for path in named if path.endswith((".parquet", ".csv"))]
    if found := section(root, "report").get("predictions") or next(iter(usual), None):
        return str(found)
    raise Fault(
        "no predictions are known: have a stage write predictions.parquet, with the key, label, "
        "prediction and split of each row, or set predictions in [tool.strata.report]"
    )


def table(path: Path) -> pd.DataFrame:
    """A Parquet or CSV file, whatever it is called on disk."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    return pd.read_parquet(path) if is_parquet else pd.read_csv(path)


def columns_of(root: Path, frame: pd.DataFrame) -> Columns:
    """The columns as the settings name them, else those of ``frame`` with usual names.

    Raises Fault that says what to set if a row's key, label or prediction is not known.
    """
    named = section(root, "report").get("columns", {})
    if strange := sorted(set(named) - set(USUAL)):
        raise Fault(f"{PLACE}: {strange[0]} is not known; there are {', '.join(USUAL)}")
    found: dict[str, Any] = {}
    for role, usual in USUAL.items():
        given = named.get(role, next((name for name in usual if name in frame), None))
        if given is None and role in ("key", "label", "prediction"):
            has = ", ".join(map(str, frame.columns[:12]))
            raise Fault(f"no column is known as the {role}: set {role} in {PLACE}; there are {has}")
        wants_list = role in ("key", "prediction")
        found[role] = [given] if wants_list and isinstance(given, str) else given
    return Columns(**found)


def compare(
    base: pd.DataFrame,
    this: pd.DataFrame,
    columns: Columns,
    metrics: Iterable[str],
    samples: int = SAMPLES,
) -> dict[str, Group]:
    """Compare the predictions of each split that has the same rows in both, by these metrics.

    If a split has not, the rows that both held out, whatever they called them, are compared
    under the name COMMON: the same past for the old model and the new. Without a column that
    names the split, all rows are one, under an empty name. A metric that scikit-learn does not
    know, or that cannot be had of these predictions, is left out.

    Raises ValueError, with the reason, if rows cannot be matched.
    """
    for name, frame in {"the base": base, "this": this}.items():
        absent = [column for column in columns.used if column not in frame]
        if absent:
            raise ValueError(f"predictions of {name} have no column {absent[0]}; set {PLACE}")
        if frame.duplicated(columns.key).any():
            raise ValueError(f"predictions of {name} have rows with the same key; set {PLACE}")
    frames = [frame[columns.used].copy() for frame in (base, this)]
    for frame in frames:
        frame["a split"] = frame[columns.split] if columns.split else ""
        frame["a block"] = frame[columns.block] if columns.block else range(len(frame))
    own = [name for name in frames[1] if name not in columns.key]
    both = frames[0].merge(
        frames[1].rename(columns={name: f"this {name}" for name in own}), on=columns.key
    )
    for name in set(columns.key) & {columns.label, columns.weight, *columns.prediction}:
        both[f"this {name}"] = both[name]
    same = both["a split"] == both["this a split"]
    groups: dict[str, Group] = {}
    for split in frames[1]["a split"].unique():
        rows = both[same & (both["a split"] == split)]
        if (
            len(rows)
            == (frames[0]["a split"] == split).sum()
            == (frames[1]["a split"] == split).sum()
        ):
            groups[str(split)] = _group(rows, columns, metrics, samples)
    if len(groups) < frames[1]["a split"].nunique() and len(both):
        groups[COMMON] = _group(both, columns, metrics, samples)
    return groups


def _group(rows: pd.DataFrame, columns: Columns, metrics: Iterable[str], samples: int) -> Group:
    classes = classes_of(columns.prediction, set(rows[columns.label].astype(str)))
    scores: dict[str, list[scoring.Score]] = {}
    for metric in dict.fromkeys(metrics):
        for side in ("", "this "):
            predicted = rows[[side + name for name in columns.prediction]].to_numpy()
            predicted = predicted if len(classes) > 1 else predicted[:, 0]
            with suppress(ValueError):  # not of these predictions
                found = scoring.scored(
                    metric, rows[side + columns.label].to_numpy(), predicted, classes
                )
                scores.setdefault(metric, []).extend([found] if found else [])
    scores = {metric: sides for metric, sides in scores.items() if len(sides) == 2}

    weight = rows[columns.weight].to_numpy(float) if columns.weight else np.ones(len(rows))
    blocks, index = np.unique(rows["a block"].to_numpy(), return_inverse=True)
    apart: dict[str, list[float]] = {metric: [] for metric in scores}
    for counts in resamples(len(blocks), samples):
        drawn = counts[index] * weight
        for metric, (before, after) in scores.items():
            apart[metric].append(after(drawn) - before(drawn))
    differences = {}
    for metric, (before, after) in scores.items():
        was, now = before(weight), after(weight)
        finite = np.array(apart[metric])[np.isfinite(apart[metric])]
        low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) > 1 else (np.nan, np.nan)
        if np.isfinite(was) and np.isfinite(now):
            differences[metric] = Difference(was, now, float(low), float(high))
    relabelled = int((rows[columns.label] != rows[f"this {columns.label}"]).sum())
    return Group(len(rows), len(blocks), relabelled, differences, columns.block or "row")


def classes_of(names: list[str], labels: set[str]) -> list[str]:
    """The classes that columns of probabilities are of: their names, without a ``proba_``."""
    prefix = names[0].rpartition("_")[0] + "_"
    strip = not labels <= set(names) and all(name.startswith(prefix) for name in names)
    return [name.removeprefix(prefix) if strip else name for name in names]


def resamples(blocks: int, samples: int) -> Iterator[Floats]:
    """How often each block is drawn, shape (blocks,), once a resample; the same every time."""
    random = np.random.default_rng(0)
    for _ in range(samples):
        yield random.multinomial(blocks, np.full(blocks, 1 / blocks)).astype(float)
