from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from kit.learn.outcomes import Floats
from kit.report import binary, multiclass, regression
from kit.report.scores import effective, interval, parts, pseudo_values, standard_error

# Few values, so that many are equal; or any, so that hardly two are.
PROBABILITY = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)
ROW = st.tuples(st.booleans(), PROBABILITY, st.integers(0, 5))


def columns(rows: list[tuple[bool, float, int]]) -> tuple[Floats, Floats, Floats]:
    label, probability, weight = np.array(rows, dtype=float).T
    return label, probability, weight


def both_labels(rows: list[tuple[bool, float, int]]) -> bool:
    return {label for label, _, weight in rows if weight} == {True, False}


@given(rows=st.lists(ROW, min_size=2, max_size=40).filter(both_labels))
def test_figures_are_those_of_scikit_learn(rows: list[tuple[bool, float, int]]) -> None:
    label, probability, weight = columns(rows)
    kept = {"sample_weight": weight}
    assert binary.scores(label, probability)(weight) == pytest.approx(
        {
            "roc_auc": roc_auc_score(label, probability, **kept),
            "average_precision": average_precision_score(label, probability, **kept),
            "log_loss": log_loss(label, probability, labels=[0, 1], **kept),
            "brier": brier_score_loss(label, probability, **kept),
        }
    )


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_metric_that_does_not_exist_is_nan(label: float) -> None:
    found = binary.scores(np.full(3, label), np.array([0.1, 0.2, 0.3]))(np.ones(3))
    assert np.isnan(found["roc_auc"])
    assert np.isnan(found["average_precision"]) == (label == 0)
    assert np.isfinite([found["log_loss"], found["brier"]]).all()


@pytest.mark.parametrize("label", [[1.0, 2.0], [0.0, 1e-170]])
@pytest.mark.parametrize("weight", [[0.0, 0.0], [1.0, 1.0]])
def test_a_spread_that_is_none_or_too_small_for_numbers_has_no_r2(
    label: list[float], weight: list[float]
) -> None:
    found = regression.scores(np.array(label), np.ones(2))(np.array(weight))["r2"]
    assert np.isnan(found) == (label != [1.0, 2.0] or not any(weight))


def test_certainty_that_is_wrong_costs_much_but_not_everything() -> None:
    assert 30 < binary.losses(np.array([1.0]), np.array([0.0]))[0] < 40


VALUES = st.floats(-100, 100).map(lambda value: round(value, 3))


@given(rows=st.lists(st.tuples(VALUES, VALUES, st.integers(0, 5)), min_size=3, max_size=40))
@example(rows=[(8.312, 0.0, 0), (8.312, 0.0, 1), (8.312, 0.0, 3)])  # whose mean is another
def test_figures_of_values_are_those_of_scikit_learn(rows: list[tuple[float, float, int]]) -> None:
    label, value, weight = np.array(rows, dtype=float).T
    weight[0] = 1
    found = regression.scores(label, value)(weight)
    spread = found.pop("r2")
    kept = {"sample_weight": weight}
    assert found == pytest.approx(
        {
            "mean_absolute_error": mean_absolute_error(label, value, **kept),
            "root_mean_squared_error": root_mean_squared_error(label, value, **kept),
        }
    )
    if len(set(label[weight > 0])) > 1:
        assert spread == pytest.approx(r2_score(label, value, **kept), rel=1e-6, abs=1e-6)
    else:
        assert np.isnan(spread)


