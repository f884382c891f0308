import math
from typing import Any

import pytest

from strata.paired import COMMON, Difference, Group
from strata.report.verdict import Direction, check, estimate, overall
from strata.values import Leaves

DIRECTION = Direction(frozenset({"auc"}), frozenset({"loss"}))


def group(low: float, high: float, relabelled: int = 0, before: float = 0.7) -> Group:
    return Group(100, 10, relabelled, {"auc": Difference(before, before + 0.01, low, high)})


BASE: Leaves = {"test.auc": 0.7, "test.auc_se": 0.03}
THIS: Leaves = {"test.auc": 0.71, "test.auc_se": 0.04}


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.001, 0.02, "better"), (-0.02, -0.001, "worse"), (-0.01, 0.02, "within noise")],
)
def test_a_paired_interval_decides(low: float, high: float, word: str) -> None:
    found = overall("test.auc", 1, BASE, THIS, {"test": group(low, high)})
    assert found[0] == word
    assert found[1] is not None
    assert found[1].how == "paired by day"
    opposite = {"better": "worse", "worse": "better"}.get(word, word)
    assert overall("test.auc", -1, BASE, THIS, {"test": group(low, high)})[0] == opposite


def test_without_predictions_the_interval_is_wide_and_says_unpaired() -> None:
    found = estimate("test.auc", BASE, THIS, {})
    assert found is not None
    assert found.how == "unpaired"
    assert found.interval == pytest.approx((0.01 - 0.098, 0.01 + 0.098))


def test_predictions_that_do_not_give_the_metric_are_not_used() -> None:
    found = estimate("test.auc", BASE, THIS, {"test": group(0.001, 0.02, before=0.9)})
    assert found is not None
    assert found.how == "unpaired"


def test_an_unknown_noise_is_not_called_noise() -> None:
    assert overall("test.auc", 1, {"test.auc": 0.7}, {"test.auc": 0.71}, {})[0] == "noise unknown"
    assert overall("test.auc", 1, {"test.auc": 0.7}, {"test.auc": 0.7}, {})[0] == "same metric"


def test_new_months_are_judged_on_the_rows_both_held_out() -> None:
    word, found, where = overall("test.auc", 1, BASE, THIS, {COMMON: group(0.001, 0.02)})
    assert word == "better"
    assert found is not None
    assert found.difference == pytest.approx(0.01)
    assert "100 rows that both held out" in where


def test_changed_labels_cannot_be_compared() -> None:
    assert overall("test.auc", 1, BASE, THIS, {"test": group(0.1, 0.2, 5)})[0] == "not comparable"


@pytest.mark.parametrize("value", [None, math.nan, "0.7", True, math.inf])
def test_what_is_no_number_is_not_compared(value: Any) -> None:
    assert overall("test.auc", 1, BASE, {"test.auc": value}, {})[0] == "not comparable"
    assert (
        check({"minimum.test.auc": 0.1}, DIRECTION, BASE, {"test.auc": value}, {})[0].passed
        is False
    )


@pytest.mark.parametrize(
    ("gate", "limit", "passed"),
    [
        ("minimum.test.auc", 0.7, True),
        ("minimum.test.auc", 0.72, False),
        ("maximum.test.loss", 0.5, True),
        ("maximum.test.loss", 0.4, False),
        ("maximum_regression.test.loss", 0.1, True),
        ("maximum_regression.test.loss", 0.04, False),
        ("maximum_regression.test.auc", 0, True),
        ("minimum.test.gone", 0.1, False),
        ("maximum_regression.test.gone", 0.1, False),
        ("maximum_regression.test.new", 0.1, None),
        ("minimun.test.auc", 0.1, False),
        ("minimum.test.auc", "0.1", False),
        ("minimum.test.auc", math.nan, False),
        ("minimum", 0.1, False),
    ],
)
def test_gates(gate: str, limit: Any, passed: bool | None) -> None:
    base = {"test.auc": 0.7, "test.loss": 0.4, "test.gone": 1}
    this = {"test.auc": 0.71, "test.loss": 0.45, "test.new": 1}
    assert check({gate: limit}, DIRECTION, base, this, {})[0].passed is passed


def test_a_regression_is_measured_on_the_rows_in_both() -> None:
    harder = {"test.auc": 0.5}
    (gate,) = check(
        {"maximum_regression.test.auc": 0.1}, DIRECTION, BASE, harder, {COMMON: group(0.0, 0.0)}
    )
    assert gate.passed
    assert gate.value == pytest.approx(-0.01)
    (gate,) = check({"maximum_regression.test.auc": 0.1}, DIRECTION, BASE, harder, {})
    assert not gate.passed
