"""Compare two models row by row, on rows that neither was trained on.

Both scored the same flights of the same days, so most of the noise of one figure is in the other
as well and cancels in their difference. Whole days are resampled, since rows of a day are not
independent (the block bootstrap of Künsch 1989, doi:10.1214/aos/1176347265).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
SAMPLES = 500
COMMON = "common rows"


@dataclass(frozen=True)
class Columns:
    """The columns of a file of predictions; ``key`` names a row, ``day`` its block."""

    key: list[str]
    day: str
    split: str
    label: str
    probability: str


@dataclass(frozen=True)
class Difference:
    """A metric of the base and of this version, and the 95% interval of this minus base."""

    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The rows two versions are compared on; ``relabelled`` of them have another label."""

    rows: int
    days: int
    relabelled: int
    differences: dict[str, Difference]


def compare(base: pd.DataFrame, this: pd.DataFrame, columns: Columns) -> dict[str, Group]:
    """Compare the predictions of each split that has the same rows in both.

    If a split has not, the rows that both held out, whatever they called them, are compared
    under the name COMMON: the same past for the old model and the new.

    Raises ValueError, with the reason, if rows cannot be matched.
    """
    needed = [*columns.key, columns.day, columns.split, columns.label, columns.probability]
    for name, frame in {"the base": base, "this": this}.items():
        absent = [column for column in needed if column not in frame]
        if absent:
            raise ValueError(f"predictions of {name} have no column {absent[0]}")
        if frame.duplicated(columns.key).any():
            raise ValueError(f"predictions of {name} have rows with the same key")
    frames = [frame[list(dict.fromkeys(needed))] for frame in (base, this)]
    own = [name for name in needed if name not in columns.key]
    both = frames[0].merge(
        frames[1].rename(columns={name: f"this {name}" for name in own}), on=columns.key
    )
    if columns.day in columns.key:
        both[f"this {columns.day}"] = both[columns.day]
    same = both[columns.split] == both[f"this {columns.split}"]
    groups: dict[str, Group] = {}
    for split in this[columns.split].unique():
        rows = both[same & (both[columns.split] == split)]
        if (
            len(rows)
            == (base[columns.split] == split).sum()
            == (this[columns.split] == split).sum()
        ):
            groups[str(split)] = _group(rows, columns)
    if len(groups) < this[columns.split].nunique() and len(both):
        groups[COMMON] = _group(both, columns)
    return groups


def _group(rows: pd.DataFrame, columns: Columns) -> Group:
    def model(prefix: str) -> Callable[[Floats], dict[str, float]]:
        return scorer(
            rows[prefix + columns.label].to_numpy(dtype=float),
            rows[prefix + columns.probability].to_numpy(dtype=float),
        )

    before, after = model(""), model("this ")
    days, index = np.unique(rows[columns.day].to_numpy(), return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(
        len(days), np.full(len(days), 1 / len(days)), size=SAMPLES
    )
    once = np.ones(len(rows))
    old, new = before(once), after(once)
    apart: dict[str, list[float]] = {metric: [] for metric in old}
    for counts in drawn:
        weight = counts[index].astype(float)
        was, now = before(weight), after(weight)
        for metric in old:
            apart[metric].append(now[metric] - was[metric])
    differences = {}
    for metric, values in apart.items():
        finite = np.array(values)[np.isfinite(values)]
        low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) > 1 else (np.nan, np.nan)
        differences[metric] = Difference(old[metric], new[metric], float(low), float(high))
    relabelled = int((rows[columns.label] != rows[f"this {columns.label}"]).sum())
    return Group(len(rows), len(days), relabelled, differences)


def scorer(label: Floats, probability: Floats) -> Callable[[Floats], dict[str, float]]:
    """Sort the rows once, and return a function from their weights to the metrics.

    All have shape (rows,). The figures are those of scikit-learn's roc_auc_score,
    average_precision_score, log_loss and brier_score_loss; one that does not exist is NaN.
    """
    order = np.argsort(-probability, kind="stable")
    truth, likely = label[order], probability[order]
    ends = np.flatnonzero(np.diff(likely, append=-1.0))  # of runs that no threshold can part
    tiny = np.finfo(float).eps
    clipped = np.clip(likely, tiny, 1 - tiny)
    log_loss = -(truth * np.log(clipped) + (1 - truth) * np.log1p(-clipped))
    brier = (likely - truth) ** 2

    def scores(weight: Floats) -> dict[str, float]:
        w = weight[order]
        hits = np.cumsum(w * truth)[ends]
        flagged = np.cumsum(w)[ends]
        misses = flagged - hits
        total = flagged[-1] if len(flagged) else np.float64(0)
        found = np.diff(hits, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
            area = (np.diff(misses, prepend=0.0) * (hits - found / 2)).sum()
            return {
                "roc_auc": float(area / (hits[-1] * misses[-1])),
                "average_precision": float((found * precision).sum() / hits[-1]),
                "log_loss": float((w * log_loss).sum() / total),
                "brier": float((w * brier).sum() / total),
            }

    return scores
