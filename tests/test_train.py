import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import joblib
import numpy as np
import pandas as pd
import pytest
from frames import PARAMS_YAML, SETTINGS, TARGET, features
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.pipeline import Pipeline

import bins
import models
import params
import train
from partitions import write
from split import FEATURES
from stage import Fault

MODELS = [m for m in get_args(params.Train.model_fields["model"].annotation) if m != "ridge"]


def settings(model: str) -> params.Train:
    return SETTINGS.train.model_copy(update={"model": model})


def fitted(model: str, frame: pd.DataFrame) -> Pipeline:
    return models.portable(train.fit(frame, settings(model), SETTINGS.data))


def names_in(frame: pd.DataFrame) -> list[str]:
    return models.feature_names(frame, SETTINGS.data)


def unfitted(settings: params.Train) -> Pipeline:
    frame = features()
    return models.build(settings, SETTINGS.data, frame[names_in(frame)])


def test_all_columns_that_have_no_other_role_are_features() -> None:
    frame = features().assign(partition="2013-01", split="test", w=1.0)
    data = SETTINGS.data.model_copy(update={"weight": "w"})
    assert models.feature_names(frame, data) == ["place", "hour", "gaps"]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_learns(model: str) -> None:
    frame = features(rows=200)
    pipeline = fitted(model, frame)
    new = features("2013-02", rows=200, seed=1)
    probability = pipeline.predict_proba(new[names_in(new)])[:, 1]
    late = new["hour"] == 23
    assert probability[late].mean() > probability[~late].mean() + 0.1


@pytest.mark.parametrize("model", MODELS)
def test_each_model_copes_with_new_places_and_missing_values(model: str) -> None:
    frame = features()
    pipeline = fitted(model, frame)
    new = frame[names_in(frame)].head(3).copy()
    new["place"] = ["new", "a", "new"]
    new["gaps"] = np.array([np.nan, 30, np.nan], dtype="float32")
    new["hour"] = np.float32(np.nan)
    probability = pipeline.predict_proba(new)[:, 1]
    assert np.isfinite(probability).all()
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_its_own_section_and_seed(model: str) -> None:
    pipeline = unfitted(settings(model).model_copy(update={"seed": 7}))
    found = pipeline[-1].get_params()
    asked = getattr(SETTINGS.train, model).model_dump()
    assert {key: found[key] for key in asked} == asked
    if model != "logistic_regression":  # which has no chance in it
        assert found["random_state"] == 7


def test_boosting_holds_out_no_rows_at_random_and_a_forest_predicts_on_one_thread() -> None:
    assert unfitted(settings("hist_gradient_boosting"))[-1].early_stopping is False
    assert unfitted(settings("random_forest"))[-1].n_jobs == -1
    assert fitted("random_forest", features())[-1].n_jobs == 1


def test_words_are_read_and_a_rare_category_is_as_a_new_one() -> None:
    frame = features(rows=200)
    good = frame[TARGET] == 1
    frame["note"] = np.where(good, "all is well", "it broke down")
    frame.loc[0, "place"] = "once"
    data = SETTINGS.data.model_copy(update={"text": ["note"]})
    for model in MODELS:
        chosen = settings(model).model_copy(update={"min_frequency": 5})
        pipeline = train.fit(frame.drop(columns=["hour", "gaps"]), chosen, data)
        new = pd.DataFrame(
            {"place": ["once", "never", "b"], "note": ["all is well"] * 2 + ["it broke down"]}
        )
        once, never, broken = pipeline.predict_proba(new)[:, 1]
        assert min(once, never) > broken
        assert once == never or model != "logistic_regression"


