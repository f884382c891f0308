"""Metrics are those of scikit-learn, of every task."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from strata.compare.scoring import Score, direction, parts, scored

RNG = np.random.default_rng(0)
ROWS = 300
WEIGHT = RNG.integers(0, 4, ROWS).astype(float)


def of(found: Score | None) -> float:
    assert found
    return found(WEIGHT)


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("roc_auc", metrics.roc_auc_score),
        ("average_precision", metrics.average_precision_score),
        ("log_loss", metrics.log_loss),
        ("brier", metrics.brier_score_loss),
        ("brier_score_loss", metrics.brier_score_loss),
    ],
)
def test_binary_by_probability(name: str, function: object, digits: int) -> None:
    label, probability = RNG.integers(0, 2, ROWS), RNG.random(ROWS).round(digits)
    assert callable(function)
    expected = function(label, probability, sample_weight=WEIGHT)
    assert of(scored(name, label, probability)) == pytest.approx(expected)
    text = np.where(label == 1, "yes", "no")
    assert of(scored(name, text, probability)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["accuracy", "f1", "balanced_accuracy", "matthews_corrcoef"])
def test_binary_by_class_of_a_probability_or_of_a_class(name: str) -> None:
    label, probability = RNG.integers(0, 2, ROWS), RNG.random(ROWS)
    decided = (probability >= 0.5).astype(int)
    function = getattr(metrics, name, None) or getattr(metrics, f"{name}_score")
    expected = function(label, decided, sample_weight=WEIGHT)
    assert of(scored(name, label, probability)) == pytest.approx(expected)
    assert of(scored(name, label, decided)) == pytest.approx(expected)


def test_multiclass() -> None:
    names = ["setosa", "versicolor", "virginica"]
    label = np.array(names)[RNG.integers(0, 3, ROWS)]
    likely = RNG.dirichlet([1, 1, 1], ROWS)
    shuffled = ["virginica", "setosa", "versicolor"]
    prediction = likely[:, [2, 0, 1]]
    best = np.array(names)[likely.argmax(axis=1)]
    expected = {
        "log_loss": metrics.log_loss(label, likely, sample_weight=WEIGHT),
        "roc_auc_ovr": metrics.roc_auc_score(
            label, likely, sample_weight=WEIGHT, multi_class="ovr"
        ),
        "accuracy": metrics.accuracy_score(label, best, sample_weight=WEIGHT),
        "f1_macro": metrics.f1_score(label, best, sample_weight=WEIGHT, average="macro"),
    }
    for name, value in expected.items():
        assert of(scored(name, label, prediction, shuffled)) == pytest.approx(value), name
    assert of(scored("accuracy", label, best)) == pytest.approx(expected["accuracy"])
    with pytest.raises(ValueError, match="no prediction for the label 'iris'"):
        scored("log_loss", np.array(["iris"] * ROWS), prediction, shuffled)
    with pytest.raises(ValueError, match="needs probabilities"):
        scored("roc_auc", label, best)


@pytest.mark.parametrize("name", ["r2", "mean_absolute_error", "rmse", "median_absolute_error"])
def test_regression(name: str) -> None:
    label = RNG.normal(size=ROWS)
    value = label + RNG.normal(size=ROWS)
    full = {"r2": "r2_score", "rmse": "root_mean_squared_error"}.get(name, name)
    expected = getattr(metrics, full)(label, value, sample_weight=WEIGHT)
    assert of(scored(name, label, value)) == pytest.approx(expected)


def test_a_metric_that_does_not_exist_is_nan_and_an_unknown_one_none() -> None:
    assert np.isnan(of(scored("roc_auc", np.ones(ROWS), RNG.random(ROWS))))
    assert of(scored("brier", np.ones(ROWS), np.zeros(ROWS))) == 1
    assert scored("profit", np.ones(ROWS), RNG.random(ROWS)) is None


def test_which_way_is_better() -> None:
    ways = {"roc_auc": 1, "auc": 1, "r2": 1, "log_loss": -1, "brier": -1, "rmse": -1, "mae": -1}
    assert {name: direction(name) for name in ways} == ways
    assert direction("profit") == direction("n") == 0


@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (-1, 1), ("no", "yes")])
def test_the_positive_class_is_the_one_that_sorts_last(labels: tuple[object, object]) -> None:
    label, probability = RNG.integers(0, 2, ROWS), RNG.random(ROWS)
    given = np.array(labels)[label]
    expected = metrics.roc_auc_score(given, probability, sample_weight=WEIGHT)
    both = np.column_stack([1 - probability, probability])
    assert of(scored("roc_auc", given, probability)) == pytest.approx(expected)
    names = [str(value) for value in labels]
    assert of(scored("roc_auc", given, both, names)) == pytest.approx(expected)


def test_two_values_of_a_regression_are_no_classes() -> None:
    label, value = RNG.integers(0, 2, ROWS).astype(float), RNG.random(ROWS)
    expected = metrics.mean_absolute_error(label, value, sample_weight=WEIGHT)
    assert of(scored("mae", label, value)) == pytest.approx(expected)


def test_a_row_without_a_prediction_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no prediction"):
        scored("roc_auc", RNG.integers(0, 2, 3), np.array([0.1, np.nan, 0.2]))


@pytest.mark.parametrize(
    ("name", "split"),
    [("test.auc", "test"), ("auc.test", "test"), ("test_auc", "test"), ("m/test.json:auc", "test")],
)
def test_a_metric_has_its_split_beside_it(name: str, split: str) -> None:
    assert split in parts(name)[0]
    assert parts(name)[1] == "auc"


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.1, 0.5, 0.7, 0.9]), st.integers(0, 5)),
        min_size=2,
    ),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.sampled_from(["roc_auc", "average_precision", "log_loss", "brier", "accuracy"]),
)
def test_blocks_that_are_drawn_count_as_their_rows(
    rows: list[tuple[bool, float, int]], drawn: list[int], name: str
) -> None:
    """Ties, blocks that are never drawn, resamples of one class or of no row at all."""
    label, probability, block = (np.array(column) for column in zip(*rows, strict=True))
    score = scored(name, label.astype(int), probability)
    assert score
    weight = np.linspace(0.5, 2, len(rows))
    blocks = np.unique(block)
    times = np.array(drawn, float)
    expected = score(times[block] * weight)
    found = score.of_blocks(weight, np.searchsorted(blocks, block))(times[blocks])
    assert found == pytest.approx(expected, nan_ok=True)


def test_many_blocks_are_drawn_row_by_row() -> None:
    label, probability = RNG.integers(0, 2, 1000), RNG.random(1000)
    score = scored("roc_auc", label, probability)
    assert score
    drawn = RNG.integers(0, 3, 1000).astype(float)
    found = score.of_blocks(np.ones(1000), np.arange(1000))(drawn)
    assert found == pytest.approx(score(drawn))
