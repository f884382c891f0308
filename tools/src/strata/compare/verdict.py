"""Whether a change is better, and how sure that is: pure functions on metrics."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from strata.compare.paired import COMMON, Difference, Group
from strata.compare.scoring import direction, parts
from strata.compare.seeds import Seeds
from strata.core.markdown import code, figure
from strata.core.values import NORMAL, Leaves, error_of, real

SHARE = 0.05
REGRESSION = "maximum_regression"  # the one kind of gate that needs a base
KINDS = ("minimum", "maximum", REGRESSION)
OTHER_ROWS = "other rows"
WITHIN = "worse, by less than the margin"
DUMMIES = {"dummy", "baseline"}
UNMEASURED = "how far a fit moves by its seed alone is not measured: `strata seeds 10` does that"


@dataclass(frozen=True)
class Evidence:
    """All that a comparison of two versions rests on.

    ``groups`` are the rows that were compared one by one. ``same_rows``: the metrics of both are
    shown to be of the same rows even without that. ``seeds`` is what each side, base first,
    measured of its fit's own randomness. ``higher`` and ``lower`` are the bare names of metrics of
    which more, or less, is better, beside those that scikit-learn knows. ``margins``: how much
    worse a metric may get and still be no worse by a gate, by its name. ``seeded``: the fits draw
    on a seed.
    """

    base: Leaves
    this: Leaves
    groups: Mapping[str, Group] = field(default_factory=dict)
    same_rows: bool = False
    seeds: tuple[Seeds | None, Seeds | None] = (None, None)
    higher: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()
    margins: Mapping[str, float] = field(default_factory=dict)
    seeded: bool = False

    @property
    def measured(self) -> list[Seeds]:
        """The measurements of the fits' own randomness; one if both sides have the same."""
        base, this = self.seeds
        return [side for side in ([this] if base == this else [base, this]) if side]

    def direction(self, metric: str) -> int:
        """1 where more is better, -1 where less is, 0 where neither is known."""
        bare = parts(metric)[1]
        return (bare in self.higher) - (bare in self.lower) or direction(bare)

    def margin(self, metric: str) -> float:
        """How much worse a metric may get and still be no worse.

        Where no gate says it, a SHARE of what the base gains over its dummy, and no more than the
        base's standard error: what nobody would see. 0 where these are not known.
        """
        if metric in self.margins:
            return self.margins[metric]
        value, error = real(self.base.get(metric)), real(self.base.get(error_of(metric)))
        dummy = real(self.base.get(simple(metric, self.base).get("dummy", "")))
        if value is None or error is None or dummy is None:
            return 0.0
        return min(SHARE * max(0.0, (value - dummy) * self.direction(metric)), abs(error))

    def judge(self, metric: str, best: "Estimate") -> str:
        """The word for an estimate of a metric: see `Estimate.judge`; nobody can tell while a part
        of the noise is not measured."""
        word = best.judge(self.direction(metric), self.margin(metric))
        return "cannot tell" if word and self.lacks_seeds(metric, best) else word

    def lacks_seeds(self, metric: str, best: "Estimate") -> bool:
        """Whether two fits differ, and how much of that is their seeds' is not measured."""
        return self.seeded and bool(best.difference) and self.fit(metric) is None

    def fit(self, metric: str) -> float | None:
        """The half-width of the 95% interval that two fits' own randomness gives a difference.

        Each fit has the variance that was measured on its side, else on the other. Estimated from
        few seeds, so by Student's t. None if this metric was not measured.
        """
        from scipy.special import stdtrit

        sides = [side for side in self.seeds if side and side.of(metric) is not None]
        if not sides:
            return None
        spread = math.hypot(*(side.of(metric) or 0.0 for side in (sides * 2)[:2]))
        return float(stdtrit(min(len(side.seeds) for side in sides) - 1, 0.975)) * spread


