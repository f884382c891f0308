import pytest

from kit.report.binary import METRICS
from kit.report.summary import figure, figures, table

FIGURES = dict.fromkeys(METRICS, 0.71249)
SPLIT = {
    "n": 28889,
    "base_rate": 0.2,
    **FIGURES,
    **{f"{name}_se": 0.0104 for name in METRICS},
    "dummy": {**FIGURES, "roc_auc": 0.5, "roc_auc_gain_low": 0.1, "roc_auc_gain_high": 0.3},
    "baseline": {**FIGURES, "roc_auc": 0.6, "roc_auc_gain_low": 0.1, "roc_auc_gain_high": 0.2},
}


def cells(report: dict[str, dict[str, object]]) -> list[list[str]]:
    lines = [line for line in table(report, METRICS).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_metric_a_row_with_its_error_and_the_dummy_beside_it() -> None:
    rows = cells({"validation": SPLIT, "test": SPLIT})
    assert rows[0] == [
        "metric",
        *("validation", "dummy", "baseline"),
        *("test", "dummy", "baseline"),
    ]
    assert rows[2] == ["ROC AUC", *["0.712 ± 0.010", "0.500", "0.600"] * 2]
    assert [row[0] for row in rows[2:-1]] == [
        *("ROC AUC", "average precision", "log loss", "Brier score", "base rate")
    ]
    assert rows[-2] == ["base rate", *["0.200", "", ""] * 2]
    assert rows[-1][1:] == ["28,889", "", ""] * 2


def test_a_metric_that_does_not_exist_is_a_dash() -> None:
    assert figure(None) == "–"
    rows = cells({"test": SPLIT | {"roc_auc": None, "roc_auc_se": None}})
    assert rows[2] == ["ROC AUC", "– ± –", "0.500", "0.600"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.2, -0.1, "worse than the dummy by ROC AUC: gain -0.200 to -0.100"),
        (-0.1, 0.1, "not shown to be better than the dummy by ROC AUC: gain -0.100 to 0.100"),
        (None, None, "too few blocks to tell whether it is better than the dummy"),
    ],
)
def test_what_the_model_is_not_shown_to_beat_is_said_first(
    low: float | None, high: float | None, words: str
) -> None:
    dummy = {**FIGURES, "roc_auc_gain_low": low, "roc_auc_gain_high": high}
    text = figures({"validation": SPLIT, "test": SPLIT | {"dummy": dummy}}, METRICS)
    assert text.startswith(f"**On test, {words}.**\n\n|")


def test_a_value_in_thousands_has_no_decimals() -> None:
    assert (figure(12345.678), figure(12.3456)) == ("12,346", "12.346")


def test_all_lines_of_the_table_are_equally_wide_and_it_ends_in_one_line_end() -> None:
    text = table({"test": SPLIT}, METRICS)
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1
    assert text.endswith("|\n")
