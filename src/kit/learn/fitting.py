"""Fit a pipeline to the rows of training, of which one partition is held at a time."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from kit.base.stage import Fault
from kit.learn import boosting, xgb
from kit.learn.outcomes import feature_names, label_columns, predict, target, weights
from kit.learn.split import Rows
from kit.params import Data

SEEN = 500_000  # rows that the encoders of columns learn from; of more, evenly spaced ones

Parts = Callable[..., Iterable[pd.DataFrame]]  # of all rows, with some columns or all of them


def fit(rows: Rows, data: Data, build: Callable[[pd.DataFrame], Pipeline]) -> Pipeline:
    """Fit the unfitted pipeline that ``build`` makes for features: encoders, then an estimator.

    The encoders learn from at most SEEN rows, the estimator from all. Raises Fault if there is
    nothing to learn.
    """
    is_large = len(rows) > SEEN
    seen = rows.every(-(-len(rows) // SEEN)).frame()
    names = feature_names(seen, data)
    model = build(seen[names])
    known = seen[data.target].unique().tolist()
    # BLAS adds up in another order on another number of cores, and gives other bytes.
    with threadpool_limits(limits=1, user_api="blas"):
        columns = model[0].fit(seen[names])
        parts: Parts = rows.parts if is_large else partial(_whole, seen)
        del seen  # it may be large, and so is what comes

        def encode(part: pd.DataFrame) -> Any:
            return columns.transform(part[names])

        if xgb.can_fit(model[-1]):
            matrix, label = xgb.matrix(parts, encode, data)
            refuse_what_cannot_be_learnt(label, known, data)
            xgb.fit(model[-1], matrix)
            return model
        label, weight = labelled(parts, data)
        refuse_what_cannot_be_learnt(label, known, data)
        if is_large and boosting.can_fit(model[-1]):
            boosting.fit(model[-1], parts, encode, label, weight)
        else:
            cells = encoded(map(encode, parts()), len(label), precision(model[-1]))
            model[-1].fit(cells, label, sample_weight=weight)
    return model


def _whole(frame: pd.DataFrame, columns: list[str] | None = None) -> Iterable[pd.DataFrame]:
    """A frame as the one part of all rows."""
    return [frame]


def precision(estimator: Any) -> Any:
    """The dtype in which an estimator computes: it would make a copy of any other."""
    is_forest = isinstance(estimator, RandomForestClassifier | RandomForestRegressor)
    return np.float32 if is_forest else np.float64


def labelled(parts: Parts, data: Data) -> tuple[pd.Series, Any]:
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


def refuse_what_cannot_be_learnt(label: pd.Series, known: list[Any], data: Data) -> None:
    """Raise Fault unless there is something to tell apart; ``known`` are values of the target."""
    if label.nunique() < 2:
        values = ", ".join(map(repr, sorted(known, key=str)[:5]))
        what = f" and data.positive is {data.positive!r}" if data.task == "binary" else ""
        raise Fault(f"nothing to tell apart: in training {data.target} is {values}{what}")
    if data.task == "multiclass" and label.nunique() == 2:
        raise Fault(f"{data.target} has two classes; set data.task to binary in params.yaml")


def is_constant(model: Pipeline, rows: Rows, data: Data) -> bool:
    """Whether a model says the same of each of the first thousand rows: it has learnt nothing."""
    first = next(rows.parts()).head(1000)
    found = predict(model, first[feature_names(first, data)])
    return bool((found == found[0]).all())
