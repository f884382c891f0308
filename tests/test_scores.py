import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from scores import METRICS, Floats, score, standard_errors

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
    assert score(label, probability, weight) == pytest.approx(
        {
            "roc_auc": roc_auc_score(label, probability, **kept),
            "average_precision": average_precision_score(label, probability, **kept),
            "log_loss": log_loss(label, probability, labels=[0, 1], **kept),
            "brier": brier_score_loss(label, probability, **kept),
        }
    )


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_metric_that_does_not_exist_is_nan(label: float) -> None:
    found = score(np.full(3, label), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(found["roc_auc"])
    assert np.isnan(found["average_precision"]) == (label == 0)
    assert np.isfinite([found["log_loss"], found["brier"]]).all()


def test_certainty_that_is_wrong_costs_much_but_not_everything() -> None:
    assert 30 < score(np.array([1.0]), np.array([0.0]))["log_loss"] < 40


# A month of 20 days with 5 rows each.
RNG = np.random.default_rng(0)
DAY = np.arange(20).repeat(5)
LABEL = (RNG.random(100) < 0.3).astype(float)
GUESS = RNG.random(100).round(1)


def test_errors_are_the_same_for_the_same_seed_only() -> None:
    errors = standard_errors(LABEL, GUESS, DAY, samples=50, seed=1)
    assert errors == standard_errors(LABEL, GUESS, DAY, samples=50, seed=1)
    assert errors != standard_errors(LABEL, GUESS, DAY, samples=50, seed=2)
    assert list(errors) == METRICS
    assert all(error > 0 for error in errors.values())


def test_days_are_resampled_not_rows() -> None:
    # Ten copies of each row are no news: nothing is surer than before.
    once = standard_errors(LABEL, GUESS, DAY, samples=50, seed=1)
    tenfold = standard_errors(
        LABEL.repeat(10), GUESS.repeat(10), DAY.repeat(10), samples=50, seed=1
    )
    assert tenfold == pytest.approx(once)


def test_the_brier_error_is_that_of_a_mean_over_days() -> None:
    by_day = ((GUESS - LABEL) ** 2).reshape(20, 5).mean(axis=1)
    errors = standard_errors(LABEL, GUESS, DAY, samples=4000, seed=0)
    assert errors["brier"] == pytest.approx(by_day.std() / np.sqrt(20), rel=0.05)


def test_one_day_tells_nothing_of_how_days_differ() -> None:
    errors = standard_errors(LABEL, GUESS, np.zeros(100), samples=10, seed=0)
    assert errors == pytest.approx(dict.fromkeys(METRICS, 0.0))


def test_the_error_of_a_metric_that_never_exists_is_nan() -> None:
    errors = standard_errors(np.zeros(100), GUESS, DAY, samples=10, seed=0)
    assert np.isnan([errors["roc_auc"], errors["average_precision"]]).all()
    assert errors["brier"] > 0


def test_days_may_be_dates() -> None:
    dates = np.datetime64("2013-01-01") + DAY
    assert standard_errors(LABEL, GUESS, dates, 20, 0) == standard_errors(LABEL, GUESS, DAY, 20, 0)
