"""The templates of `dvc plots`, drawn by Vega as on its page, and that page."""

from collections.abc import Iterator
from typing import Any

import pytest
import vl_convert
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer
from frames import ROOT

PLOTS = ROOT / ".dvc/plots"
ROWS = [
    {"x": "9.5", "y": "1.0"},
    {"x": "-10.0", "y": "0.0"},
    {"x": "9e-06", "y": "0.5"},
]  # as DVC reads CSV


def drawn(template: str, rows: list[dict[str, str]]) -> dict[str, list[list[dict[str, Any]]]]:
    """What Vega draws of the rows of two revisions: groups of items, by their kind or role."""
    points = [row | {"rev": rev} for rev in ("workspace", "v1") for row in rows]
    names = {"template": template, "template_dir": str(PLOTS), "x": "x", "y": "y"}
    spec = VegaRenderer(points, "plot", **names).get_filled_template()
    groups: dict[str, list[list[dict[str, Any]]]] = {}
    for mark in marks(vl_convert.vegalite_to_scenegraph(spec)):
        kind = mark["marktype"] if mark["role"] == "mark" else mark["role"]
        groups.setdefault(kind, []).append(mark["items"])
    return groups


def marks(node: Any) -> Iterator[dict[str, Any]]:
    """All marks of a scene."""
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            yield from marks(inner)
    if isinstance(node, dict) and "marktype" in node:
        yield node


@pytest.mark.parametrize("template", ["line", "steps", "against_diagonal"])
def test_each_revision_has_a_line_along_its_numbers(template: str) -> None:
    lines = drawn(template, ROWS)["line"]
    assert len(lines) == 2
    for line in lines:
        assert [item.get("x", 0) for item in line] == sorted(item.get("x", 0) for item in line)


def test_each_class_has_its_curves_and_a_diagonal() -> None:
    rows = [row | {"class": name} for name in ("a", "b", "c") for row in ROWS]
    found = drawn("by_class", rows)
    assert len(found["line"]) == 6
    assert len(found["rule"]) == 3


@pytest.mark.parametrize("template", ["against_diagonal", "by_class"])
def test_a_diagonal_runs_from_the_least_to_the_greatest(template: str) -> None:
    groups = drawn(template, [row | {"class": "a"} for row in ROWS])
    ((rule,),) = groups["rule"]
    assert rule["strokeDash"]
    places = [item.get("x", 0) for item in groups["line"][0]]
    assert (rule.get("x", 0), rule["x2"]) == (min(places), max(places))
    assert rule["y"] > rule["y2"]


def test_bars_are_in_the_order_of_their_numbers() -> None:
    rows = [{"x": row["x"], "y": f"feature {row['x']}"} for row in ROWS]
    labels = [
        [item.get("text") for item in group] for group in drawn("bars_in_order", rows)["axis-label"]
    ]
    assert ["feature 9.5", "feature 9e-06", "feature -10.0"] in labels


def test_the_figures_of_a_confusion_matrix_can_be_read_in_dark_cells() -> None:
    counts = iter(("1000", "90", "9", "600"))
    rows = [{"x": x, "y": y, "rows": next(counts)} for x in "ab" for y in "ab"]
    dark, light = dict.fromkeys(("1,000", "600"), "white"), dict.fromkeys(("90", "9"), "black")
    for cells in drawn("confusion_counts", rows)["text"]:
        assert {item["text"]: item["fill"] for item in cells} == dark | light


def test_points_of_partitions_tell_their_split() -> None:
    rows = [
        row | {"split": split} for row, split in zip(ROWS, ("test", "train", "train"), strict=True)
    ]
    (points,) = drawn("by_partition", rows)["symbol"]
    assert len({item["shape"] for item in points}) == 2


def test_no_template_needs_a_hand() -> None:
    assert not [path.name for path in PLOTS.glob("*.json") if '"bind"' in path.read_text("utf-8")]


def test_the_page_is_in_utf_8_and_has_what_draws_it_from_the_environment() -> None:
    page = HTML((PLOTS / "page.html").read_text("utf-8")).with_element("Größe").embed()
    assert '<meta charset="utf-8">' in page.partition("<title>")[0]
    assert page.index('src="../.venv/vega.js"') < page.index("Größe")
