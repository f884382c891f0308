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
from kit.report.scores import is_better, standard_errors

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


def errors_of(
    label: Floats, guess: Floats, block: Any, samples: int, seed: int
) -> dict[str, float]:
    return standard_errors(binary.scores(label, guess), np.ones(len(label)), block, samples, seed)


def test_errors_are_the_same_for_the_same_seed_only() -> None:
    errors = errors_of(LABEL, GUESS, DAY, samples=50, seed=1)
    assert errors == errors_of(LABEL, GUESS, DAY, samples=50, seed=1)
    assert errors != errors_of(LABEL, GUESS, DAY, samples=50, seed=2)
    assert list(errors) == list(binary.METRICS)
    assert all(error > 0 for error in errors.values())


def test_days_are_resampled_not_rows() -> None:
    # Ten copies of each row are no news: nothing is surer than before.
    once = errors_of(LABEL, GUESS, DAY, samples=50, seed=1)
    tenfold = errors_of(LABEL.repeat(10), GUESS.repeat(10), DAY.repeat(10), samples=50, seed=1)
    assert tenfold == pytest.approx(once)


def test_the_brier_error_is_that_of_a_mean_over_days() -> None:
    by_day = ((GUESS - LABEL) ** 2).reshape(20, 5).mean(axis=1)
    errors = errors_of(LABEL, GUESS, DAY, samples=4000, seed=0)
    assert errors["brier"] == pytest.approx(by_day.std() / np.sqrt(20), rel=0.05)


def test_one_day_tells_nothing_of_how_days_differ() -> None:
    errors = errors_of(LABEL, GUESS, np.zeros(100), samples=10, seed=0)
    assert errors == pytest.approx(dict.fromkeys(binary.METRICS, 0.0))


def test_the_error_of_a_metric_that_never_exists_is_nan() -> None:
    errors = errors_of(np.zeros(100), GUESS, DAY, samples=10, seed=0)
    assert np.isnan([errors["roc_auc"], errors["average_precision"]]).all()
    assert errors["brier"] > 0


def test_days_may_be_dates() -> None:
    dates = np.datetime64("2013-01-01") + DAY
    assert errors_of(LABEL, GUESS, dates, 20, 0) == errors_of(LABEL, GUESS, DAY, 20, 0)


def test_better_means_by_more_than_noise() -> None:
    loss = RNG.random(100)
    assert is_better(loss - 0.1, loss, ONES, DAY, seed=0)
    assert not is_better(loss, loss, ONES, DAY, seed=0)
    noise = RNG.normal(size=20)  # of whole days
    assert not is_better(loss - 0.01 - noise[DAY.astype(int)], loss, ONES, DAY, seed=0)
    assert not is_better(loss + 0.1, loss, ONES, DAY, seed=0)


def test_a_row_of_weight_two_is_two_rows() -> None:
    twice = np.r_[LABEL, LABEL[:50]], np.r_[GUESS, GUESS[:50]]
    weight = np.where(np.arange(100) < 50, 2.0, 1.0)
    assert binary.scores(LABEL, GUESS)(weight) == pytest.approx(binary.scores(*twice)(np.ones(150)))
