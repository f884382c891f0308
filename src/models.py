"""The models that params.yaml can name: each an unfitted scikit-learn Pipeline of the features.

The encoding of the columns is in the pipeline, so that a model can't part from its features. Text
is categories, but for the columns in ``data.text``, which are read as words.

Another model, of any library with scikit-learn's interface, is a class of its settings in
params.py and a line in ``estimator``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import external
import params
from labels import target
from stage import Fault

MODEL = Path("models/model.joblib")
WORDS = 256  # columns that the words of a text are hashed into


def feature_names(frame: pd.DataFrame, data: params.Data) -> list[str]:
    """The columns of a split that are features, in order."""
    others = {data.target, data.weight, "partition", "split", *data.not_features}
    return [name for name in frame.columns if name not in others]


def estimator(settings: params.Train, task: str) -> Any:
    """Make the unfitted estimator that ``train.model`` and its own section describe."""
    own: dict[str, Any] = dict(getattr(settings, settings.model))
    seed, regression = settings.seed, task == "regression"
    match settings.model:
        case "hist_gradient_boosting":
            boosting = (
                HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
            )
            # Early stopping would hold out rows at random, whatever the split.
            return boosting(**own, early_stopping=False, random_state=seed)
        case "random_forest":
            forest = RandomForestRegressor if regression else RandomForestClassifier
            return forest(**own, n_jobs=-1, random_state=seed)
        case "xgboost":
            return external.estimator(own, seed, regression=regression)
        case "ridge":
            return Ridge(**own)
        case "logistic_regression":
            # lbfgs gives another model on another BLAS; newton-cholesky the same to 1e-14.
            return LogisticRegression(**own, solver="newton-cholesky")


def precision(settings: params.Train) -> Any:
    """The dtype in which an estimator computes: it would make a copy of any other."""
    return np.float32 if settings.model == "random_forest" else np.float64


def build(settings: params.Train, data: params.Data, features: pd.DataFrame) -> Pipeline:
    """Make the unfitted pipeline of a model for these columns: encoders, then the estimator."""
    numbers = list(features.select_dtypes(["number", "bool"]).columns)
    categories = [name for name in features.columns if name not in {*numbers, *data.text}]
    rare = settings.min_frequency
    if settings.model in ("logistic_regression", "ridge"):
        of_numbers: Any = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        of_categories: Any = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare)
    else:
        of_numbers = "passthrough"
        of_categories = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=rare
        )
    words = HashingVectorizer(n_features=WORDS, ngram_range=(1, 2))
    columns = ColumnTransformer(
        [
            ("categories", of_categories, categories),
            ("numbers", of_numbers, numbers),
            *((name, words, name) for name in data.text),
        ],
        sparse_threshold=0 if data.text else 0.3,
    )
    return make_pipeline(columns, estimator(settings, data.task))


def dummy(labels: Iterable[tuple[pd.Series, Any]], data: params.Data) -> Any:
    """Fit what always says the same: the share of each class in training, or the mean.

    ``labels`` are those of training with their weights, a partition at a time.
    """
    if data.task == "regression":
        sums = np.sum([[(label * weight).sum(), weight.sum()] for label, weight in labels], axis=0)
        return DummyRegressor().fit([[0]], [sums[0] / sums[1]])
    found = [pd.Series(weight).groupby(label.to_numpy()).sum() for label, weight in labels]
    total = pd.concat(found).groupby(level=0).sum()
    return DummyClassifier().fit(total.index, total.index, total)


def baseline(train: pd.DataFrame, data: params.Data) -> Pipeline:
    """A linear model, fitted to some rows of training, that a better one must beat."""
    settings = params.Train.model_construct(
        model="ridge" if data.task == "regression" else "logistic_regression",
        min_frequency=20,
        logistic_regression=params.LogisticRegression(C=0.1, max_iter=100),
        ridge=params.Ridge(alpha=10.0),
        seed=0,
    )
    features = train[feature_names(train, data)]
    return build(settings, data, features).fit(features, target(train, data))


def portable(model: Pipeline) -> Pipeline:
    """Take out of a fitted model what depends on this machine, so that its bytes do not."""
    last = model[-1]
    if isinstance(last, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        last._bin_mapper.n_threads = None  # the only trace of the number of threads
    if isinstance(last, RandomForestClassifier | RandomForestRegressor):
        last.set_params(n_jobs=1)  # threads would add up the trees' votes in any order
    for _, encoder, _ in model[0].transformers_:
        if isinstance(encoder, HashingVectorizer):
            vars(encoder).pop("_stop_words_id", None)  # an address in memory
    return model


def save(model: Pipeline) -> None:
    """Write the model whole or not at all; equal ones give equal bytes."""
    MODEL.parent.mkdir(exist_ok=True)
    part = MODEL.with_suffix(".part")
    joblib.dump(portable(model), part, compress=3)
    part.replace(MODEL)


def load() -> Pipeline:
    """The fitted model. Raises Fault if it is not there.

    A joblib file runs code when it is loaded: load only one whose hash stands in dvc.lock.
    """
    if not MODEL.exists():
        raise Fault(f"{MODEL}: not found; `dvc repro` trains it, `dvc checkout` brings it back")
    return joblib.load(MODEL)
