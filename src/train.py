"""Fit the model on the training split.

In:  data/features/PARTITION.parquet (see featurize.py).
Out: models/model.joblib, a scikit-learn Pipeline from feature columns to a probability or a value
     (see models.py).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

import bins
import external
import params
import split
from labels import label_columns, predict, target, weights
from models import MODEL, build, feature_names, precision, save
from stage import Fault, run

Parts = Callable[..., Iterable[pd.DataFrame]]  # of all rows, with some columns or all of them
SEEN = 500_000  # rows that the encoders of columns learn from; of more, evenly spaced ones


def fit(
    seen: pd.DataFrame, settings: params.Train, data: params.Data, parts: Parts | None = None
) -> Pipeline:
    """Fit the model that the params name to the training split.

    The encoders of columns learn from ``seen``. The estimator learns from the ``parts`` of all
    rows, of which one is held at a time beside what it fits; from ``seen``, where there are none.
    Raises Fault if there is nothing to learn.
    """
    names = feature_names(seen, data)
    model = build(settings, data, seen[names])
    known = seen[data.target].unique().tolist()
    # BLAS adds up in another order on another number of cores, and gives other bytes.
    with threadpool_limits(limits=1, user_api="blas"):
        columns = model[0].fit(seen[names])
        is_large = parts is not None
        parts = parts or partial(only, seen)
        del seen  # it may be large, and so is what comes

        def encode(part: pd.DataFrame) -> Any:
            return columns.transform(part[names])

        if settings.model == "xgboost":
            matrix, label = external.matrix(parts, encode, data)
            refuse_what_cannot_be_learnt(label, known, data)
            external.fit(model[-1], matrix)
            return model
        label, weight = labelled(parts, data)
        refuse_what_cannot_be_learnt(label, known, data)
        if is_large and bins.can_fit(model[-1]):
            bins.fit(model[-1], parts, encode, label, weight)
        else:
            cells = encoded(map(encode, parts()), len(label), precision(settings))
            model[-1].fit(cells, label, sample_weight=weight)
    return model


def only(frame: pd.DataFrame, columns: list[str] | None = None) -> Iterable[pd.DataFrame]:
    """A frame as the one part of all rows."""
    return [frame]


def labelled(parts: Parts, data: params.Data) -> tuple[pd.Series, Any]:
    """The labels of all rows, and their weights or None."""
    label: list[pd.Series] = []
    weight: list[Any] = []
    for part in parts(label_columns(data)):
        label.append(target(part, data))
        if data.weight:
            weight.append(weights(part, data))
    return pd.concat(label, ignore_index=True), np.concatenate(weight) if weight else None


def encoded(pieces: Iterable[Any], rows: int, dtype: Any) -> Any:
    """The cells that an estimator is fitted to, shape (rows, columns).

    Written piece by piece into one matrix, since a second copy is what memory runs out on.
    """
    cells: Any = None
    thin: list[Any] = []
    at = 0
    for piece in pieces:
        if sparse.issparse(piece):
            thin.append(piece)
        else:
            cells = np.empty((rows, piece.shape[1]), dtype) if cells is None else cells
            cells[at : at + len(piece)] = piece
        at += piece.shape[0]
    return sparse.vstack(thin, format="csr") if thin else cells


def refuse_what_cannot_be_learnt(label: pd.Series, known: list[Any], data: params.Data) -> None:
    """Raise Fault unless there is something to tell apart; ``known`` are values of the target."""
    if label.nunique() < 2:
        values = ", ".join(map(repr, sorted(known, key=str)[:5]))
        what = f" and data.positive is {data.positive!r}" if data.task == "binary" else ""
        raise Fault(f"nothing to tell apart: in training {data.target} is {values}{what}")
    if data.task == "multiclass" and label.nunique() == 2:
        raise Fault(f"{data.target} has two classes; set data.task to binary in params.yaml")


def is_constant(model: Pipeline, features: pd.DataFrame) -> bool:
    """Whether a model says the same of each of the first thousand rows: it has learnt nothing."""
    found = predict(model, features.head(1000))
    return bool((found == found[0]).all())


def main() -> str:
    settings, data = params.load(params.Train), params.load(params.Data)
    sides = split.sides()
    rows = split.count("train", sides)
    some = next(split.rows("train", sides))
    some = some[feature_names(some, data)].head(1000)
    print(f"train: fitting {settings.model} to {rows:,} rows, {some.shape[1]} features")
    seen = split.rows("train", sides, step=-(-rows // SEEN))
    every = partial(split.rows, "train", sides) if rows > SEEN else None
    model = fit(pd.concat(seen, ignore_index=True), settings, data, every)
    if is_constant(model, some):
        print("train: WARNING: the model says the same of every row; let it split more finely")
    save(model)
    return f"{settings.model} fitted, {MODEL.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    run("train", main)
