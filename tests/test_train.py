import os
import subprocess
import sys
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
from keys import TARGET
from partitions import write
from split import FEATURES

ROOT = Path(__file__).parents[1]
MODELS = get_args(params.Train.model_fields["model"].annotation)


def settings(model: str) -> params.Train:
    return SETTINGS.train.model_copy(update={"model": model})


def fitted(model: str, frame: pd.DataFrame) -> Pipeline:
    pipeline = train.build(settings(model))
    return train.portable(pipeline.fit(frame[train.feature_names(frame)], frame[TARGET]))


def test_all_columns_but_key_label_and_month_are_features() -> None:
    assert train.feature_names(features().assign(month="2013-01")) == [
        *("origin", "carrier", "dest", "distance", "departure_minute", "wind_gust")
    ]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_learns(model: str) -> None:
    frame = features(flights=200)
    pipeline = fitted(model, frame)
    new = features("2013-02", flights=200, seed=1)
    probability = pipeline.predict_proba(new[train.feature_names(new)])[:, 1]
    night = new["departure_minute"] == 1380
    assert probability[night].mean() > probability[~night].mean() + 0.1


@pytest.mark.parametrize("model", MODELS)
def test_each_model_copes_with_new_places_and_missing_values(model: str) -> None:
    frame = features()
    pipeline = fitted(model, frame)
    new = frame[train.feature_names(frame)].head(3).copy()
    new["dest"] = ["ANC", "BOS", "ANC"]
    new["distance"] = np.array([np.nan, 187, np.nan], dtype="float32")
    new["departure_minute"] = np.float32(np.nan)
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


def test_boosting_holds_out_no_rows_at_random() -> None:
    assert train.build(settings("hist_gradient_boosting"))[-1].early_stopping is False


@pytest.mark.parametrize("model", MODELS)
def test_the_same_data_gives_the_same_bytes(model: str) -> None:
    first, second = (joblib.hash(fitted(model, features())) for _ in range(2))
    assert first == second


DUMP = """
import joblib
from frames import features
from test_train import MODELS, fitted

for model in MODELS:
    joblib.dump(fitted(model, features(flights=400)), f"{model}.joblib", compress=3)
"""


def test_the_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    running = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        folder.mkdir()
        env = os.environ | {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "LOKY_MAX_CPU_COUNT": threads,  # what n_jobs=-1 means to joblib
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        }
        running.append(subprocess.Popen([sys.executable, "-c", DUMP], cwd=folder, env=env))
    assert [process.wait() for process in running] == [0, 0]
    for model in MODELS:
        one, two = (tmp_path / threads / f"{model}.joblib" for threads in ("1", "2"))
        assert one.read_bytes() == two.read_bytes(), model


def test_a_forest_predicts_on_one_thread() -> None:
    pipeline = train.build(settings("random_forest"))
    assert pipeline[-1].n_jobs == -1
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
    assert "120 flights, 6 features" in capsys.readouterr().out
    model = joblib.load(train.MODEL)
    assert list(model.feature_names_in_) == train.feature_names(features())
    assert [path.name for path in train.MODEL.parent.iterdir()] == ["model.joblib"]

    # Other labels in the newest months, another model not.
    before = train.MODEL.read_bytes()
    for month in ("2013-03", "2013-04"):
        frame = features(month, seed=9)
        write(FEATURES / f"{month}.parquet", frame.assign(disrupted=1 - frame[TARGET]))
    train.main()
    assert train.MODEL.read_bytes() == before
