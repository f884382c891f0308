"""The task of telling a class, the positive one, from the rest: by its probability.

Labels are 0 or 1, predictions the probability of 1; both of shape (rows,).
"""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from kit.learn.outcomes import Floats
from kit.params import Explain
from kit.report.curves import POINTS, confusion, groups
from kit.report.scores import DIGITS, Scores, mean

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

    A metric that does not exist, such as the AUC where all labels are equal, is NaN. The AUC and
    the average precision are means over the positives: of the share of negatives that are less
    probable, and of the precision where each is flagged. The rows are sorted once, so that a
    change of weights is cheap.
    """
    order = np.argsort(-prediction, kind="stable")
    likely, hit = -prediction[order], np.flatnonzero(label[order])
    # No threshold can part rows of equal probability, so each counts with all that share its own.
    first, last = (np.searchsorted(likely, likely[hit], side) for side in ("left", "right"))
    found = np.searchsorted(hit, last)
    lost, off = losses(label, prediction), (prediction - label) ** 2

    def measure(weight: Floats) -> dict[str, float]:
        missed = weight[order]
        own = missed[hit]
        missed[hit] = 0
        hits, misses = sums(own), sums(missed)
        flagged = hits[found] + misses[last]
        with np.errstate(invalid="ignore", divide="ignore"):
            below = 1 - (misses[first] + misses[last]) / 2 / misses[-1]
            precision = np.where(flagged > 0, hits[found] / flagged, 0)
            return {
                "roc_auc": float((own * below).sum() / hits[-1]),
                "average_precision": float((own * precision).sum() / hits[-1]),
                "log_loss": mean(lost, weight),
                "brier": mean(off, weight),
            }

    return measure


def sums(values: Floats) -> Floats:
    """The sum of so many first values, from none to all."""
    return np.concatenate([[0.0], np.cumsum(values)])


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
    """False against true positive rate; columns fpr, tpr, both from 0 to 1.

    Of a curve with more corners than POINTS so many points, evenly spaced along it, steps up and
    to the right alike: of ``n`` such pieces none cuts more off than 2 / n², half its square.
    """
    fpr, tpr, _ = roc_curve(label, probability)
    if len(fpr) > POINTS:
        along, even = fpr + tpr, np.linspace(0, 2, POINTS)
        fpr, tpr = np.interp(even, along, fpr), np.interp(even, along, tpr)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr}).round(DIGITS)


def precision_recall(label: Floats, probability: Floats) -> pd.DataFrame:
    """Recall against precision; columns recall, precision, both from 0 to 1.

    Of each recall the first, best precision, with which the average precision is reckoned: it
    holds back to the recall before. The last row is the base rate, of all rows as positives.
    """
    precision, recall, _ = precision_recall_curve(label, probability)
    precision, recall = precision[::-1], recall[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, POINTS))
    curve = pd.DataFrame({"recall": recall, "precision": precision})
    return curve.iloc[np.unique(np.append(at, len(curve) - 1))].round(DIGITS)


def calibration(label: Floats, probability: Floats, bins: int) -> pd.DataFrame:
    """Mean prediction against observed rate, in ``bins`` groups of about equal size.

    Columns predicted, observed (0 to 1) and rows; fewer groups where predictions repeat.
    """
    table = pd.DataFrame({"predicted": probability, "observed": label, "rows": 1})
    kinds = {"predicted": "mean", "observed": "mean", "rows": "sum"}
    return table.groupby(groups(probability, bins)).agg(kinds).round(DIGITS)
