"""How good predicted probabilities are, and how sure that figure is.

Flights of one day share its weather, so rows are not independent: resampling them one by one
gives an error about five times too small on this data. Whole days are resampled instead (a block
bootstrap; Künsch 1989, doi:10.1214/aos/1176347265).
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

METRICS = ["roc_auc", "average_precision", "log_loss", "brier"]
DIGITS = 6  # more would differ between processors


def score(label: Floats, probability: Floats, weight: Floats | None = None) -> dict[str, float]:
    """Compute METRICS of one set of predictions; all arguments have shape (rows,).

    A row of weight w counts as w rows. The figures are those of scikit-learn's roc_auc_score,
    average_precision_score, log_loss and brier_score_loss. A metric that does not exist, such as
    the AUC where all labels are equal, is NaN.
    """
    order = np.argsort(probability, kind="stable")
    weights = np.ones(len(label)) if weight is None else weight
    return _score_sorted(label[order], probability[order], weights[order])


def standard_errors(
    label: Floats, probability: Floats, day: npt.NDArray[np.generic], samples: int, seed: int
) -> dict[str, float]:
    """The standard deviation of METRICS over ``samples`` resamples of whole days.

    ``day`` names each row's day, shape (rows,). NaN where a metric never exists.
    """
    names, index = np.unique(day, return_inverse=True)
    order = np.argsort(probability, kind="stable")
    label, probability, index = label[order], probability[order], index[order]
    counts = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=samples
    )
    drawn = [_score_sorted(label, probability, count[index].astype(float)) for count in counts]
    values = np.array([[scores[metric] for metric in METRICS] for scores in drawn])
    return {
        metric: float(np.nanstd(column, ddof=1)) if np.isfinite(column).sum() > 1 else np.nan
        for metric, column in zip(METRICS, values.T, strict=True)
    }


def _score_sorted(label: Floats, probability: Floats, weight: Floats) -> dict[str, float]:
    # Rows of equal probability form one group: no threshold can part them.
    starts = np.flatnonzero(np.diff(probability, prepend=-1.0))
    positives = np.add.reduceat(weight * label, starts)
    negatives = np.add.reduceat(weight * (1 - label), starts)
    positive, negative = positives.sum(), negatives.sum()
    below = np.cumsum(negatives) - negatives / 2
    found = np.cumsum(positives[::-1])
    flagged = np.cumsum((positives + negatives)[::-1])
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    tiny = np.finfo(float).eps
    likely = np.clip(probability, tiny, 1 - tiny)
    losses = -(label * np.log(likely) + (1 - label) * np.log1p(-likely))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "roc_auc": float((positives * below).sum() / np.float64(positive * negative)),
            "average_precision": float((positives[::-1] * precision).sum() / positive),
            "log_loss": float((weight * losses).sum() / weight.sum()),
            "brier": float((weight * (probability - label) ** 2).sum() / weight.sum()),
        }
