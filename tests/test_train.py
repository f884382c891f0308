import re
from pathlib import Path
from typing import get_args

import joblib
import numpy as np
import pandas as pd
import pytest
from frames import PARAMS_YAML, SETTINGS, features
from sklearn.pipeline import Pipeline

import params
import train
from keys import NOT_FEATURES, TARGET
from partitions import write
from split import FEATURES

MODELS = get_args(params.Train.model_fields["model"].annotation)


def settings(model: str) -> params.Train:
    return SETTINGS.train.model_copy(update={"model": model})


def fitted(model: str, frame: pd.DataFrame) -> Pipeline:
    pipeline = train.build(settings(model))
    return train.portable(pipeline.fit(frame[train.feature_names(frame)], frame[TARGET]))


def test_all_columns_but_key_label_and_month_are_features() -> None:
    frame = features().assign(month="2013-01")
    assert train.feature_names(frame) == list(frame.columns.drop([*NOT_FEATURES, "month"]))


@pytest.mark.parametrize("model", MODELS)
def test_each_model_learns(model: str) -> None:
    frame = features(rows=200)
    pipeline = fitted(model, frame)
    new = features("2013-02", rows=200, seed=1)
    probability = pipeline.predict_proba(new[train.feature_names(new)])[:, 1]
    late = new["hour"] == 23
    assert probability[late].mean() > probability[~late].mean() + 0.1


@pytest.mark.parametrize("model", MODELS)
def test_each_model_copes_with_new_places_and_missing_values(model: str) -> None:
    frame = features()
    pipeline = fitted(model, frame)
    new = frame[train.feature_names(frame)].head(3).copy()
    new["place"] = ["new", "a", "new"]
    new["gaps"] = np.array([np.nan, 30, np.nan], dtype="float32")
    new["hour"] = np.float32(np.nan)
    probability = pipeline.predict_proba(new)[:, 1]
    assert np.isfinite(probability).all()
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_its_own_section_and_seed(model: str) -> None:
    pipeline = train.build(settings(model).model_copy(update={"seed": 7}))
    found = pipeline[-1].get_params()
    asked = getattr(SETTINGS.train, model).model_dump()
    assert {key: found[key] for key in asked} == asked
    if model != "logistic_regression":  # which has no chance in it
        assert found["random_state"] == 7


def test_boosting_holds_out_no_rows_at_random_and_a_forest_predicts_on_one_thread() -> None:
    assert train.build(settings("hist_gradient_boosting"))[-1].early_stopping is False
    assert train.build(settings("random_forest"))[-1].n_jobs == -1
    assert fitted("random_forest", features())[-1].n_jobs == 1


def test_the_stage_fits_all_but_the_newest_months(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    for number, month in enumerate(["2013-01", "2013-02", "2013-03", "2013-04"]):
        write(FEATURES / f"{month}.parquet", features(month, seed=number))
    done = train.main()
    assert done.startswith("hist_gradient_boosting fitted, ")
    names = train.feature_names(features())
    assert re.search(rf"fitting .* to 120 \w+, {len(names)} features", capsys.readouterr().out)
    model = joblib.load(train.MODEL)
    assert list(model.feature_names_in_) == names
    assert [path.name for path in train.MODEL.parent.iterdir()] == ["model.joblib"]

    # Other labels in the newest months, another model not.
    before = train.MODEL.read_bytes()
    for month in ("2013-03", "2013-04"):
        frame = features(month, seed=9)
        write(FEATURES / f"{month}.parquet", frame.assign(**{TARGET: 1 - frame[TARGET]}))
    train.main()
    assert train.MODEL.read_bytes() == before
