"""Whether a change is better, and whether that can be said at all: pure functions on metrics."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strata.paired import COMMON, Difference, Group
from strata.values import Leaves

KINDS = ("minimum", "maximum", "maximum_regression")


@dataclass(frozen=True)
class Direction:
    """The last parts of the names of metrics of which more, or less, is better."""

    higher: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()

    def of(self, metric: str) -> int:
        """1 where more is better, -1 where less is, 0 where neither is known."""
        last = metric.rsplit(".", 1)[-1]
        return (last in self.higher) - (last in self.lower)


@dataclass(frozen=True)
class Estimate:
    """This minus base, its 95% interval (None where unknown) and how that was found."""

    difference: float
    interval: tuple[float, float] | None
    how: str

    def judge(self, direction: int) -> str:
        """Better, worse or within noise; empty where the direction or the noise is not known."""
        if not direction or self.interval is None:
            return ""
        low, high = self.interval
        if low > 0:
            return "better" if direction > 0 else "worse"
        if high < 0:
            return "worse" if direction > 0 else "better"
        return "within noise"


@dataclass(frozen=True)
class Gate:
    """A limit on a metric; ``passed`` is None where there is nothing to hold it against."""

    metric: str
    kind: str
    limit: Any
    value: float | None
    passed: bool | None


def real(value: Any) -> float | None:
    """A number that can be compared, else None: no text, no null, no NaN."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and math.isfinite(value) else None


def estimate(name: str, base: Leaves, this: Leaves, groups: Mapping[str, Group]) -> Estimate | None:
    """How far a metric moved, as surely as it can be known; None if a side does not have it.

    A paired interval is used only if the predictions give the figures in the metrics file.
    """
    was, now = real(base.get(name)), real(this.get(name))
    if was is None or now is None:
        return None
    split, _, metric = name.rpartition(".")
    if split in groups and metric in groups[split].differences:
        found = groups[split].differences[metric]
        if abs(found.before - was) < 1e-4 and abs(found.after - now) < 1e-4:
            return paired(found, now - was)
    errors = real(base.get(name + "_se")), real(this.get(name + "_se"))
    if errors[0] is None or errors[1] is None:
        return Estimate(now - was, None, "unknown")
    half = 1.96 * math.hypot(errors[0], errors[1])
    return Estimate(now - was, (now - was - half, now - was + half), "unpaired")


def paired(found: Difference, difference: float | None = None) -> Estimate:
    """The estimate of a paired comparison."""
    moved = found.after - found.before if difference is None else difference
    known = math.isfinite(found.low) and math.isfinite(found.high)
    return Estimate(moved, (found.low, found.high) if known else None, "paired by day")


def overall(
    name: str, direction: int, base: Leaves, this: Leaves, groups: Mapping[str, Group]
) -> tuple[str, Estimate | None, str]:
    """The verdict on the headline metric, the estimate behind it, and on which rows.

    Where the split itself has other rows than the base's, the rows that both held out decide.
    """
    split, _, metric = name.rpartition(".")
    group = groups.get(split) or groups.get(COMMON)
    found, where = estimate(name, base, this, groups), ""
    if split not in groups and group and metric in group.differences:
        found = paired(group.differences[metric])
        where = f"on the {group.rows:,} rows that both held out"
    if group and group.relabelled:
        return "not comparable", found, f"the label of {group.relabelled:,} rows changed"
    if found is None:
        return "not comparable", None, ""
    if found.interval is None:
        return ("same metric" if found.difference == 0 else "noise unknown"), found, where
    return found.judge(direction) or "direction unknown", found, where


def check(
    gates: Leaves,
    direction: Direction,
    base: Leaves,
    this: Leaves,
    groups: Mapping[str, Group],
) -> list[Gate]:
    """Hold the metrics against gates named KIND.METRIC. One that cannot be understood fails.

    Where a split has other rows than the base's, a regression is measured on the rows in both.
    """
    checked = []
    for name, limit in gates.items():
        kind, _, metric = name.partition(".")
        value, passed = real(this.get(metric)), None
        bound = real(limit)
        if kind not in KINDS or bound is None:
            checked.append(Gate(metric, kind, limit, value, False))
            continue
        if kind == "maximum_regression":
            found = overall(metric, 1, base, this, groups)[1]
            passed = None if value is not None else False
            if value is not None and found is not None:
                value = -found.difference * (direction.of(metric) or 1)
                passed = value <= bound
        else:
            passed = value is not None and (value >= bound if kind == "minimum" else value <= bound)
        checked.append(Gate(metric, kind, limit, value, passed))
    return checked
