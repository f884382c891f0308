from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frames import SETTINGS, features, rows_of, unfitted
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.metrics import auc

from kit.learn import feature_names, fit
from kit.learn.outcomes import Floats
from kit.report import binary, curves, multiclass, regression
from kit.report.explanation import importance

LABEL = np.array([0.0, 0.0, 1.0, 1.0])
GUESS = np.array([0.1, 0.4, 0.35, 0.8])

PROBABILITY = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)
ROWS = st.lists(st.tuples(st.booleans(), PROBABILITY), min_size=2, max_size=300)
BOTH = ROWS.filter(lambda rows: {label for label, _ in rows} == {True, False})


def columns(rows: list[tuple[bool, float]]) -> tuple[Floats, Floats]:
    label, probability = np.array(rows, dtype=float).T
    return label, probability


def counts(table: pd.DataFrame) -> pd.Series:
    """The last column, of numbers of rows, whatever the demo calls a row."""
    return table.iloc[:, -1]


def test_the_roc_curve_of_four_rows() -> None:
    curve = binary.roc(LABEL, GUESS)
    assert set(zip(curve["fpr"], curve["tpr"], strict=True)) >= {(0, 0), (0.5, 0.5), (1, 1)}


def test_the_precision_recall_curve_of_four_rows() -> None:
    curve = binary.precision_recall(LABEL, GUESS)
    assert curve.iloc[0].tolist() == [0, 1]
    assert curve.iloc[-1].tolist() == [1, 0.5]  # all rows flagged: the base rate


@given(rows=BOTH)
def test_curves_are_small_and_run_from_0_to_1(rows: list[tuple[bool, float]]) -> None:
    for curve in (binary.roc(*columns(rows)), binary.precision_recall(*columns(rows))):
        x = curve.iloc[:, 0]
        assert (x.iloc[0], x.iloc[-1]) == (0, 1)
        assert x.is_monotonic_increasing
        assert len(curve) <= curves.POINTS + 2
        assert curve.apply(lambda column: column.between(0, 1)).all(axis=None)
    assert binary.roc(*columns(rows))["tpr"].is_monotonic_increasing


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 5000),
    share=st.floats(0, 1),
    apart=st.floats(-1, 8),
    digits=st.sampled_from([1, 2, 16]),
)
def test_the_area_of_a_stored_roc_curve_is_the_auc(
    seed: int, rows: int, share: float, apart: float, digits: int
) -> None:
    rng = np.random.default_rng(seed)
    label = np.append((rng.random(rows) < share) * 1.0, [0.0, 1.0])
    guess = expit(rng.normal(size=len(label)) + apart * label).round(digits)
    assert_area_is_auc(binary.roc(label, guess), label, guess)


@given(rows=st.integers(2, 3000), run=st.integers(1, 50), up=st.booleans())
def test_so_it_is_of_the_curve_with_the_most_corners(rows: int, run: int, up: bool) -> None:
    label = (np.arange(rows * run) // run % 2 == up) * 1.0
    guess = np.linspace(1, 0, rows * run)
    assert_area_is_auc(binary.roc(label, guess), label, guess)


def assert_area_is_auc(curve: pd.DataFrame, label: Floats, guess: Floats) -> None:
    area = binary.scores(label, guess)(np.ones(len(label)))["roc_auc"]
    assert auc(curve["fpr"], curve["tpr"]) == pytest.approx(area, abs=0.002)


@given(rows=BOTH)
def test_the_area_under_the_steps_of_precision_is_the_average_precision(
    rows: list[tuple[bool, float]],
) -> None:
    label, guess = columns(rows)
    assume(label.sum() < curves.POINTS - 1)  # of more positives some are left out
    curve = binary.precision_recall(label, guess)
    area = (curve["recall"].diff() * curve["precision"]).sum()
    average = binary.scores(label, guess)(np.ones(len(label)))["average_precision"]
    assert area == pytest.approx(average, abs=1e-4)


def test_calibration_compares_the_mean_prediction_with_the_rate() -> None:
    table = binary.calibration(LABEL, GUESS, bins=2)
    assert table.to_numpy() == pytest.approx(np.array([[0.225, 0.5, 2], [0.6, 0.5, 2]]))


@given(rows=ROWS, bins=st.integers(2, 20))
def test_every_row_is_in_one_group_of_the_calibration(
    rows: list[tuple[bool, float]], bins: int
) -> None:
    label, probability = columns(rows)
    table = binary.calibration(label, probability, bins)
    assert counts(table).sum() == len(rows)
    assert 1 <= len(table) <= bins
    assert table["predicted"].is_monotonic_increasing
    mean = np.average(table["observed"], weights=counts(table))
    assert mean == pytest.approx(label.mean(), abs=1e-5)


def test_groups_of_the_calibration_are_about_equal_where_no_prediction_repeats() -> None:
    guess = np.linspace(0, 1, 95)
    table = binary.calibration(np.ones(95), guess, bins=10)
    assert counts(table).between(9, 10).all()


def test_the_confusion_matrix_counts_from_the_threshold_on_and_has_its_empty_cells() -> None:
    def cells(threshold: float) -> pd.DataFrame:
        settings = SETTINGS.explain.model_copy(update={"threshold": threshold})
        return binary.plots(LABEL, GUESS, settings, ["no", "yes"])["confusion"]

    table = cells(0.4)
    pairs = [["no", "no"], ["no", "yes"], ["yes", "no"], ["yes", "yes"]]
    assert table.iloc[:, :2].to_numpy().tolist() == pairs
    assert counts(table).tolist() == [1, 1, 1, 1]
    assert counts(cells(0.9)).tolist() == [2, 0, 2, 0]


def test_several_classes_have_a_curve_each_with_its_own_area() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 2000).astype(float)
    likely = softmax(rng.normal(size=(2000, 3)) + 4 * np.eye(3)[label.astype(int)], axis=1)
    plots = multiclass.plots(label, likely, SETTINGS.explain, ["a", "b", "c"])
    for number, (name, curve) in enumerate(plots["roc"].groupby("class")):
        assert name == "abc"[number]
        assert_area_is_auc(curve, (label == number) * 1.0, likely[:, number])
    assert counts(plots["confusion"]).sum() == 2000
    assert plots["confusion"]["actual"].tolist() == [*"aaabbbccc"]


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200))
def test_residuals_rise_and_every_row_is_in_a_group(values: list[float]) -> None:
    label = np.array(values)
    found = regression.plots(label, np.round(label, -3), SETTINGS.explain, [])
    assert found["residuals"]["residual"].is_monotonic_increasing
    table = found["predicted"]
    assert table["rows"].sum() == len(values)
    assert (table["low"] <= table["high"]).all()


def test_what_the_model_needs_most_is_the_most_important(tmp_path: Path) -> None:
    frame = features(rows=200)
    names = feature_names(frame, SETTINGS.data)
    model = fit(rows_of(frame, tmp_path), SETTINGS.data, unfitted())
    given_to_it = (model, frame, SETTINGS.data, SETTINGS.explain)
    table = importance(*given_to_it)
    assert sorted(table["feature"]) == sorted(names)
    assert table["feature"].iloc[0] == "hour"
    assert table["loss"].is_monotonic_decreasing
    assert (table["sd"] >= 0).all()
    pd.testing.assert_frame_equal(table, importance(*given_to_it))
