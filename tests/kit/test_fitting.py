import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from frames import MODELS, PARAMS_YAML, SETTINGS, TARGET, features, rows_of, unfitted
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.pipeline import Pipeline

import train
from kit.base import FEATURES, Fault, write
from kit.learn import MODEL, boosting, feature_names, fit, fitting
from kit.learn.model_file import portable
from kit.params import Data

DATA = SETTINGS.data


def names_in(frame: pd.DataFrame) -> list[str]:
    return feature_names(frame, DATA)


@pytest.mark.parametrize("model", MODELS)
def test_each_model_learns(model: str, tmp_path: Path) -> None:
    pipeline = fit(rows_of(features(rows=200), tmp_path), DATA, unfitted(model))
    new = features("2013-02", rows=200, seed=1)
    probability = pipeline.predict_proba(new[names_in(new)])[:, 1]
    late = new["hour"] == 23
    assert probability[late].mean() > probability[~late].mean() + 0.1


@pytest.mark.parametrize("model", MODELS)
def test_each_model_copes_with_new_places_and_missing_values(model: str, tmp_path: Path) -> None:
    frame = features()
    pipeline = fit(rows_of(frame, tmp_path), DATA, unfitted(model))
    new = frame[names_in(frame)].head(3).copy()
    new["place"] = ["new", "a", "new"]
    new["gaps"] = np.array([np.nan, 30, np.nan], dtype="float32")
    new["hour"] = np.float32(np.nan)
    probability = pipeline.predict_proba(new)[:, 1]
    assert np.isfinite(probability).all()
    assert ((probability > 0) & (probability < 1)).all()


def test_weights_count(tmp_path: Path) -> None:
    frame = features(rows=200)
    data = DATA.model_copy(update={"weight": "w"})
    found = []
    for heavy in (1.0, 5.0):
        rows = rows_of(frame.assign(w=np.where(frame[TARGET] == 1, heavy, 1.0)), tmp_path)
        model = fit(rows, data, unfitted(data=data))
        found.append(model.predict_proba(frame[names_in(frame)])[:, 1].mean())
    assert found[1] > found[0] + 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({TARGET: 1}, "in training label is 1 and data.positive is 1"),
        ({TARGET: ["no", "yes"] * 30}, "in training label is 'no', 'yes' and data.positive is 1"),
        ({TARGET: [np.nan] + [1.0] * 59}, "label is missing in 1 rows"),
    ],
)
def test_nothing_to_learn_is_said(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    rows = rows_of(features().assign(**change), tmp_path)
    with pytest.raises(Fault, match=said):
        fit(rows, DATA, unfitted())


def test_two_classes_are_another_task(tmp_path: Path) -> None:
    data = DATA.model_copy(update={"task": "multiclass", "positive": None})
    with pytest.raises(Fault, match=r"label has two classes; set data.task to binary in params"):
        fit(rows_of(features(), tmp_path), data, unfitted(data=data))


def test_a_model_that_has_learnt_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(
        PARAMS_YAML.replace("min_samples_leaf: 5", "min_samples_leaf: 100", 1), encoding="utf-8"
    )
    for month in ("2013-01", "2013-02", "2013-03"):
        write(FEATURES / f"{month}.parquet", features(month))
    train.main()
    assert "WARNING: the model says the same of every row" in capsys.readouterr().out


def test_the_stage_fits_all_but_the_newest_months(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    for number, month in enumerate(["2013-01", "2013-02", "2013-03", "2013-04"]):
        write(FEATURES / f"{month}.parquet", features(month, seed=number))
    done = train.main()
    assert done.startswith("hist_gradient_boosting fitted, ")
    names = names_in(features())
    assert re.search(r"fitting .* to 120 rows", capsys.readouterr().out)
    model = joblib.load(MODEL)
    assert list(model.feature_names_in_) == names
    assert [path.name for path in MODEL.parent.iterdir()] == ["model.joblib"]

    # Other labels in the newest months, another model not.
    before = MODEL.read_bytes()
    for month in ("2013-03", "2013-04"):
        frame = features(month, seed=9)
        write(FEATURES / f"{month}.parquet", frame.assign(**{TARGET: 1 - frame[TARGET]}))
    train.main()
    assert MODEL.read_bytes() == before


def given(model: Pipeline, _: pd.DataFrame) -> Pipeline:
    """In the place of what makes a model."""
    return model


def whole_and_in_parts(
    frame: pd.DataFrame,
    size: int,
    build: Callable[[pd.DataFrame], Pipeline],
    data: Data,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Hashes of two models of a frame: fitted at once, and in parts of so many rows.

    The encoders of both learn from all rows, where of many they would see some.
    """
    rows, found = rows_of(frame, folder, size), []
    features = frame[feature_names(frame, data)]
    for seen in (len(frame), len(frame) - 1):
        unfitted = build(features)
        unfitted[0].fit(features)
        with monkeypatch.context() as patch:
            patch.setattr(fitting, "SEEN", seen)
            patch.setattr(ColumnTransformer, "fit", lambda fitted, _: fitted)
            found.append(joblib.hash(portable(fit(rows, data, partial(given, unfitted)))))
    return found


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_fitted_part_by_part_is_the_same(
    model: str, weight: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = features(rows=200).assign(w=np.arange(200) % 3)
    data = DATA.model_copy(update={"weight": weight})
    build = unfitted(model, data)
    first, second = whole_and_in_parts(frame, 30, build, data, tmp_path, monkeypatch)
    assert first == second


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_boosting_on_a_byte_a_cell_is_the_same(
    task: str, weight: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On more rows than scikit-learn makes its bins of."""
    rng, rows = np.random.default_rng(0), boosting.SAMPLE + 50_000
    frame = pd.DataFrame(
        {
            "place": rng.choice(["a", "b", "c"], rows),
            "hour": rng.normal(size=rows).astype("float32"),
            "gaps": np.where(rng.random(rows) < 0.3, np.nan, rng.gamma(2, size=rows)),
            "w": rng.integers(0, 5, rows).astype(float),
        }
    )
    value = frame["hour"] + rng.normal(size=rows)
    kinds = {"binary": (value > 0).astype(int), "multiclass": value.round().clip(-1, 1)}
    frame[TARGET] = kinds.get(task, value)
    data = DATA.model_copy(update={"weight": weight, "task": task})
    own = SETTINGS.train.hist_gradient_boosting
    assert own
    few = own.model_copy(update={"max_iter": 2})
    build = unfitted(data=data, hist_gradient_boosting=few)
    first, second = whole_and_in_parts(frame, 70_000, build, data, tmp_path, monkeypatch)
    assert first == second


def test_of_more_rows_than_are_seen_the_encoders_learn_from_some_of_each_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SEEN", 100)
    frame = features(rows=250)
    model = fit(rows_of(frame, tmp_path, 50), DATA, unfitted("logistic_regression"))
    gaps = model[0].named_transformers_["numbers"][0]
    hours = frame["hour"].to_numpy().reshape(5, 50)[:, ::3]
    assert gaps.statistics_[0] == pytest.approx(hours.mean())


def test_what_bins_otherwise_is_fitted_to_numbers() -> None:
    assert boosting.can_fit(HistGradientBoostingRegressor())
    assert not boosting.can_fit(HistGradientBoostingRegressor(categorical_features=[0]))
    assert not boosting.can_fit(HistGradientBoostingClassifier(class_weight="balanced"))
    assert not boosting.can_fit(RandomForestClassifier())


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(Fault, match=r"train.model is xgboost, and the package is missing: put xgb"):
        fit(rows_of(features(), tmp_path), DATA, unfitted("xgboost"))
