import base64
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given as holds
from hypothesis import strategies as st

from strata.core.charts import Chart, mermaid, picture, ticks
from strata.dvc.revision import Absent, Offline, Plot
from strata.report.charts import GRID, charts

PLOTS = [
    Plot("ROC", "roc.csv", "fpr", ("tpr",), "false positives", "tpr"),
    Plot("Months", "months.csv", "month", ("auc",), "month", "auc"),
    Plot("Bars", "bars.csv", "loss", ("feature",)),
    Plot("Absent", "absent.csv", "a", ("b",)),
    Plot("metrics/image.png", "metrics/image.png"),
]
FILES = {
    "roc.csv": "fpr,tpr\n0,0\n0.5,0.8\n1,1\n",
    "months.csv": "month,auc\n2013-01,0.7\n2013-02,0.8\n",
    "bars.csv": "loss,feature\n0.1,a\n0.2,b\n",
}


def given(files: dict[str, str]) -> Callable[[str], str]:
    def text(path: str) -> str:
        if path not in files:
            raise Absent(path)
        return files[path]

    return text


def test_curves_are_drawn_base_against_this() -> None:
    newer = {**FILES, "months.csv": FILES["months.csv"] + "2013-03,0.6\n"}
    (roc, months), faults = charts(PLOTS, given(FILES), given(newer))
    assert faults == []
    assert roc.base == roc.this
    assert roc.base == pytest.approx(np.interp(np.linspace(0, 1, GRID), [0, 0.5, 1], [0, 0.8, 1]))
    assert roc.x_label == "false positives"
    assert months == Chart(
        "Months", "month", "auc", ["2013-01", "2013-02", "2013-03"], [0.7, 0.8], [0.7, 0.8, 0.6]
    )
    drawn = mermaid(months)
    assert '  x-axis ["2013-01", "2013-02", "2013-03"]' in drawn
    assert "  line [0.7, 0.8]\n  line [0.7, 0.8, 0.6]\n" in drawn


def test_months_that_only_one_side_has_in_between_are_left_out() -> None:
    base = {"months.csv": "month,auc\n2013-02,0.8\n2013-03,0.7\n"}
    this = {"months.csv": "month,auc\n2013-01,0.7\n2013-02,0.8\n2013-03,0.9\n"}
    ((chart,), _) = charts(PLOTS, given(base), given(this))
    assert chart.x == ["2013-02", "2013-03"]


@pytest.mark.parametrize("text", ["", "fpr\n0\n", "fpr,tpr\n0,nan\n1,nan\n", "fpr,tpr\n0,0\n", "x"])
def test_a_file_that_is_no_curve_is_not_drawn(text: str) -> None:
    assert charts(PLOTS[:1], given(FILES), given({"roc.csv": text})) == ([], [])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("roc.json", '{"roc": [{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}]}'),
        ("roc.json", '[{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}]'),
        ("roc.tsv", "fpr\ttpr\n0\t0\n1\t1\n"),
    ],
)
def test_curves_in_json_and_tsv_are_drawn(path: str, text: str) -> None:
    plots = [Plot("ROC", path, "fpr", ("tpr",))]
    ((roc,), _) = charts(plots, given({path: text}), given({path: text}))
    assert roc.this[-1] == 1
    assert charts(plots, given({path: "1"}), given({path: text})) == ([], [])


def test_a_curve_that_rises_straight_up_starts_at_its_top() -> None:
    text = "fpr,tpr\n0,0\n0,0.9\n1,0.9\n1,1\n"
    ((roc,), _) = charts(PLOTS[:1], given({"roc.csv": text}), given({"roc.csv": text}))
    assert roc.this == [0.9] * (GRID - 1) + [1]


def test_each_of_several_classes_has_a_curve() -> None:
    text = "fpr,tpr,class\n0,0,a\n1,1,a\n0,0,b\n0,1,b\n1,1,b\n"
    drawn, _ = charts(PLOTS[:1], given({"roc.csv": text}), given({"roc.csv": text}))
    assert [chart.title for chart in drawn] == ["ROC, a", "ROC, b"]
    assert [chart.this[0] for chart in drawn] == [0, 1]


VALUES = st.floats(-1e99, 1e99).filter(lambda x: x == 0 or abs(x) > 1e-99)


@holds(st.lists(VALUES, min_size=2, max_size=5), st.integers(2, 5))
def test_any_lines_lie_between_the_first_tick_and_the_last(base: list[float], more: int) -> None:
    chart = Chart("t", "x", "y", (0.0, 1.0), base, [*base, *base[:1] * more])
    low, high = map(float, re.findall(r'y-axis "y" (\S+) --> (\S+)', mermaid(chart))[0])
    assert low < high
    coded = re.findall('base64,(.*)"', picture(chart))[0]
    svg = base64.b64decode(coded).decode()
    points = re.findall('points="(.*?)"', svg)
    for x, y in (point.split(",") for line in points for point in line.split()):
        assert 80 <= float(x) <= 760
        assert 60 <= float(y) <= 420


@pytest.mark.parametrize(
    ("low", "high", "steps", "labels"),
    [
        (0.612, 0.754, 4, ["0.65", "0.70", "0.75"]),
        (1e6, 3e6, 2, ["1e+06", "2e+06", "3e+06"]),
        (0, 1, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round(low: float, high: float, steps: int, labels: list[str]) -> None:
    assert [label for _, label in ticks(low, high, steps)] == labels


def test_ticks_around_two_values_enclose_them() -> None:
    found = [label for _, label in ticks(0.612, 0.754, 4, around=True)]
    assert found == ["0.60", "0.65", "0.70", "0.75", "0.80"]


def test_months_of_training_and_curves_of_other_rows_are_marked() -> None:
    text = "month,auc,split\n2013-01,0.9,train\n2013-02,0.7,test\n"
    files = {"months.csv": text, "roc.csv": FILES["roc.csv"]}
    (roc, months), _ = charts(PLOTS[:2], given(files), given(files), same_rows=False)
    assert months.x == ["2013-01 train", "2013-02"]
    assert roc.title == "ROC, of other rows"
    assert "of other rows" in mermaid(roc)


def test_a_file_that_cannot_be_had_is_named() -> None:
    def offline(path: str) -> str:
        raise Offline(f"{path}: nothing answers")

    assert charts(PLOTS[:1], given(FILES), offline) == ([], ["roc.csv: nothing answers"])


def test_a_picture_needs_no_network_and_runs_nothing() -> None:
    html = picture(Chart("<b>", "x", "y", (0.0, 1.0), [0.1] * 21, [0.2] * 21))
    assert html.startswith('<img alt="·b·" src="data:image/svg+xml;base64,')


@pytest.mark.parametrize(
    ("path", "text"), [("roc.json", '{"roc": ['), ("roc.csv", f"fpr,tpr\n{'1' * 200_000},1\n")]
)
def test_a_file_that_cannot_be_read_is_said(path: str, text: str) -> None:
    plots = [Plot("ROC", path, "fpr", ("tpr",))]
    drawn, (fault,) = charts(plots, given({path: "[]"}), given({path: text}))
    assert drawn == []
    assert fault.startswith(f"{path} cannot be read: ")
