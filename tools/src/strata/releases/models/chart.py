"""The geometry of a metric's curve over the history.

Across, places are per cent of the width, so that a picture fits any screen and its text keeps its
size; down, they are pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from strata.core.charts import ticks
from strata.releases.models.figures import Metric


@dataclass(frozen=True)
class Dot:
    """A commit's point, by its place in the list; ``top`` and ``bottom`` end its interval."""

    at: int
    x: float
    y: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Chart:
    """Dots, the lines between neighbours (x1, y1, x2, y2), and grid lines with their labels."""

    height: int
    dots: list[Dot]
    lines: list[tuple[float, float, float, float]]
    grid: list[tuple[float, str]]


def chart(metrics: Sequence[Metric | None], height: int, head: int, steps: int) -> Chart | None:
    """Draw metrics, the oldest first; None if there are none.

    A line has a gap where a value is missing. ``head`` is the room left free above, in pixels.
    """
    values = [(at, each.value, each.half or 0.0) for at, each in enumerate(metrics) if each]
    if not values:
        return None
    low = min(value - half for _, value, half in values)
    high = max(value + half for _, value, half in values)
    pad = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - pad, high + pad

    def down(value: float) -> float:
        return round(head + (height - head - 8) * (high - value) / (high - low), 1)

    across = 96 / max(1, len(metrics) - 1)
    dots = [
        Dot(at, round(2 + at * across, 2), down(value), down(value + half), down(value - half))
        for at, value, half in values
    ]
    lines = [(a.x, a.y, b.x, b.y) for a, b in pairwise(dots) if b.at == a.at + 1]
    grid = [(down(tick), label) for tick, label in ticks(low, high, steps)]
    return Chart(height, dots, lines, grid)
