"""Pairs of models whose true difference is known, and how often its interval has it.

Rows come in days. What a day has of its own, in either model, is normal, skewed or of heavy tails,
and may resemble the day before. The truth is the difference over very many days.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from strata.compare.paired import Columns, Difference, compare
from strata.compare.scoring import scored

Floats = npt.NDArray[np.float64]
ROWS = 20  # of a day
ENOUGH = 20_000  # days that tell the truth
METRICS = {
    "binary": ["roc_auc", "average_precision", "log_loss"],
    "multiclass": ["log_loss", "accuracy"],
    "regression": ["mean_absolute_error", "root_mean_squared_error"],
}
COLUMNS = {
    "binary": Columns(["id"], "y", ["p"], "day"),
    "multiclass": Columns(["id"], "y", ["p_0", "p_1", "p_2"], "day"),
    "regression": Columns(["id"], "y", ["p"], "day"),
}


@dataclass(frozen=True)
class World:
    """How days differ: ``shape`` of what a day has of its own, ``alike`` the day before by so much
    (the correlation of neighbours)."""

    shape: str = "normal"  # or skewed, heavy tails
    alike: float = 0.0

    def days(self, count: int, rng: np.random.Generator) -> Floats:
        """What each of so many days has of its own, of mean 0 and variance 1."""
        first = 50 if self.alike else 0
        size = count + first
        match self.shape:
            case "skewed":
                new = rng.exponential(size=size) - 1
            case "heavy tails":
                new = rng.standard_t(4, size=size) / np.sqrt(2)
            case _:
                new = rng.normal(size=size)
        for at in range(1, size if self.alike else 0):
            new[at] = self.alike * new[at - 1] + np.sqrt(1 - self.alike**2) * new[at]
        return np.asarray(new[first:])

    def models(
        self, task: str, count: int, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The predictions of a model and of a better one, whose errors move with the day."""
        day = np.arange(count).repeat(ROWS)
        known, own = rng.normal(size=len(day)), self.days(count, rng)[day]
        hidden = known + 0.5 * rng.normal(size=count)[day] + rng.normal(size=len(day))
        base, this = known + 0.6 * rng.normal(size=len(day)), known + 0.6 * own
        rows = pd.DataFrame({"id": range(len(day)), "day": day})
        if task == "regression":
            rows["y"] = hidden
            return rows.assign(p=base), rows.assign(p=this)
        if task == "binary":
            rows["y"] = (hidden > 0.5).astype(int)
            return rows.assign(p=_logistic(base - 0.5)), rows.assign(p=_logistic(this - 0.5))
        rows["y"] = np.digitize(hidden, [-0.7, 0.7]).astype(str)
        return rows.assign(**_classes(base)), rows.assign(**_classes(this))


def _logistic(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-1.5 * value)))


def _classes(value: Floats) -> dict[str, Floats]:
    low, high = 1 - _logistic(value + 0.7), _logistic(value - 0.7)
    return {"p_0": low, "p_1": 1 - low - high, "p_2": high}


@cache
def truth(world: World, task: str) -> dict[str, float]:
    """The true difference of each of the task's METRICS."""
    columns = COLUMNS[task].prediction
    classes = [name.removeprefix("p_") for name in columns]

    def figure(metric: str, side: pd.DataFrame) -> float:
        predicted = side[columns if len(columns) > 1 else columns[0]].to_numpy()
        score = scored(metric, side["y"].to_numpy(), predicted, classes)
        assert score
        return score(np.ones(len(side)))

    base, this = world.models(task, ENOUGH, np.random.default_rng(1))
    return {metric: figure(metric, this) - figure(metric, base) for metric in METRICS[task]}


def measured(world: World, task: str, days: int, times: int) -> Iterator[dict[str, Difference]]:
    """What is measured on so many days, so many times."""
    rng = np.random.default_rng(days)
    for _ in range(times):
        sides = world.models(task, days, rng)
        yield compare(*sides, COLUMNS[task], METRICS[task])[""].differences


def coverage(
    world: World,
    task: str,
    days: int,
    times: int,
    ends: Sequence[Callable[[Difference], tuple[float, float]]] = (lambda it: (it.low, it.high),),
) -> dict[str, list[float]]:
    """How often the 95% interval of each metric's difference has the true one, for each of some
    ways to have its ``ends``; at first that of the tools."""
    true, hits = truth(world, task), {metric: np.zeros(len(ends)) for metric in METRICS[task]}
    for found in measured(world, task, days, times):
        for metric, between in found.items():
            for at, way in enumerate(ends):
                low, high = way(between)
                hits[metric][at] += low <= true[metric] <= high
    return {metric: list(of / times) for metric, of in hits.items()}
