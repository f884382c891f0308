"""A chart of two lines: as Mermaid, which GitHub draws, and as a picture for a page."""

import base64
import json
import math
from dataclasses import dataclass

from strata.core.markdown import label

BASE, THIS = "#8c959f", "#0969da"
LEFT, RIGHT, TOP, BOTTOM = 80, 760, 60, 420  # of the drawn area of a picture, in pixels


@dataclass(frozen=True)
class Chart:
    """Two lines, of two ``names``. ``x`` is the ends of a range of numbers or a list of names."""

    title: str
    x_label: str
    y_label: str
    x: list[str] | tuple[float, float]
    base: list[float]
    this: list[float]
    names: tuple[str, str] = ("base", "this")

    @property
    def heading(self) -> str:
        return f"{label(self.title, 60)}, {self.names[0]} grey, {self.names[1]} blue"


def mermaid(chart: Chart) -> str:
    """A chart as Mermaid, in its fence."""
    if isinstance(chart.x, tuple):
        axis = f'"{label(chart.x_label)}" {chart.x[0]:.4g} --> {chart.x[1]:.4g}'
    else:
        axis = "[" + ", ".join(f'"{label(name)}"' for name in chart.x) + "]"
    rows = _rows(chart)
    palette = {"themeVariables": {"xyChart": {"plotColorPalette": f"{BASE}, {THIS}"}}}
    lines = [
        f"%%{{init: {json.dumps(palette)}}}%%",
        "xychart-beta",
        f'  title "{chart.heading}"',
        f"  x-axis {axis}",
        f'  y-axis "{label(chart.y_label)}" {rows[0][0]:.12g} --> {rows[-1][0]:.12g}',
        *(f"  line [{', '.join(f'{v:.4g}' for v in line)}]" for line in (chart.base, chart.this)),
    ]
    return "\n".join(["```mermaid", *lines, "```"])  # no label has a backtick


def picture(chart: Chart) -> str:
    """A chart as an SVG picture for a page; inside an image, nothing can run."""
    rows = _rows(chart)
    low, high = rows[0][0], rows[-1][0]
    end = max(len(chart.base), len(chart.this)) - 1
    if isinstance(chart.x, tuple):
        first, last = chart.x
        columns = [((x - first) / (last - first), text) for x, text in ticks(first, last, 5)]
    else:
        every = math.ceil(len(chart.x) / 6)
        columns = [(n / end, label(chart.x[n])) for n in range(0, len(chart.x), every)]

    def across(share: float) -> float:
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def down(value: float) -> float:
        return round(BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP), 1)

    below, above = label(chart.x_label, 80), label(chart.y_label, 80)
    texts: list[tuple[float, float, str, str]]
    texts = [(LEFT, TOP - 35, "start", chart.heading), (LEFT, TOP - 12, "start", above)]
    texts += [((LEFT + RIGHT) / 2, BOTTOM + 46, "middle", below)]
    texts += [(LEFT - 8, down(y) + 5, "end", text) for y, text in rows]
    texts += [(across(x), BOTTOM + 24, "middle", text) for x, text in columns]
    drawn = [f'<path stroke="#d0d7de" d="M{LEFT} {down(y)}H{RIGHT}"/>' for y, _ in rows]
    for colour, line in ((BASE, chart.base), (THIS, chart.this)):
        points = " ".join(f"{across(n / end)},{down(y)}" for n, y in enumerate(line))
        drawn.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'
        )
    drawn += [
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in texts
    ]
    box = f'<svg xmlns="http://www.w3.org/2000/svg" width="{RIGHT + 40}" height="{BOTTOM + 60}"'
    box += ' font-size="15" font-family="sans-serif">'
    coded = base64.b64encode("".join([box, *drawn, "</svg>"]).encode()).decode()
    return f'<img alt="{label(chart.title)}" src="data:image/svg+xml;base64,{coded}">'


def _rows(chart: Chart) -> list[tuple[float, str]]:
    """Round values, the first below both lines and the last above them, with their labels."""
    low, high = min([*chart.base, *chart.this]), max([*chart.base, *chart.this])
    size = max(abs(low), abs(high))
    pad = 0 if high - low > 1e-9 * size else size / 20 or 0.05  # no line is flat on an axis
    return ticks(low - pad, high + pad, 5, around=True)


def ticks(low: float, high: float, steps: int, *, around: bool = False) -> list[tuple[float, str]]:
    """Round values between two others, about ``steps`` of them, each with a short label.

    With ``around`` the first is at most the lower one, and the last at least the higher.
    """
    least = (high - low) / steps
    power = math.floor(math.log10(least))
    step = next(s for s in (10.0**power * m for m in (1, 2, 5, 10)) if s >= least * 0.999)
    first, last = (round(end / step, 6) for end in (low, high))
    down, up = (math.floor, math.ceil) if around else (math.ceil, math.floor)
    values = [step * at for at in range(down(first), up(last) + 1)]
    labels = [f"{value:,.{max(0, -math.floor(math.log10(step)))}f}" for value in values]
    texts = [t if len(t) < 9 else f"{v:.3g}" for v, t in zip(values, labels, strict=True)]
    return list(zip(values, texts, strict=True))