@dataclass(frozen=True)
class Estimate:
    """A metric of both sides, and the 95% interval of this minus base, None where it is unknown.

    ``how`` says by which method, ``refused`` why nothing can be judged by it, and ``where`` on
    which rows it is, if not on those of the metric. ``worth`` is how many independent blocks the
    ``blocks`` tell as much as.
    """

    before: float
    after: float
    interval: tuple[float, float] | None = None
    how: str = ""
    refused: str = ""
    where: str = ""
    blocks: int | None = None
    worth: float | None = None

    @property
    def counted(self) -> str:
        """How many blocks there are, and if these are fewer, how many independent ones."""
        if not self.blocks:
            return ""
        fewer = self.worth is not None and self.worth < 0.95 * self.blocks
        text = f"{self.blocks:,} blocks"
        return f"{text} that tell as much as {self.worth:.0f} independent ones" if fewer else text

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def figures(self) -> tuple[str, str, str, str]:
        """Before, after, the difference and its interval (empty where unknown), for people."""
        size = max(abs(self.before), abs(self.after))
        before, after = (figure(value, scale=size) for value in (self.before, self.after))
        interval = " to ".join(figure(end, True, size) for end in self.interval or ())
        return before, after, figure(self.difference, True, size), interval

    def judge(self, direction: int, margin: float = 0.0) -> str:
        """Better, no worse, worse (or WITHIN the margin), or cannot tell; empty where not even the
        noise is known.

        By where the interval lies, as in a trial of non-inferiority: above 0; above minus the
        margin; below 0; or across (Piaggio et al. 2012, doi:10.1001/jama.2012.87802). Below 0 and
        above minus the margin it is not inferior, and yet worse.
        """
        if not direction or self.interval is None or self.refused:
            return ""
        low, high = sorted(end * direction for end in self.interval)
        if low > 0:
            return "better"
        if low >= -margin:
            return WITHIN if high < 0 else "no worse"
        return "worse" if high < 0 else "cannot tell"

    def more_blocks(self, direction: int, margin: float, fit: float | None) -> float | None:
        """How many more blocks of rows would tell, if the difference stays as it is.

        The part of the interval that comes from the rows shrinks with the root of their number,
        the ``fit``'s own does not: infinite where that part alone is too wide. None if unknown.
        """
        if self.interval is None or not self.blocks:
            return None
        moved, fit = self.difference * direction, fit or 0.0
        gap = max(moved + margin, -moved)  # what half the interval must be below, to tell
        half = max(abs(end - self.difference) for end in self.interval)
        if gap <= fit * (1 + 1e-6):
            return math.inf
        wide, own = half / gap, fit / gap  # whose squares are numbers where those of both are not
        more = self.blocks * ((wide * wide - own * own) / (1 - own * own) - 1)
        return max(0.0, math.ceil(more)) if math.isfinite(more) else math.inf


@dataclass(frozen=True)
class Gate:
    """A limit on a metric; ``passed`` is None where it was not checked, and ``why``."""

    metric: str
    kind: str
    limit: Any
    value: float | None
    passed: bool | None
    why: str = ""


def simple(name: str, metrics: Leaves) -> dict[str, str]:
    """The names of the same metric of a dummy and a baseline on the same rows, as far as known."""
    splits, metric = parts(name)
    names = dict[str, str]()
    for key in metrics:
        around, bare = parts(key)
        other = next((word for word in around if word in DUMMIES), None)
        if other and bare == metric and [w for w in around if w not in DUMMIES] == splits:
            names[other] = key
    return names


def estimate(name: str, evidence: Evidence) -> Estimate | None:
    """How far a metric moved, and how sure that is; None if a side does not have it.

    A paired interval is used only if the predictions give the figures in the metrics file. Where
    the rows may be others, there is no interval: the figures are of two different questions.
    """
    was, now = real(evidence.base.get(name)), real(evidence.this.get(name))
    if was is None or now is None:
        return None
    splits, metric = parts(name)

    def gives(group: Group) -> bool:
        between = group.differences.get(metric)
        return bool(
            between
            and equal_when_rounded(between.before, was)
            and equal_when_rounded(between.after, now)
        )

    own = {split: group for split, group in evidence.groups.items() if split != COMMON}
    group = next((group for split, group in own.items() if split and split in splits), None)
    if not group:  # no name says which rows a metric is of; its figures may
        fitting = [group for group in own.values() if gives(group)]
        group = fitting[0] if len(fitting) == 1 else None
    if group and gives(group):
        return paired(group, metric, evidence.fit(name))
    if not group and not evidence.same_rows:
        return Estimate(was, now, refused=OTHER_ROWS)
    errors = [real(side.get(error_of(name))) for side in (evidence.base, evidence.this)]
    if errors[0] is None or errors[1] is None:
        return Estimate(was, now, refused=relabelled(group))
    half = NORMAL * math.hypot(errors[0], errors[1])
    apart = Difference(was, now, now - was - half, now - was + half)
    return widened(apart, evidence.fit(name), "unpaired", relabelled(group))


