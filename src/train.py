"""Fit the model on all but the newest months.

In:  data/features/MONTH.parquet (see featurize.py).
Out: models/model.joblib, a scikit-learn Pipeline from feature columns to the probability of a
     disruption. The encoding of the columns is inside it, so a model can't part from its features.

A joblib file runs code when it is loaded: load only one whose hash stands in dvc.lock.
"""

from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import params
import split
from keys import NOT_FEATURES, TARGET
from stage import run

MODEL = Path("models/model.joblib")

TEXT = make_column_selector(dtype_exclude="number")
NUMBERS = make_column_selector(dtype_include="number")


def feature_names(frame: pd.DataFrame) -> list[str]:
    """The columns of a split that are features, in order."""
    return [name for name in frame.columns if name not in (*NOT_FEATURES, "month")]


def build(settings: params.Train) -> Pipeline:
    """Make the unfitted pipeline that ``train.model`` and its own section describe."""
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    for_trees = make_column_transformer((ordinal, TEXT), remainder="passthrough")
    match settings.model:
        case "hist_gradient_boosting":
            # Early stopping would hold out rows at random, across the order of time.
            estimator = HistGradientBoostingClassifier(
                **dict(settings.hist_gradient_boosting),
                early_stopping=False,
                random_state=settings.seed,
            )
            return make_pipeline(for_trees, estimator)
        case "random_forest":
            forest = RandomForestClassifier(
                **dict(settings.random_forest), n_jobs=-1, random_state=settings.seed
            )
            return make_pipeline(for_trees, forest)
        case "logistic_regression":
            numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
            columns = make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore", min_frequency=100), TEXT),
                (numbers, NUMBERS),
            )
            # lbfgs gives another model on another BLAS; newton-cholesky the same to 1e-14.
            linear = LogisticRegression(
                **dict(settings.logistic_regression), solver="newton-cholesky"
            )
            return make_pipeline(columns, linear)


def portable(model: Pipeline) -> Pipeline:
    """Take out of a fitted model what depends on this machine, so that its bytes do not."""
    estimator = model[-1]
    if isinstance(estimator, HistGradientBoostingClassifier):
        estimator._bin_mapper.n_threads = None  # the only trace of the number of threads
    if isinstance(estimator, RandomForestClassifier):
        estimator.set_params(n_jobs=1)  # threads would add up the trees' votes in any order
    return model


def main() -> str:
    settings = params.load(params.Train)
    frame = split.load("train")["train"]
    names = feature_names(frame)
    print(f"train: fitting {settings.model} to {len(frame):,} flights, {len(names)} features")
    # BLAS adds up in another order on another number of cores, and gives other bytes.
    with threadpool_limits(limits=1, user_api="blas"):
        model = portable(build(settings).fit(frame[names], frame[TARGET]))
    MODEL.parent.mkdir(exist_ok=True)
    part = MODEL.with_suffix(".part")
    joblib.dump(model, part, compress=3)
    part.replace(MODEL)
    return f"{settings.model} fitted, {MODEL.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    run("train", main)
