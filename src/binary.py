"""The task of telling a class, the positive one, from the rest: by its probability.

Labels are 0 or 1, predictions the probability of 1; both of shape (rows,).
"""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from curves import confusion, groups, thin
from labels import Floats
from params import Explain
from scores import DIGITS, Scores, mean

METRICS = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
}
IMPORTANCE = "roc_auc"  # what is lost when a feature is shuffled


def losses(label: Floats, prediction: Floats) -> Floats:
    """What each row costs: minus the log of its label's probability."""
    tiny = np.finfo(float).eps
    likely = np.clip(prediction, tiny, 1 - tiny)
    return np.asarray(-(label * np.log(likely) + (1 - label) * np.log1p(-likely)))


def scores(label: Floats, prediction: Floats) -> Scores:
    """METRICS as a function of weights, as scikit-learn's functions of these names.

    A metric that does not exist, such as the AUC where all labels are equal, is NaN. What sorts
    the rows is done once, which makes a resample cheap.
    """
    order = np.argsort(prediction, kind="stable")
    label, prediction = label[order], prediction[order]
    # Rows of equal probability form one group: no threshold can part them.
    starts = np.flatnonzero(np.diff(prediction, prepend=-1.0))
    lost, off = losses(label, prediction), (prediction - label) ** 2

    def measure(weight: Floats) -> dict[str, float]:
        weight = weight[order]
        positives = np.add.reduceat(weight * label, starts)
        negatives = np.add.reduceat(weight * (1 - label), starts)
        positive, negative = positives.sum(), negatives.sum()
        below = np.cumsum(negatives) - negatives / 2
        found = np.cumsum(positives[::-1])
        flagged = np.cumsum((positives + negatives)[::-1])
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "roc_auc": float((positives * below).sum() / np.float64(positive * negative)),
                "average_precision": float((positives[::-1] * precision).sum() / positive),
                "log_loss": mean(lost, weight),
                "brier": mean(off, weight),
            }

    return measure


def plots(
    label: Floats, prediction: Floats, settings: Explain, classes: list[str]
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, by the name of their file."""
    above = (prediction >= settings.threshold).astype(int)
    return {
        "roc": roc(label, prediction),
        "precision_recall": precision_recall(label, prediction),
        "calibration": calibration(label, prediction, settings.bins),
        "confusion": confusion(label.astype(int), above, classes),
    }


def roc(label: Floats, probability: Floats) -> pd.DataFrame:
    """False against true positive rate; columns fpr, tpr, both from 0 to 1."""
    fpr, tpr, _ = roc_curve(label, probability)
    return thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(label: Floats, probability: Floats) -> pd.DataFrame:
    """Recall against precision; columns recall, precision, both from 0 to 1."""
    precision, recall, _ = precision_recall_curve(label, probability)
    return thin(pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1]}))


def calibration(label: Floats, probability: Floats, bins: int) -> pd.DataFrame:
    """Mean prediction against observed rate, in ``bins`` groups of about equal size.

    Columns predicted, observed (0 to 1) and rows; fewer groups where predictions repeat.
    """
    table = pd.DataFrame({"predicted": probability, "observed": label, "rows": 1})
    kinds = {"predicted": "mean", "observed": "mean", "rows": "sum"}
    return table.groupby(groups(probability, bins)).agg(kinds).round(DIGITS)
