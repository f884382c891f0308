"""Fit the model on the training split.

In:  data/features/PARTITION.parquet (see featurize.py).
Out: models/model.joblib, a scikit-learn Pipeline from feature columns to a probability or a value
     (see models.py).

A joblib file runs code when it is loaded: load only one whose hash stands in dvc.lock.
"""

from pathlib import Path

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

import params
import split
from labels import predict, target
from models import build, feature_names, portable
from stage import Fault, run

MODEL = Path("models/model.joblib")


def fit(frame: pd.DataFrame, settings: params.Train, data: params.Data) -> Pipeline:
    """Fit the model that the params name to the rows of the training split.

    Raises Fault if there is nothing to learn from them.
    """
    label = target(frame, data)
    if label.nunique() < 2:
        known = ", ".join(map(repr, sorted(frame[data.target].unique().tolist(), key=str)[:5]))
        what = f" and data.positive is {data.positive!r}" if data.task == "binary" else ""
        raise Fault(f"nothing to tell apart: in training {data.target} is {known}{what}")
    if data.task == "multiclass" and label.nunique() == 2:
        raise Fault(f"{data.target} has two classes; set data.task to binary in params.yaml")
    features = frame[feature_names(frame, data)]
    model = build(settings, data, features)
    weight = {f"{model.steps[-1][0]}__sample_weight": frame[data.weight]} if data.weight else {}
    # BLAS adds up in another order on another number of cores, and gives other bytes.
    with threadpool_limits(limits=1, user_api="blas"):
        return model.fit(features, label, **weight)


def is_constant(model: Pipeline, features: pd.DataFrame) -> bool:
    """Whether a model says the same of each of the first thousand rows: it has learnt nothing."""
    found = predict(model, features.head(1000))
    return bool((found == found[0]).all())


def save(model: Pipeline) -> None:
    """Write the model whole or not at all; equal ones give equal bytes."""
    MODEL.parent.mkdir(exist_ok=True)
    part = MODEL.with_suffix(".part")
    joblib.dump(portable(model), part, compress=3)
    part.replace(MODEL)


def main() -> str:
    settings, data = params.load(params.Train), params.load(params.Data)
    frame = split.load("train")["train"]
    names = feature_names(frame, data)
    print(f"train: fitting {settings.model} to {len(frame):,} rows, {len(names)} features")
    model = fit(frame, settings, data)
    if is_constant(model, frame[names]):
        print("train: WARNING: the model says the same of every row; let it split more finely")
    save(model)
    return f"{settings.model} fitted, {MODEL.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    run("train", main)
