"""Metrics by scikit-learn's names, of weighted rows: of any task, and fast where it counts.

``roc_auc`` means the same as in ``cross_validate(scoring="roc_auc")``. Names of functions
(``roc_auc_score``, ``brier_score_loss``) and without the ``neg_`` of losses are understood too.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], float]  # a metric of some rows, as a function of their weights
SHORT = {
    "auc": "roc_auc",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
}
SPLIT = re.compile(r"(^|[:.])(train|test|val|valid|validation|dev)_")


@cache
def known(name: str) -> Any:
    """scikit-learn's scorer of a name, or None. Its attributes are not documented."""
    from sklearn.metrics import get_scorer, get_scorer_names

    short = name.removesuffix("_score")
    names = [SHORT.get(name, name), f"neg_{name}", short, f"neg_{short}", f"neg_{name}_score"]
    names.append(f"neg_{name.removesuffix('_loss')}")
    found = next((each for each in names if each in get_scorer_names()), None)
    return get_scorer(found) if found else None


def direction(name: str) -> int:
    """1 if more of a metric is better, -1 if less is, 0 if scikit-learn does not know it."""
    scorer = known(name)
    return int(scorer._sign) if scorer else 0


def parts(name: str) -> tuple[list[str], str]:
    """What stands around a metric in a dotted name, its split among it, and its bare name.

    ``test.auc``, ``auc.test``, ``test_auc`` and ``metrics/test.json:auc`` all have test and auc.
    """
    file, _, rest = SPLIT.sub(r"\1\2.", name).rpartition(":")
    names = rest.split(".")
    at = next((i for i in reversed(range(len(names))) if known(names[i])), len(names) - 1)
    return re.split(r"[/.]", file) + names[:at] + names[at + 1 :], names[at]


def scored(
    name: str, label: npt.NDArray[Any], prediction: npt.NDArray[Any], classes: Sequence[str] = ()
) -> Score | None:
    """A metric of rows as a function of their weights; None if scikit-learn does not know it.

    ``label`` has the shape (rows,).
    ``prediction`` is of shape (rows,): values, classes, or the probability of the class that sorts
    last; or of shape (rows, classes): the probability of each of ``classes``. A metric of classes
    takes the most probable one. Raises ValueError if the metric cannot be had of these.
    """
    scorer = known(name)
    if scorer is None:
        return None
    function, options = scorer._score_func, scorer._kwargs
    if prediction.dtype.kind == "f" and np.isnan(prediction).any():
        raise ValueError("a row has no prediction")
    if function.__module__.endswith("_regression"):
        return _guarded(function, options, label, prediction)
    if prediction.ndim == 2:
        whole = label.dtype.kind == "f" and (label % 1 == 0).all()
        label = (label.astype(int) if whole else label).astype(str)
        classes, prediction = sorted(classes), prediction[:, np.argsort(classes)]
        if strange := sorted(set(label) - set(classes)):
            raise ValueError(f"there is no prediction for the label {str(strange[0])!r}")
        if len(classes) == 2:
            label, prediction = (label == classes[1]) * 1, prediction[:, 1]
    values = np.unique(label)
    if scorer._response_method == "predict":
        if prediction.ndim == 2:
            prediction = np.array(classes)[prediction.argmax(axis=1)]
        elif prediction.dtype.kind == "f" and len(values) == 2 and set(prediction) - set(values):
            prediction = values[(prediction >= 0.5).astype(int)]
        return _of_classes(function, options, label, prediction)
    if prediction.dtype.kind not in "fiu":
        raise ValueError(f"{name} needs probabilities, and the predictions are classes")
    what = function.__name__
    if prediction.ndim == 1 and len(values) <= 2:
        label = (label == (max(1, values[-1]) if label.dtype.kind in "biuf" else values[-1])) * 1.0
        if what == "brier_score_loss":
            return _mean((prediction - label) ** 2)
        if what == "log_loss":
            return _mean(-np.log(_clipped(np.where(label == 1, prediction, 1 - prediction))))
        if what in ("roc_auc_score", "average_precision_score"):
            return _ranking(what, label, prediction.astype(float))
    elif what == "log_loss":
        likely = prediction[np.arange(len(label)), np.searchsorted(classes, label)]
        return _mean(-np.log(_clipped(likely)))
    elif what != "average_precision_score":
        options = options | {"labels": classes}
    return _guarded(function, options, label, prediction)


def _of_classes(
    function: Any, options: Any, label: npt.NDArray[Any], prediction: npt.NDArray[Any]
) -> Score:
    """Rows that are alike are one row with their weight: a few are left."""
    pairs = np.stack([np.unique(side, return_inverse=True)[1] for side in (label, prediction)])
    _, first, index = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
    score = _guarded(function, options, label[first], prediction[first])
    return lambda weight: score(np.bincount(index.ravel(), weight, len(first)).astype(float))


def _guarded(
    function: Any, options: Any, label: npt.NDArray[Any], prediction: npt.NDArray[Any]
) -> Score:
    """A function of scikit-learn's, of weights alone; NaN where it does not exist."""

    def score(weight: Floats) -> float:
        rows = weight > 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return float(
                    function(label[rows], prediction[rows], sample_weight=weight[rows], **options)
                )
            except ValueError:
                return np.nan

    return score


def _mean(losses: Floats) -> Score:
    # Not by BLAS, whose threads wait for each other on a busy machine: 40 times as long
    return lambda w: float((w * losses).sum() / w.sum()) if w.any() else np.nan


def _clipped(probability: Floats) -> Floats:
    tiny = np.finfo(float).eps
    return np.clip(probability, tiny, 1 - tiny)


def _ranking(name: str, truth: Floats, probability: Floats) -> Score:
    """roc_auc_score or average_precision_score of two classes, which sort the rows only once."""
    order = np.argsort(-probability, kind="stable")
    truth, likely = truth[order], probability[order]
    ends = np.flatnonzero(np.diff(likely, append=-np.inf))  # of runs that no threshold can part

    def score(weight: Floats) -> float:
        w = weight[order]
        hits, flagged = np.cumsum(w * truth)[ends], np.cumsum(w)[ends]
        found, misses = np.diff(hits, prepend=0.0), flagged - hits
        with np.errstate(invalid="ignore", divide="ignore"):
            if name == "roc_auc_score":
                area = (np.diff(misses, prepend=0.0) * (hits - found / 2)).sum()
                return float(area / (hits[-1] * misses[-1]))
            precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
            return float((found * precision).sum() / hits[-1])

    return score
