"""A chart of two lines: as Mermaid, which GitHub draws, and as a picture for a page."""

import base64
import json
from dataclasses import dataclass

from strata.core.markdown import label

BASE, THIS = "#8c959f", "#0969da"


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
    low, high = _range([*chart.base, *chart.this])
    palette = {"themeVariables": {"xyChart": {"plotColorPalette": f"{BASE}, {THIS}"}}}
    lines = [
        f"%%{{init: {json.dumps(palette)}}}%%",
        "xychart-beta",
        f'  title "{chart.heading}"',
        f"  x-axis {axis}",
        f'  y-axis "{label(chart.y_label)}" {low:.4g} --> {high:.4g}',
        *(f"  line [{', '.join(f'{v:.4g}' for v in line)}]" for line in (chart.base, chart.this)),
    ]
    return "\n".join(["```mermaid", *lines, "```"])  # no label has a backtick


def picture(chart: Chart) -> str:
    """A chart as an SVG picture for a page; inside an image, nothing can run."""
    low, high = _range([*chart.base, *chart.this])
    x = [f"{end:.4g}" for end in chart.x] if isinstance(chart.x, tuple) else chart.x
    texts = [(60, 20, f"{chart.heading}"), (60, 40, chart.y_label)]
    texts += [(5, 250 - 50 * step, f"{low + (high - low) * step / 4:.3g}") for step in range(5)]
    texts += [(60, 270, x[0]), (220, 270, chart.x_label), (440, 270, x[-1])]
    step = 420 / (max(len(chart.base), len(chart.this)) - 1)
    drawn = [
        f'<polyline fill="none" stroke="{colour}" points="'
        + " ".join(
            f"{60 + i * step:.1f},{245 - 200 * (y - low) / (high - low):.1f}"
            for i, y in enumerate(line)
        )
        + '"/>'
        for colour, line in ((BASE, chart.base), (THIS, chart.this))
    ]
    drawn += [f'<text x="{at}" y="{down}">{label(text, 80)}</text>' for at, down, text in texts]
    box = '<svg xmlns="http://www.w3.org/2000/svg" width="540" height="280" font-size="12"'
    box += ' font-family="sans-serif">'
    coded = base64.b64encode("".join([box, *drawn, "</svg>"]).encode()).decode()
    return f'<img alt="{label(chart.title)}" src="data:image/svg+xml;base64,{coded}">'


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) / 20 or 0.05
    return low - pad, high + pad
