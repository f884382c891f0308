"""Whether a change is better, and whether that can be said at all: pure functions on metrics."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strata.paired import COMMON, Difference, Group
from strata.scoring import direction
from strata.seeds import Seeds
from strata.values import Leaves, parts

KINDS = ("minimum", "maximum", "maximum_regression")
OTHER_ROWS = "other rows"


@dataclass(frozen=True)
class Evidence:
    """All that a comparison of two versions rests on.

    ``groups`` are the rows that were compared one by one. ``same_rows``: the metrics of both are
    shown to be of the same rows even without that. ``seeds`` is what each side, base first,
    measured of its fit's own randomness. ``higher`` and ``lower`` are the last parts of the names
    of metrics of which more, or less, is better, beside those that scikit-learn knows.
    """

    base: Leaves
    this: Leaves
    groups: Mapping[str, Group] = field(default_factory=dict)
    same_rows: bool = False
    seeds: tuple[Seeds | None, Seeds | None] = (None, None)
    higher: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()

    @property
    def measured(self) -> list[Seeds]:
        """What was measured of the fits' own randomness; once if both sides have the same."""
        base, this = self.seeds
        return [side for side in ([this] if base == this else [base, this]) if side]

    def direction(self, metric: str) -> int:
        """1 where more is better, -1 where less is, 0 where neither is known."""
        last = parts(metric)[1]
        return (last in self.higher) - (last in self.lower) or direction(last)

    def fit(self, metric: str) -> float | None:
        """The half-width of the 95% interval that two fits' own randomness gives a difference.

        Each fit has the variance that was measured on its side, else on the other. Estimated from
        few seeds, so by Student's t. None if nobody measured this metric.
        """
        from scipy.special import stdtrit

        sides = [side for side in self.seeds if side and side.of(metric) is not None]
        if not sides:
            return None
        spread = math.hypot(*(side.of(metric) or 0.0 for side in (sides * 2)[:2]))
        return float(stdtrit(min(len(side.seeds) for side in sides) - 1, 0.975)) * spread


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
        low, high = (end * direction for end in self.interval)
        if min(low, high) > 0:
            return "better"
        return "worse" if max(low, high) < 0 else "within noise"


@dataclass(frozen=True)
class Gate:
    """A limit on a metric; ``passed`` is None where it was not checked, and ``why``."""

    metric: str
    kind: str
    limit: Any
    value: float | None
    passed: bool | None
    why: str = ""


def real(value: Any) -> float | None:
    """A number that can be compared, else None: no text, no null, no NaN."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and math.isfinite(value) else None


def estimate(name: str, found: Evidence) -> Estimate | None:
    """How far a metric moved, as surely as it can be known; None if a side does not have it.

    A paired interval is used only if the predictions give the figures in the metrics file. Where
    the rows may be others, there is no interval: the figures are of two different questions.
    """
    was, now = real(found.base.get(name)), real(found.this.get(name))
    if was is None or now is None:
        return None
    split, metric = parts(name)
    group = found.groups.get(split) or found.groups.get("")
    if group and metric in group.differences:
        between = group.differences[metric]
        near = 1e-4 * max(1.0, abs(was), abs(now))
        if abs(between.before - was) < near and abs(between.after - now) < near:
            return paired(between, found.fit(name), group.by, now - was)
    if not group and not found.same_rows:
        return Estimate(now - was, None, OTHER_ROWS)
    errors = (real(found.base.get(name + "_se")), real(found.this.get(name + "_se")))
    if errors[0] is None or errors[1] is None:
        return Estimate(now - was, None, "unknown")
    half = 1.96 * math.hypot(errors[0], errors[1])
    apart = Difference(was, now, now - was - half, now - was + half)
    return paired(apart, found.fit(name), "", now - was)


def common(metric: str, found: Evidence) -> Estimate | None:
    """How far a metric, by its bare name, moved on the rows that both versions held out."""
    group = found.groups.get(COMMON)
    if not group or metric not in group.differences:
        return None
    return paired(group.differences[metric], found.fit(metric), group.by)


def paired(
    between: Difference, fit: float | None, by: str, difference: float | None = None
) -> Estimate:
    """The estimate of a comparison, with the fit's own randomness in its interval if measured.

    Its half-width and those of the interval of the rows are independent, so they add up in
    quadrature, on each side of the difference (JCGM 100:2008, 5.1.2). Bouthillier et al. 2021,
    arXiv:2103.03098, is on why both belong in a comparison.
    """
    moved = between.after - between.before if difference is None else difference
    how = f"paired by {by}" if by else "unpaired"
    if not (math.isfinite(between.low) and math.isfinite(between.high)):
        return Estimate(moved, None, how)
    if moved == between.low == between.high == 0:
        fit = None  # the same predictions: no second fit
    low = moved - math.hypot(max(0.0, moved - between.low), fit or 0.0)
    high = moved + math.hypot(max(0.0, between.high - moved), fit or 0.0)
    return Estimate(moved, (low, high), how)


def judged(name: str, found: Evidence) -> tuple[Estimate | None, str]:
    """The estimate that may judge a metric, and on which rows if not on all of its split's."""
    split, metric = parts(name)
    own = estimate(name, found)
    if split not in found.groups and "" not in found.groups and (shared := common(metric, found)):
        return shared, f"on the {found.groups[COMMON].rows:,} rows that both held out"
    return own, ""


def relabelled(name: str, found: Evidence) -> int:
    """How many of the rows by which a metric is judged have another label in the base."""
    split = parts(name)[0]
    group = found.groups.get(split) or found.groups.get("") or found.groups.get(COMMON)
    return group.relabelled if group else 0


def overall(name: str, found: Evidence) -> tuple[str, Estimate | None, str]:
    """The verdict on the headline metric, the estimate behind it, and what there is to say of it.

    Where the split itself has other rows than the base's, the rows that both held out decide.
    """
    if not name:
        return "not comparable", None, "no headline metric is known: set it in [tool.strata.report]"
    best, where = judged(name, found)
    if count := relabelled(name, found):
        return "not comparable", best, f"the label of {count:,} rows changed"
    if best is None:
        return "not comparable", None, f"a side has no number {name}"
    if best.how == OTHER_ROWS:
        why = "it cannot be shown that both are of the same rows, and no predictions match any"
        return "not comparable", best, why
    if best.interval is None:
        return ("same metric" if best.difference == 0 else "noise unknown"), best, where
    return best.judge(found.direction(name)) or "direction unknown", best, where


def check(gates: Leaves, found: Evidence) -> list[Gate]:
    """Hold the metrics against gates named KIND.METRIC. One that cannot be understood fails.

    A regression is measured on the same rows; where there are none, it is not checked.
    """
    checked = []
    for name, limit in gates.items():
        kind, _, metric = name.partition(".")
        value, bound = real(found.this.get(metric)), real(limit)
        passed: bool | None = False
        why = ""
        if kind not in KINDS or bound is None:
            why = f"no such gate: a number under {', '.join(KINDS)}"
        elif value is None:
            why = "it has no value"
        elif kind != "maximum_regression":
            passed = value >= bound if kind == "minimum" else value <= bound
        else:
            best, _ = judged(metric, found)
            if best is None or best.how == OTHER_ROWS or relabelled(metric, found):
                passed, value = None, None
                why = "other labels" if best and best.how != OTHER_ROWS else "other rows"
                why = f"the base's is of {why}" if best else "the base has no such value"
            else:
                value = -best.difference * (found.direction(metric) or 1)
                passed = value <= bound
        checked.append(Gate(metric, kind, limit, value, passed, why))
    return checked
