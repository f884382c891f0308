"""The curves among the plots of dvc.yaml, base against this."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np

from strata.core import trust
from strata.core.charts import Chart
from strata.core.errors import Fault, first_line
from strata.core.values import LARGE, real
from strata.dvc.revision import Absent, Plot

Point = tuple[str, float, str]
GRID = 51  # points of a curve, evenly spaced, as Mermaid knows no other way


def charts(
    plots: Sequence[Plot],
    base: Callable[[str], str],
    this: Callable[[str], str],
    same_rows: bool = True,
) -> tuple[list[Chart], list[str]]:
    """The curves among some plots, and why others could not be read.

    ``base`` and ``this`` give a file's text, and raise Absent or another Fault. A plot that is no
    curve, or whose file one side lacks, is left out. A title says so if the two lines are not of
    the same rows.
    """
    drawn: list[Chart] = []
    faults: list[str] = []
    for plot in plots:
        if plot.is_image or plot.x is None:
            continue
        try:
            texts = [base(plot.path), this(plot.path)]
            sides = [_rows(plot.path, text) for text in texts]
        except Absent:
            continue
        except Fault as fault:
            faults.append(str(fault))
            continue
        for column in plot.y:
            was, now = (_points(rows, plot.x, column) for rows in sides)
            for name, points in now.items():
                titled = replace(plot, title=f"{plot.title}, {name}") if name else plot
                if chart := _chart(titled, same_rows, was.get(name, []), points):
                    drawn.append(chart)
    return drawn, faults


def _rows(path: str, text: str) -> list[dict[str, Any]]:
    """The rows of a plot's file: CSV, TSV, or the first list in JSON, as DVC takes them.

    Raises Fault if it is no such file.
    """
    if path.endswith(".json"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Fault(f"{path} cannot be read: {first_line(error)}") from None
        trust.check_values(content, path)
        while isinstance(content, dict) and content:
            content = next(iter(content.values()))
        return content if isinstance(content, list) else []
    try:
        return list(
            csv.DictReader(io.StringIO(text), delimiter="\t" if path.endswith(".tsv") else ",")
        )
    except csv.Error as error:
        raise Fault(f"{path} cannot be read: {error}") from None


def _points(rows: list[dict[str, Any]], x: str, y: str) -> dict[str, list[Point]]:
    """x, y and a mark of each row, by its class: of several, a column ``class`` says which.

    Rows that were trained on are marked, if a column ``split`` says so.
    """
    points: dict[str, list[Point]] = {}
    try:
        for row in rows:
            mark = " train" if row.get("split") == "train" else ""
            point = (str(row[x]), float(row[y]), mark)
            if real(point[1]) is not None:
                points.setdefault(str(row.get("class", "")), []).append(point)
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return points


def _chart(plot: Plot, same_rows: bool, base: list[Point], this: list[Point]) -> Chart | None:
    if len(base) < 2 or len(this) < 2:
        return None
    try:
        # By x alone: where a curve rises straight up, its points stand in their order in the file.
        both = ([(float(at), value) for at, value, _ in side] for side in (base, this))
        curves = [np.array(sorted(side, key=itemgetter(0))) for side in both]
        if not all((np.abs(curve) < LARGE).all() for curve in curves):
            return None
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
