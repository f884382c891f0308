import math
from typing import Any

import pytest

from strata.compare.baselines import doubts
from strata.compare.paired import COMMON, Difference, Group
from strata.compare.seeds import Seeds
from strata.compare.verdict import Evidence, check, estimate, overall
from strata.core.values import Leaves


def group(low: float, high: float, relabelled: int = 0, before: float = 0.7) -> Group:
    between = {"auc": Difference(before, before + 0.01, low, high)}
    return Group(100, 10, relabelled, between, "day")


BASE: Leaves = {"test.auc": 0.7, "test.auc_se": 0.03}
THIS: Leaves = {"test.auc": 0.71, "test.auc_se": 0.04}


def evidence(groups: dict[str, Group], **others: Any) -> Evidence:
    return Evidence(BASE, THIS, groups, **others)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.001, 0.02, "better"), (-0.02, -0.001, "worse"), (-0.01, 0.02, "cannot tell")],
)
def test_a_paired_interval_decides(low: float, high: float, word: str) -> None:
    between = {"auc": Difference(0.7, 0.7 + (low + high) / 2, low, high)}
    this = {"test.auc": 0.7 + (low + high) / 2}
    groups = {"test": Group(100, 10, 0, between, "day")}
    found = overall("test.auc", Evidence(BASE, this, groups))
    assert found[0] == word
    assert found[1] is not None
    assert found[1].how == "paired by day"
    assert found[1].interval == pytest.approx((low, high))
    opposite = {"better": "worse", "worse": "better"}.get(word, word)
    assert (
        overall("test.auc", Evidence(BASE, this, groups, lower=frozenset({"auc"})))[0] == opposite
    )


def test_the_rows_of_two_sides_must_be_shown_to_be_the_same() -> None:
    word, found, why = overall("test.auc", evidence({}))
    assert word == "not comparable"
    assert found is not None
    assert found.interval is None
    assert "of the same rows" in why
    found = estimate("test.auc", evidence({}, same_rows=True))
    assert found is not None
    assert found.how == "unpaired"
    assert found.interval == pytest.approx((0.01 - 0.098, 0.01 + 0.098))


def test_predictions_that_do_not_give_the_metric_are_not_used() -> None:
    found = estimate("test.auc", evidence({"test": group(0.001, 0.02, before=0.9)}))
    assert found is not None
    assert found.how == "unpaired"


def test_an_unknown_noise_is_not_called_noise() -> None:
    base, this = {"test.auc": 0.7}, {"test.auc": 0.71}
    assert overall("test.auc", Evidence(base, this, {}, True))[0] == "noise unknown"
    assert overall("test.auc", Evidence(base, base, {}, True))[0] == "same metric"


def test_new_months_are_judged_on_the_rows_both_held_out() -> None:
    word, found, where = overall("test.auc", evidence({COMMON: group(0.001, 0.02)}))
    assert word == "better"
    assert found is not None
    assert found.difference == pytest.approx(0.01)
    assert "100 rows that neither learned from" in where


def test_changed_labels_cannot_be_compared() -> None:
    found = evidence({"test": group(0.1, 0.2, 5)})
    assert overall("test.auc", found)[0] == "not comparable"
    (gate,) = check({"maximum_regression.test.auc": 0}, found)
    assert gate.passed is None


def test_the_fits_own_randomness_widens_the_interval() -> None:
    alone = overall("test.auc", evidence({"test": group(0.001, 0.02)}))
    assert alone[0] == "better"
    seeds = Seeds("c" * 40, "train.seed", list(range(10)), {"test.auc": 0.01})
    word, found, _ = overall(
        "test.auc", evidence({"test": group(0.001, 0.02)}, seeds=(seeds, None))
    )
    assert word == "cannot tell"
    assert found is not None
    assert found.interval is not None
    half = 2.2622 * math.sqrt(2) * 0.01  # Student's t with 9 degrees of freedom, two fits
    assert found.interval[0] == pytest.approx(0.01 - math.hypot(0.009, half), abs=1e-5)
    assert found.interval[1] == pytest.approx(0.01 + math.hypot(0.01, half), abs=1e-5)
    assert evidence({}, seeds=(seeds, None)).fit("auc") == pytest.approx(half, abs=1e-5)
    assert evidence({}, seeds=(seeds, None)).fit("test.loss") is None


def test_a_loss_that_nobody_would_see_is_no_worse_without_a_gate() -> None:
    groups = {"test": group(-0.004, 0.02)}
    assert overall("test.auc", evidence(groups))[0] == "cannot tell"
    base = BASE | {"test.dummy.auc": 0.6}
    found = Evidence(base, THIS, groups, higher=frozenset({"auc"}))
    assert found.margin("test.auc") == pytest.approx(0.005)
    assert overall("test.auc", found)[0] == "no worse"
    for other, margin in (({"test.auc_se": 0.001}, 0.001), ({"test.dummy.auc": 0.8}, 0.0)):
        assert Evidence(base | other, THIS).margin("test.auc") == margin
    assert Evidence(base, THIS, margins={"test.auc": 0.02}).margin("test.auc") == 0.02


