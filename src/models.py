"""The models that params.yaml can name: each an unfitted scikit-learn Pipeline of the features.

The encoding of the columns is in the pipeline, so that a model can't part from its features. For
another model add a case here, and in params.py a Train with a class of its settings.
"""

from typing import Any

import pandas as pd
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from kit.learn import for_linear, for_trees, xgb
from kit.params import Data, Train


def build(settings: Train, data: Data, features: pd.DataFrame) -> Pipeline:
    """Make the unfitted pipeline of a model for these columns: encoders, then the estimator."""
    is_linear = settings.model in ("logistic_regression", "ridge")
    encoders = (for_linear if is_linear else for_trees)(features, data, settings.min_frequency)
    return make_pipeline(encoders, estimator(settings, data.task))


def estimator(settings: Train, task: str) -> Any:
    """Make the unfitted estimator that ``train.model`` and its own section describe."""
    own: dict[str, Any] = dict(getattr(settings, settings.model))
    seed, regression = settings.seed, task == "regression"
    match settings.model:
        case "hist_gradient_boosting":
            kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
            # Early stopping would hold out rows at random, whatever the split.
            return kind(**own, early_stopping=False, random_state=seed)
        case "random_forest":
            forest = RandomForestRegressor if regression else RandomForestClassifier
            return forest(**own, n_jobs=-1, random_state=seed)
        case "logistic_regression":
            # lbfgs gives another model on another BLAS; newton-cholesky the same to 1e-14.
            return LogisticRegression(**own, solver="newton-cholesky")
        case "ridge":
            return Ridge(**own)
        case "xgboost":
            return xgb.estimator(own, seed, regression=regression)
    raise ValueError(f"train.model is {settings.model}: models.py has no case for it")