def equal_when_rounded(recomputed: float, value: float) -> bool:
    """Whether a recomputed metric is the one in a file, which may be rounded to three decimals."""
    exponent = min(-3, int(Decimal(repr(value)).as_tuple().exponent))
    return math.isclose(recomputed, value, rel_tol=1e-5, abs_tol=0.5001 * 10.0**exponent)


def judged(name: str, evidence: Evidence) -> Estimate | None:
    """The estimate that may judge a metric: if its rows differ, on those neither learned from."""
    own, metric = estimate(name, evidence), parts(name)[1]
    group = evidence.groups.get(COMMON)
    if own is None or own.refused != OTHER_ROWS or not group or metric not in group.differences:
        return own
    where = f"on the {group.rows:,} rows that neither learned from"
    return replace(paired(group, metric, evidence.fit(metric)), where=where)


def paired(group: Group, metric: str, fit: float | None) -> Estimate:
    """The estimate of a metric on rows that were compared one by one."""
    how, why = f"paired by {group.by}", relabelled(group)
    between = group.differences[metric]
    estimate = widened(between, fit, how, why)
    worth = between.worth if math.isfinite(between.worth) else None
    return replace(estimate, blocks=group.blocks, worth=worth)


def relabelled(group: Group | None) -> str:
    """Why nothing can be judged on some rows, if the base has other labels of them; else empty."""
    return f"the label of {group.relabelled:,} rows changed" if group and group.relabelled else ""


def widened(between: Difference, fit: float | None, how: str, refused: str) -> Estimate:
    """The estimate of a comparison, with the fit's own randomness in its interval if measured.

    Its half-width and those of the interval of the rows are independent, so they add up in
    quadrature, on each side of the difference (JCGM 100:2008, 5.1.2). Bouthillier et al. 2021,
    arXiv:2103.03098, is on why both belong in a comparison.
    """
    result = Estimate(between.before, between.after, None, how, refused)
    moved = result.difference
    if not (math.isfinite(between.low) and math.isfinite(between.high)):
        return result
    if moved == between.low == between.high == 0:
        fit = None  # the same predictions: no second fit
    low = moved - math.hypot(max(0.0, moved - between.low), fit or 0.0)
    high = moved + math.hypot(max(0.0, between.high - moved), fit or 0.0)
    return replace(result, interval=(low, high))


def overall(name: str, evidence: Evidence) -> tuple[str, Estimate | None, str]:
    """The verdict on the headline metric, the estimate behind it, and a note on it, as Markdown.

    Where the split itself has other rows than the base's, rows that neither learned from decide.
    """
    if not name:
        return "not comparable", None, "no headline metric is known: set it in [tool.strata.report]"
    best = judged(name, evidence)
    if best is None:
        return "not comparable", None, f"a side has no number {code(name)}"
    if best.refused == OTHER_ROWS:
        why = "it cannot be shown that both are of the same rows, and no predictions match any"
        return "not comparable", best, why
    if best.refused:
        return "not comparable", best, best.refused
    if best.interval is None:
        return ("noise unknown" if best.difference else "same metric"), best, best.where
    word = evidence.judge(name, best) or "direction unknown"
    why = UNMEASURED if evidence.lacks_seeds(name, best) else ""
    return word, best, "; ".join(filter(None, [best.where, why]))


def check(gates: Leaves, evidence: Evidence) -> list[Gate]:
    """Hold the metrics against gates named KIND.METRIC. One that cannot be understood fails.

    A regression is measured on the same rows; where there are none, it is not checked.
    """
    checked = []
    for name, limit in gates.items():
        kind, _, metric = name.partition(".")
        value, bound = real(evidence.this.get(metric)), real(limit)
        passed: bool | None = False
        why = ""
        if kind not in KINDS or bound is None:
            why = f"it must be a number under {', '.join(KINDS)}"
        elif value is None:
            why = "it has no value"
        elif kind != REGRESSION:
            passed = value >= bound if kind == "minimum" else value <= bound
        elif not (way := evidence.direction(metric)):
            value, why = None, "which way is better? Set higher_is_better or lower_is_better"
        elif (best := judged(metric, evidence)) and not best.refused:
            value = -best.difference * way
            passed = value <= bound
        else:
            value, passed = None, None
            why = f"cannot be compared: {best.refused}" if best else "the base has no such value"
        checked.append(Gate(metric, kind, limit, value, passed, why))
    return checked
