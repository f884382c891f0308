"""What a model must beat: one that knows only the labels, and a linear one."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from kit.learn.encoders import for_linear
from kit.learn.outcomes import feature_names, label_columns, target, weights
from kit.learn.split import Rows
from kit.params import Data

ROWS, PARTITIONS = 20_000, 40  # of training, for the linear model; more hardly change it
RARE = 20  # rows of a category


def fit_baselines(train: Rows, data: Data) -> dict[str, Any]:
    """Both of them, fitted to the training split: ``dummy`` to its labels, ``baseline`` to some."""
    known = train.parts(label_columns(data))
    partitions = len(train.sample(1, PARTITIONS))
    some = train.sample(-(-ROWS // partitions), PARTITIONS).frame()
    return {
        "dummy": dummy(((target(part, data), weights(part, data)) for part in known), data),
        "baseline": linear(some, data),
    }


def dummy(labels: Iterable[tuple[pd.Series, Any]], data: Data) -> Any:
    """Fit what always says the same: the share of each class in training, or the mean.

    ``labels`` are those of training with their weights, a partition at a time.
    """
    if data.task == "regression":
        sums = np.sum([[(label * weight).sum(), weight.sum()] for label, weight in labels], axis=0)
        return DummyRegressor().fit([[0]], [sums[0] / sums[1]])
    shares = [pd.Series(weight).groupby(label.to_numpy()).sum() for label, weight in labels]
    total = pd.concat(shares).groupby(level=0).sum()
    return DummyClassifier().fit(total.index, total.index, total)


def linear(train: pd.DataFrame, data: Data) -> Pipeline:
    """A linear model, fitted to some rows of training."""
    features = train[feature_names(train, data)]
    is_regression = data.task == "regression"
    # newton-cholesky gives the same model on any BLAS
    estimator: Any = (
        Ridge(alpha=10.0)
        if is_regression
        else LogisticRegression(C=0.1, max_iter=100, solver="newton-cholesky")
    )
    model = make_pipeline(for_linear(features, data, RARE), estimator)
    return model.fit(features, target(train, data))