def test_weights_count() -> None:
    frame = features(rows=200)
    data = SETTINGS.data.model_copy(update={"weight": "w"})
    found = [
        train.fit(
            frame.assign(w=np.where(frame[TARGET] == 1, heavy, 1.0)), settings(MODELS[0]), data
        )
        .predict_proba(frame[names_in(frame)])[:, 1]
        .mean()
        for heavy in (1.0, 5.0)
    ]
    assert found[1] > found[0] + 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({TARGET: 1}, "in training label is 1 and data.positive is 1"),
        ({TARGET: ["no", "yes"] * 30}, "in training label is 'no', 'yes' and data.positive is 1"),
        ({TARGET: [np.nan] + [1.0] * 59}, "label is missing in 1 rows"),
    ],
)
def test_nothing_to_learn_is_said(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Fault, match=said):
        train.fit(features().assign(**change), SETTINGS.train, SETTINGS.data)


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
    assert re.search(rf"fitting .* to 120 \w+, {len(names)} features", capsys.readouterr().out)
    model = joblib.load(models.MODEL)
    assert list(model.feature_names_in_) == names
    assert [path.name for path in models.MODEL.parent.iterdir()] == ["model.joblib"]

    # Other labels in the newest months, another model not.
    before = models.MODEL.read_bytes()
    for month in ("2013-03", "2013-04"):
        frame = features(month, seed=9)
        write(FEATURES / f"{month}.parquet", frame.assign(**{TARGET: 1 - frame[TARGET]}))
    train.main()
    assert models.MODEL.read_bytes() == before


def in_parts(frame: pd.DataFrame, size: int) -> train.Parts:
    """A frame as parts, whose rows keep the numbers they have in it."""
    return lambda columns=None: (frame.iloc[at : at + size] for at in range(0, len(frame), size))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_fitted_part_by_part_is_the_same(model: str, weight: str | None) -> None:
    frame = features(rows=200).assign(w=np.arange(200) % 3)
    data = SETTINGS.data.model_copy(update={"weight": weight})
    found = [
        train.fit(frame, settings(model), data),
        train.fit(frame, settings(model), data, in_parts(frame, 30)),
    ]
    first, second = (joblib.hash(models.portable(one)) for one in found)
    assert first == second


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_boosting_on_a_byte_a_cell_is_the_same(task: str, weight: str | None) -> None:
    """On more rows than scikit-learn makes its bins of."""
    rng, rows = np.random.default_rng(0), bins.SAMPLE + 50_000
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
    data = SETTINGS.data.model_copy(update={"weight": weight, "task": task})
    own = SETTINGS.train.hist_gradient_boosting.model_copy(update={"max_iter": 2})
    chosen = SETTINGS.train.model_copy(update={"hist_gradient_boosting": own})
    found = [
        train.fit(frame, chosen, data),
        train.fit(frame, chosen, data, in_parts(frame, 70_000)),
    ]
    first, second = (joblib.hash(models.portable(one)) for one in found)
    assert first == second


def test_what_bins_otherwise_is_fitted_to_numbers() -> None:
    assert bins.can_fit(HistGradientBoostingRegressor())
    assert not bins.can_fit(HistGradientBoostingRegressor(categorical_features=[0]))
    assert not bins.can_fit(HistGradientBoostingClassifier(class_weight="balanced"))
    assert not bins.can_fit(RandomForestClassifier())


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(Fault, match=r"train.model is xgboost, and the package is missing: put xgb"):
        train.fit(features(), settings("xgboost"), SETTINGS.data)


def test_a_model_of_texts_has_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    frame = features().assign(words=np.resize(["good day", "bad day", "no"], 60))
    frame.to_parquet(tmp_path / "frame.parquet")
    (tmp_path / "params.yaml").write_text(PARAMS_YAML.replace("text: []", "text: [words]"))
    code = (
        "import models, pandas, params, train\n"
        "frame = pandas.read_parquet('frame.parquet')\n"
        "model = train.fit(frame, params.load(params.Train), params.load(params.Data))\n"
        "train.is_constant(model, frame[model.feature_names_in_])\n"
        "models.save(model)\n"
        "print(hash(models.MODEL.read_bytes()))\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", code]
    assert len({subprocess.check_output(command, cwd=tmp_path, env=env) for _ in range(2)}) == 1