def test_no_word_is_said_of_fits_whose_seeds_part_is_not_measured() -> None:
    groups = {"test": group(0.001, 0.02)}
    word, found, why = overall("test.auc", evidence(groups, seeded=True))
    assert (word, "strata seeds 10" in why) == ("cannot tell", True)
    assert found is not None
    assert found.interval == pytest.approx((0.001, 0.02))
    other = Seeds("c" * 40, "train.seed", [0, 1, 2], {"test.loss": 0.0})
    assert overall("test.auc", evidence(groups, seeded=True, seeds=(other, None)))[0] == word
    same = Difference(0.7, 0.7, 0.0, 0.0)
    groups = {"test": Group(100, 10, 0, {"auc": same}, "day")}
    assert overall("test.auc", Evidence(BASE, BASE, groups, seeded=True))[0] == "no worse"


@pytest.mark.parametrize("value", [None, math.nan, "0.7", True, math.inf])
def test_what_is_no_number_is_not_compared(value: Any) -> None:
    found = Evidence(BASE, {"test.auc": value})
    assert overall("test.auc", found)[0] == "not comparable"
    assert check({"minimum.test.auc": 0.1}, found)[0].passed is False


@pytest.mark.parametrize(
    ("gate", "limit", "passed"),
    [
        ("minimum.test.auc", 0.7, True),
        ("minimum.test.auc", 0.72, False),
        ("maximum.test.log_loss", 0.5, True),
        ("maximum.test.log_loss", 0.4, False),
        ("maximum_regression.test.log_loss", 0.1, True),
        ("maximum_regression.test.log_loss", 0.04, False),
        ("maximum_regression.test.auc", 0, True),
        ("minimum.test.gone", 0.1, False),
        ("maximum_regression.test.gone", 0.1, False),
        ("maximum_regression.test.f1", 0.1, None),
        ("minimun.test.auc", 0.1, False),
        ("minimum.test.auc", "0.1", False),
        ("minimum.test.auc", math.nan, False),
        ("minimum", 0.1, False),
    ],
)
def test_gates(gate: str, limit: Any, passed: bool | None) -> None:
    base = {"test.auc": 0.7, "test.log_loss": 0.4, "test.gone": 1}
    this = {"test.auc": 0.71, "test.log_loss": 0.45, "test.f1": 1}
    assert check({gate: limit}, Evidence(base, this, {}, True))[0].passed is passed


def test_a_regression_is_measured_on_the_same_rows_or_not_at_all() -> None:
    harder, gates = {"test.auc": 0.5}, {"maximum_regression.test.auc": 0.1}
    (gate,) = check(gates, Evidence(BASE, harder, {COMMON: group(0.0, 0.0)}))
    assert gate.passed
    assert gate.value == pytest.approx(-0.01)
    (gate,) = check(gates, Evidence(BASE, harder))
    assert gate.passed is None
    assert gate.why == "cannot be compared: other rows"
    (gate,) = check(gates, Evidence(BASE, harder, {}, True))
    assert gate.passed is False


GAIN = {"test.dummy.roc_auc": 0.5, "test.dummy.roc_auc_gain_low": -0.1}
WORSE, UNSURE = "worse than the", "not shown to be better than the"


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        ({}, []),
        ({"test.dummy.roc_auc": 0.5, "test.baseline.roc_auc": 0.6}, []),
        ({"test.baseline.roc_auc": 0.75}, [f"{WORSE} baseline (gain -0.0500)"]),
        ({"test.dummy.roc_auc": 0.7}, [f"{UNSURE} dummy (gain 0)"]),
        (
            {"test.roc_auc_se": 0.05, "test.baseline.roc_auc": 0.75},
            [f"{UNSURE} baseline (gain -0.1480 to +0.0480)"],
        ),
        (
            {"test.roc_auc_se": 0.01, "test.dummy.roc_auc": 0.75},
            [f"{WORSE} dummy (gain -0.0696 to"],
        ),
        (
            GAIN | {"test.dummy.roc_auc_gain_high": 0.3},
            [f"{UNSURE} dummy (gain -0.1000 to +0.3000)"],
        ),
        (GAIN | {"test.dummy.roc_auc_gain_high": -0.05}, [f"{WORSE} dummy (gain -0.1000 to"]),
        (GAIN | {"test.dummy.roc_auc_gain_low": 0.1, "test.dummy.roc_auc_gain_high": 0.3}, []),
        (
            GAIN | {"test.dummy.roc_auc_gain_low": None},
            [f"{UNSURE} dummy (too few blocks of rows)"],
        ),
        ({"validation.dummy.roc_auc": 0.9, "test.dummy.roc_auc": None}, []),
        ({"test.better_than_dummy": True}, []),
        ({"test.better_than_dummy": False}, [f"{WORSE} dummy (as its pipeline says)"]),
        ({"test.better_than_dummy": False, "test.dummy.roc_auc": 0.5}, []),  # by another metric
        ({"validation.better_than_dummy": False}, []),
    ],
)
def test_a_model_that_is_not_shown_to_be_better_than_a_simple_one(
    more: dict[str, Any], texts: list[str]
) -> None:
    found = doubts("test.roc_auc", Evidence({}, {"test.roc_auc": 0.7, **more}))
    assert len(found) == len(texts)
    for doubt, text in zip(found, texts, strict=True):
        assert doubt.text.startswith(text)
        assert doubt.is_worse == text.startswith(WORSE)


def test_less_of_a_loss_is_better_than_the_dummy() -> None:
    for mine, worse in ((0.4, []), (0.6, [True])):
        found = Evidence({}, {"test.log_loss": mine, "test.dummy.log_loss": 0.5})
        assert [doubt.is_worse for doubt in doubts("test.log_loss", found)] == worse
