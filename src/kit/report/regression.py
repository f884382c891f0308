"""The task of predicting a value. Labels and predictions are values, both of shape (rows,)."""

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats
from kit.params import Explain
from kit.report.curves import groups
from kit.report.scores import DIGITS, Scores, mean

METRICS = {
    "mean_absolute_error": "mean absolute error",
    "root_mean_squared_error": "root mean squared error",
    "r2": "R²",
}
IMPORTANCE = "neg_mean_absolute_error"  # what is lost when a feature is shuffled


def losses(label: Floats, prediction: Floats) -> Floats:
    """What each row costs: the squared error."""
    return np.asarray((prediction - label) ** 2)


def scores(label: Floats, prediction: Floats) -> Scores:
    """METRICS as a function of weights, as scikit-learn's functions of these names.

    The first two are in the unit of the target. R² is NaN where all labels are equal.
    """
    off = prediction - label

    def measure(weight: Floats) -> dict[str, float]:
        squared = mean(off**2, weight)
        # Asked of the labels themselves, since a mean of equal values is off by its rounding.
        counted = label[weight > 0]
        varies = (counted != counted[:1]).any()
        spread = mean((label - mean(label, weight)) ** 2, weight)
        return {
            "mean_absolute_error": mean(np.abs(off), weight),
            "root_mean_squared_error": float(np.sqrt(squared)),
            "r2": 1 - squared / spread if varies and spread > 0 else np.nan,
        }

    return measure


def plots(
    label: Floats, prediction: Floats, settings: Explain, classes: list[str]
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, by the name of their file."""
    return {
        "predicted": predicted(label, prediction, settings.bins),
        "residuals": residuals(label, prediction),
    }


def predicted(label: Floats, value: Floats, bins: int) -> pd.DataFrame:
    """Predicted against actual values, in ``bins`` groups of about equal size by prediction.

    Columns predicted, actual (means), low and high (the middle 80% of actual values), rows.
    """
    table = pd.DataFrame({"predicted": value, "actual": label, "rows": 1})
    grouped = table.groupby(groups(value, bins))
    found = grouped.agg({"predicted": "mean", "actual": "mean", "rows": "sum"})
    found.insert(2, "low", grouped["actual"].quantile(0.1))
    found.insert(3, "high", grouped["actual"].quantile(0.9))
    return found.round(DIGITS)


def residuals(label: Floats, value: Floats) -> pd.DataFrame:
    """How far off the predictions are: columns share (of rows, from 0 to 1) and residual, the
    actual value less the predicted one that this share of rows stays below."""
    share = np.linspace(0, 1, 101)
    off = np.quantile(label - value, share)
    return pd.DataFrame({"share": share, "residual": off}).round(DIGITS)