@given(
    labels=st.lists(st.integers(0, 2), min_size=6, max_size=40).filter(lambda x: len(set(x)) == 3),
    seed=st.integers(0, 100),
)
def test_figures_of_classes_are_those_of_scikit_learn(labels: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, likely = np.array(labels, dtype=float), rng.dirichlet([1, 1, 1], len(labels))
    weight = rng.integers(1, 4, len(labels)).astype(float)
    kept = {"sample_weight": weight}
    against_rest = [
        roc_auc_score(label == number, likely[:, number], **kept) for number in range(3)
    ]
    assert multiclass.scores(label, likely)(weight) == pytest.approx(
        {
            "log_loss": log_loss(label, likely, **kept),
            "accuracy": accuracy_score(label, likely.argmax(axis=1), **kept),
            "roc_auc_ovr": np.mean(against_rest),
        }
    )


# A month of 20 days with 5 rows each.
RNG = np.random.default_rng(0)
DAY = np.arange(20).repeat(5)
LABEL = (RNG.random(100) < 0.3).astype(float)
GUESS = RNG.random(100).round(1)
ONES = np.ones(100)


def errors_of(label: Floats, guess: Floats, block: Any) -> dict[str, float]:
    values = pseudo_values(
        binary.scores(label, guess), np.ones(len(label)), parts(block, len(label))
    )
    return {name: standard_error(own) for name, own in values.items()}


def test_it_is_days_that_tell_the_error_not_rows() -> None:
    # Ten copies of each row are no news: nothing is surer than before.
    once = errors_of(LABEL, GUESS, DAY)
    tenfold = errors_of(LABEL.repeat(10), GUESS.repeat(10), DAY.repeat(10))
    assert list(once) == list(binary.METRICS)
    assert tenfold == pytest.approx(once)


def test_the_brier_error_is_that_of_a_mean_over_days() -> None:
    by_day = ((GUESS - LABEL) ** 2).reshape(20, 5).mean(axis=1)
    expected = by_day.std(ddof=1) / np.sqrt(effective(by_day))
    assert errors_of(LABEL, GUESS, DAY)["brier"] == pytest.approx(expected)


def test_one_day_tells_nothing_of_how_days_differ() -> None:
    assert np.isnan(list(errors_of(LABEL, GUESS, np.zeros(100)).values())).all()


def test_the_error_of_a_metric_that_never_exists_is_nan() -> None:
    errors = errors_of(np.zeros(100), GUESS, DAY)
    assert np.isnan([errors["roc_auc"], errors["average_precision"]]).all()
    assert errors["brier"] > 0


def test_days_may_be_dates() -> None:
    dates = np.datetime64("2013-01-01") + DAY
    assert errors_of(LABEL, GUESS, dates) == errors_of(LABEL, GUESS, DAY)


def test_days_that_resemble_the_day_before_are_fewer() -> None:
    alone = RNG.normal(size=400)
    alike = alone.copy()
    for day in range(1, 400):
        alike[day] += 0.6 * alike[day - 1]
    assert 300 < effective(alone) <= 400
    assert 70 < effective(alike) < 140  # 100 in the long run
    assert effective(np.ones(12)) == 12
    assert effective(np.arange(12.0)) == 2


def test_more_blocks_than_can_be_left_out_one_by_one_are_runs_of_neighbours() -> None:
    days = parts(np.arange(1000), 1000)
    assert (days.max() + 1, np.diff(days).min()) == (250, 0)
    mixed = parts(None, 1000)
    assert (mixed.max() + 1, np.diff(mixed).min() < 0) == (300, True)


def test_an_interval_is_wider_on_the_side_of_the_long_tail_and_unknown_of_few() -> None:
    values = RNG.exponential(size=12)
    low, high = interval(values, values.mean(), 500, 0)
    assert high - values.mean() > values.mean() - low > 2.2 * values.std(ddof=1) / np.sqrt(12)
    assert interval(np.zeros(12), 0.0, 500, 0) == (0, 0)
    assert np.isnan(interval(values[:9], 0.0, 500, 0)).all()


def test_a_row_of_weight_two_is_two_rows() -> None:
    twice = np.r_[LABEL, LABEL[:50]], np.r_[GUESS, GUESS[:50]]
    weight = np.where(np.arange(100) < 50, 2.0, 1.0)
    assert binary.scores(LABEL, GUESS)(weight) == pytest.approx(binary.scores(*twice)(np.ones(150)))
