"""Whether a model is better than a dummy or a simple model, by the figures of one commit."""

from dataclasses import dataclass

from strata.compare.scoring import parts
from strata.compare.verdict import Evidence, simple
from strata.core.markdown import figure
from strata.core.values import NORMAL, error_of, real


@dataclass(frozen=True)
class Doubt:
    """A dummy or baseline that a model is not shown to be better than: it is worse, or nobody can
    tell. ``why`` has the figures."""

    other: str
    is_worse: bool
    why: str

    @property
    def text(self) -> str:
        """What is to be said of the model."""
        words = "worse than" if self.is_worse else "not shown to be better than"
        return f"{words} the {self.other} ({self.why})"


def doubts(name: str, evidence: Evidence) -> list[Doubt]:
    """The doubts about the model of this side, by a metric.

    By the 95% interval of its gain where that stands beside the other's figure, as
    ``KEY_gain_low`` and ``KEY_gain_high``; else by the metric's own standard error, else by the
    bare figures. Where no dummy has such a figure, by what the pipeline says under
    ``better_than_dummy``.
    """
    this, (splits, _) = evidence.this, parts(name)
    mine, error = real(this.get(name)), real(this.get(error_of(name)))
    way, doubtful = evidence.direction(name), list[Doubt]()
    beside = {
        other: key for other, key in simple(name, this).items() if real(this[key]) is not None
    }
    for other, key in beside.items():
        best = real(this[key])
        if mine is None or best is None or not way:
            continue
        low: float | None
        high: float | None
        gain, half = (mine - best) * way, NORMAL * (error or 0.0)
        low, high = gain - half, gain + half
        if f"{key}_gain_low" in this:
            low, high = (real(this.get(f"{key}_gain_{end}")) for end in ("low", "high"))
        if low is None or high is None:
            doubtful.append(Doubt(other, False, "too few blocks of rows"))
        elif low <= 0:
            size = max(abs(mine), abs(best))
            text = " to ".join(figure(end, True, size) for end in dict.fromkeys((low, high)))
            doubtful.append(Doubt(other, high < 0, f"gain {text}"))
    if "dummy" not in beside:
        told = {key: value for key, value in this.items() if parts(key)[1] == "better_than_dummy"}
        if any(value is False and parts(key)[0] == splits for key, value in told.items()):
            doubtful.append(Doubt("dummy", True, "as its pipeline says"))
    return doubtful
