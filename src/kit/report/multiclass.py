"""The task of telling several classes apart, by the probability of each.

Labels are the number of the class, shape (rows,); predictions its probability, (rows, classes).
"""

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats
from kit.params import Explain
from kit.report import binary
from kit.report.curves import confusion
from kit.report.scores import Scores, mean

METRICS = {
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "roc_auc_ovr": "ROC AUC, one vs. rest",
}
IMPORTANCE = "neg_log_loss"  # what is lost when a feature is shuffled


def losses(label: Floats, prediction: Floats) -> Floats:
    """What each row costs: minus the log of its label's probability."""
    tiny = np.finfo(float).eps
    likely = prediction[np.arange(len(label)), label.astype(int)]
    return np.asarray(-np.log(np.clip(likely, tiny, 1 - tiny)))


def scores(label: Floats, prediction: Floats) -> Scores:
    """METRICS as a function of weights, as scikit-learn's functions of these names."""
    lost = losses(label, prediction)
    hit = (prediction.argmax(axis=1) == label).astype(float)
    against_rest = [
        binary.scores((label == number).astype(float), column)
        for number, column in enumerate(prediction.T)
    ]

    def measure(weight: Floats) -> dict[str, float]:
        return {
            "log_loss": mean(lost, weight),
            "accuracy": mean(hit, weight),
            "roc_auc_ovr": float(np.mean([one(weight)["roc_auc"] for one in against_rest])),
        }

    return measure


def plots(
    label: Floats, prediction: Floats, settings: Explain, classes: list[str]
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, by the name of their file."""
    curves = [
        binary.roc((label == number).astype(float), column).assign(**{"class": name})
        for number, (name, column) in enumerate(zip(classes, prediction.T, strict=True))
        if 0 < (label == number).sum() < len(label)
    ]
    return {
        "roc": pd.concat(curves),
        "confusion": confusion(label.astype(int), prediction.argmax(axis=1), classes),
    }
