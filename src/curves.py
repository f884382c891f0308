"""The tables behind the plots: small, so that they live in Git and every commit has its own."""

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.pipeline import Pipeline

from keys import TARGET
from params import Evaluate
from scores import DIGITS, Floats

POINTS = 101


def _thin(curve: pd.DataFrame) -> pd.DataFrame:
    """Keep POINTS rows, evenly spaced in the first column, the ends among them."""
    grid = np.linspace(0, 1, POINTS)
    x = curve.iloc[:, 0].to_numpy()
    nearest = np.searchsorted(x, grid).clip(0, len(x) - 1)
    return curve.iloc[np.unique(np.r_[0, nearest, len(x) - 1])].round(DIGITS)


def roc(label: Floats, probability: Floats) -> pd.DataFrame:
    """False against true positive rate; columns fpr, tpr, both from 0 to 1."""
    fpr, tpr, _ = roc_curve(label, probability)
    return _thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(label: Floats, probability: Floats) -> pd.DataFrame:
    """Recall against precision; columns recall, precision, both from 0 to 1."""
    precision, recall, _ = precision_recall_curve(label, probability)
    return _thin(pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1]}))


def calibration(label: Floats, probability: Floats, bins: int) -> pd.DataFrame:
    """Mean prediction against observed rate, in ``bins`` groups of about equal size.

    Columns predicted, observed (0 to 1) and flights; fewer rows where predictions repeat.
    """
    table = pd.DataFrame({"predicted": probability, "observed": label, "flights": 1})
    inner_edges = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1])
    groups = np.searchsorted(inner_edges, probability)
    kinds = {"predicted": "mean", "observed": "mean", "flights": "sum"}
    return table.groupby(groups).agg(kinds).round(DIGITS)


def confusion(label: Floats, probability: Floats, threshold: float) -> pd.DataFrame:
    """Count flights by what happened and what a threshold predicts; four rows."""
    names = np.array(["on time", "disrupted"])
    seen = pd.DataFrame(
        {
            "actual": names[label.astype(int)],
            "predicted": names[(probability >= threshold).astype(int)],
        }
    )
    cells = pd.MultiIndex.from_product([names, names], names=["actual", "predicted"])
    return seen.value_counts().reindex(cells, fill_value=0).rename("flights").reset_index()


def importance(model: Pipeline, frame: pd.DataFrame, settings: Evaluate) -> pd.DataFrame:
    """What the AUC loses when a feature's values are shuffled; the largest loss first.

    Columns feature, loss and sd (over the repeats); on a sample of ``importance_rows`` flights.
    """
    rows = frame.sample(min(settings.importance_rows, len(frame)), random_state=settings.seed)
    names = list(model.feature_names_in_)
    found = permutation_importance(
        model,
        rows[names],
        rows[TARGET],
        scoring="roc_auc",
        n_repeats=settings.importance_repeats,
        random_state=settings.seed,
    )
    figures = {"loss": found.importances_mean, "sd": found.importances_std}
    table = pd.DataFrame({"feature": names, **figures}).round(DIGITS)
    return table.sort_values(["loss", "feature"], ascending=[False, True])
