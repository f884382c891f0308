"""Labels and predictions as numbers, whatever the task.

Labels are 0 or 1, the number of a class, or a value, of shape (rows,). Predictions are a
probability or a value, of the same shape, or the probability of each class, (rows, classes).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from kit.base.stage import Fault
from kit.params import Data

Floats = npt.NDArray[np.float64]
PLACES = 9  # of a prediction: beyond them processors differ


def target(frame: pd.DataFrame, data: Data) -> pd.Series:
    """What is fitted: 1 for the positive class, else 0; the class as text; or the value.

    Raises Fault if it is missing in a row.
    """
    values = frame[data.target]
    if absent := int(values.isna().sum()):
        raise Fault(f"{data.target} is missing in {absent:,} rows: prepare may leave them out")
    if data.task == "binary":
        return (values == data.positive).astype("int8")
    return values.astype(str if data.task == "multiclass" else float)


def classes_of(model: Pipeline, data: Data) -> list[str]:
    """The names of the classes, in the order of the model's; empty for a value."""
    if data.task == "binary":
        name = data.target if data.positive in (1, True) else str(data.positive)
        return [f"not {name}", name]
    return [str(name) for name in getattr(model, "classes_", [])]


def labels(frame: pd.DataFrame, data: Data, classes: list[str]) -> Floats:
    """The labels as numbers. Raises Fault for a class that training never saw."""
    values = target(frame, data)
    if data.task != "multiclass":
        return values.to_numpy(dtype=float)
    if strange := sorted(set(values) - set(classes)):
        raise Fault(f"{data.target} is {strange[0]!r} in some rows, and never in training")
    return np.searchsorted(classes, values).astype(float)


def predict(model: Pipeline, features: pd.DataFrame) -> Floats:
    """The probability of the positive class or of each class, or the value."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(features), dtype=float)
    likely = np.asarray(model.predict_proba(features), dtype=float)
    return likely[:, 1] if likely.shape[1] == 2 else likely


def predict_all(models: dict[str, Pipeline], frame: pd.DataFrame, data: Data) -> dict[str, Floats]:
    """What each of some models says of the rows of a split."""
    features = frame[feature_names(frame, data)]
    return {name: predict(model, features) for name, model in models.items()}


def feature_names(frame: pd.DataFrame, data: Data) -> list[str]:
    """The columns of a split that are features, in order."""
    others = {data.target, data.weight, "partition", "split", *data.not_features}
    return [name for name in frame.columns if name not in others]


def label_columns(data: Data) -> list[str]:
    """The columns that ``target`` and ``weights`` read."""
    return [data.target, *([data.weight] if data.weight else [])]


def weights(frame: pd.DataFrame, data: Data) -> Floats:
    """How much each row counts."""
    return frame[data.weight].to_numpy(dtype=float) if data.weight else np.ones(len(frame))


def columns_of(classes: list[str], task: str) -> list[str]:
    """What the columns of predictions are called."""
    if task == "multiclass":
        return [f"probability_{name}" for name in classes]
    return ["probability" if classes else "prediction"]


def table(found: Floats, classes: list[str], task: str) -> pd.DataFrame:
    """Predictions as columns, rounded to PLACES."""
    return pd.DataFrame(found.round(PLACES), columns=columns_of(classes, task))
