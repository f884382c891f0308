"""The plots of dvc.yaml, base against this: as Mermaid, which GitHub draws, and as pictures."""

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from strata.errors import Fault
from strata.revision import Absent, Plot

BASE, THIS = "#8c959f", "#0969da"
Point = tuple[str, float, str]
GRID = 21  # points of a curve, evenly spaced, as Mermaid knows no other way


@dataclass(frozen=True)
class Chart:
    """Two lines. ``x`` is either the ends of a range of numbers or a list of names."""

    title: str
    x_label: str
    y_label: str
    x: list[str] | tuple[float, float]
    base: list[float]
    this: list[float]


def charts(
    plots: Sequence[Plot],
    base: Callable[[str], str],
    this: Callable[[str], str],
    same_rows: bool = True,
) -> tuple[list[Chart], list[str]]:
    """The curves among some plots, and what could not be read of them.

    The two functions give a file's text, or raise Absent, or another Fault. A plot that is no
    curve, or whose file one side does not have, is not among them. A title says so if the rows
    behind the two lines are others.
    """
    found: list[Chart] = []
    faults: list[str] = []
    for plot in plots:
        if plot.is_image or plot.x is None:
            continue
        for column in plot.y:
            try:
                texts = [base(plot.path), this(plot.path)]
            except Absent:
                continue
            except Fault as fault:
                faults.append(str(fault))
                continue
            points = [_points(plot.path, text, plot.x, column) for text in texts]
            chart = _chart(plot, same_rows, *points)
            found += [chart] if chart else []
    return found, faults


def _rows(path: str, text: str) -> Iterable[dict[str, Any]]:
    """The rows of a plot's file: CSV, TSV, or the first list in JSON, as DVC takes them."""
    if path.endswith(".json"):
        found = json.loads(text)
        while isinstance(found, dict) and found:
            found = next(iter(found.values()))
        return found if isinstance(found, list) else []
    return csv.DictReader(io.StringIO(text), delimiter="\t" if path.endswith(".tsv") else ",")


def _points(path: str, text: str, x: str, y: str) -> list[Point]:
    """x, y and a mark of each row that has numbers: that it was trained on, if a column says so."""
    try:
        points = [
            (str(row[x]), float(row[y]), " train" if row.get("split") == "train" else "")
            for row in _rows(path, text)
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    return [point for point in points if np.isfinite(point[1])]


def _chart(
    plot: Plot,
    same_rows: bool,
    base: list[Point],
    this: list[Point],
) -> Chart | None:
    if len(base) < 2 or len(this) < 2:
        return None
    try:
        curves = [np.array(sorted((float(at), value) for at, value, _ in p)) for p in (base, this)]
    except ValueError:
        was, now = ({at: value for at, value, _ in p} for p in (base, this))
        names = sorted(now)
        if names[: len(was)] != sorted(was):  # a line of Mermaid's has no gaps
            names = [name for name in names if name in was]
        if len(names) < 2:
            return None
        marks = {at: mark for at, _, mark in this}
        x = [name + marks[name] for name in names]
        old = [was[name] for name in names if name in was]
        return Chart(plot.title, plot.x_label, plot.y_label, x, old, [now[name] for name in names])
    low = max(float(curve[0, 0]) for curve in curves)
    high = min(float(curve[-1, 0]) for curve in curves)
    if not low < high:
        return None
    grid = np.linspace(low, high, GRID)
    lines = [np.interp(grid, curve[:, 0], curve[:, 1]).round(4).tolist() for curve in curves]
    title = plot.title if same_rows else f"{plot.title}, of other rows"
    return Chart(title, plot.x_label, plot.y_label, (low, high), *lines)


def label(text: object, limit: int = 40) -> str:
    """A label for Mermaid, to stand in quotes: letters, digits and signs without a meaning."""
    return "".join(c if c.isalnum() or c in " _-.,/@" else "·" for c in str(text)[:limit]) or "·"


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
        f'  title "{label(chart.title, 60)}, base grey, this blue"',
        f"  x-axis {axis}",
        f'  y-axis "{label(chart.y_label)}" {low:.4g} --> {high:.4g}',
        *(f"  line [{', '.join(f'{v:.4g}' for v in line)}]" for line in (chart.base, chart.this)),
    ]
    return "\n".join(["```mermaid", *lines, "```"])  # no label has a backtick


def picture(chart: Chart) -> str:
    """A chart as an SVG picture for a page; inside an image, nothing can run."""
    low, high = _range([*chart.base, *chart.this])
    x = [f"{end:.4g}" for end in chart.x] if isinstance(chart.x, tuple) else chart.x
    texts = [(60, 20, f"{label(chart.title, 60)}, base grey, this blue"), (60, 40, chart.y_label)]
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
