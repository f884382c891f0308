"""Metrics by scikit-learn's names, of weighted rows: of any task, and fast where it counts.

``roc_auc`` means the same as in ``cross_validate(scoring="roc_auc")``. Names of functions
(``roc_auc_score``, ``brier_score_loss``) and without the ``neg_`` of losses are understood too.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Blocks = npt.NDArray[np.integer[Any]]  # the number of each row's block
OfBlocks = Callable[[Floats], float]  # a metric, by how often each block is drawn, (blocks,)
QUIET = np.errstate(invalid="ignore", divide="ignore")  # NaN where there is only one class
SHORT = {
    "auc": "roc_auc",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
}
SPLIT = re.compile(r"(^|[:.])(train|test|val|valid|validation|dev)_")


@dataclass(frozen=True)
class Score:
    """A metric of some rows, as a function of their weights."""

    of: Callable[[Floats], float]
    by_block: Callable[[Floats, Blocks], OfBlocks] | None = None

    def __call__(self, weight: Floats) -> float:
        return self.of(weight)

    def of_blocks(self, weight: Floats, index: Blocks) -> OfBlocks:
        """The metric as a function of how often each block of rows is drawn.

        A mean is made of sums over blocks, so that it does not go through the rows again.
        """
        return self.by_block(weight, index) if self.by_block else _by_row(self.of, weight, index)


def _by_row(of: Callable[[Floats], float], weight: Floats, index: Blocks) -> OfBlocks:
    """Any metric of weighted rows as one of how often each block is drawn."""
    return lambda drawn: of(drawn[index] * weight)


@cache
def scorer_of(name: str) -> Any:
    """scikit-learn's scorer of a name, or None. Its attributes are not documented."""
    from sklearn.metrics import get_scorer

    short = name.removesuffix("_score")
    names = [SHORT.get(name, name), f"neg_{name}", short, f"neg_{short}", f"neg_{name}_score"]
    names.append(f"neg_{name.removesuffix('_loss')}")
    there = next((name for name in names if name in _scorers()), None)
    return get_scorer(there) if there else None


@cache
def _scorers() -> frozenset[str]:
    from sklearn.metrics import get_scorer_names

    return frozenset(get_scorer_names())


def direction(name: str) -> int:
    """1 if more of a metric is better, -1 if less is, 0 if scikit-learn does not know it."""
    scorer = scorer_of(name)
    return int(scorer._sign) if scorer else 0


def parts(name: str) -> tuple[list[str], str]:
    """What stands around a metric in a dotted name, its split among it, and its bare name.

    ``test.auc``, ``auc.test``, ``test_auc`` and ``metrics/test.json:auc`` all have test and auc.
    """
    file, _, rest = SPLIT.sub(r"\1\2.", name).rpartition(":")
    names = rest.split(".")
    at = next((i for i in reversed(range(len(names))) if scorer_of(names[i])), len(names) - 1)
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
    scorer = scorer_of(name)
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
            rows = _Ranking(label, prediction.astype(float))
            is_area = what == "roc_auc_score"
            return Score(rows.area if is_area else rows.precision)
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
    return Score(lambda weight: score(np.bincount(index.ravel(), weight, len(first)).astype(float)))


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

    return Score(score)


def _mean(losses: Floats) -> Score:
    # Not by BLAS, whose threads wait for each other on a busy machine: 40 times as long
    def of(weight: Floats, losses: Floats) -> float:
        return float((weight * losses).sum() / weight.sum()) if weight.any() else np.nan

    def by_block(weight: Floats, index: Blocks) -> OfBlocks:
        lost, held = np.bincount(index, weight * losses), np.bincount(index, weight)
        means = np.divide(lost, held, out=np.zeros_like(lost), where=held > 0)
        return lambda drawn: of(drawn * held, means)

    return Score(lambda weight: of(weight, losses), by_block)


def _clipped(probability: Floats) -> Floats:
    tiny = np.finfo(float).eps
    return np.clip(probability, tiny, 1 - tiny)


class _Ranking:
    """Rows of two classes, sorted once: ROC AUC and average precision are means over positives.

    No threshold can part rows of equal probability, so each counts with all that share its own.
    """

    def __init__(self, truth: Floats, probability: Floats) -> None:
        self.order = np.argsort(-probability, kind="stable")
        likely, self.hit = -probability[self.order], np.flatnonzero(truth[self.order])
        first, last = (
            np.searchsorted(likely, likely[self.hit], side) for side in ("left", "right")
        )
        self.first, self.last, self.reached = first, last, np.searchsorted(self.hit, last)

    def parted(self, weight: Floats) -> tuple[Floats, Floats]:
        """The weights of the positives, and of all rows with those of the positives as 0."""
        missed = weight[self.order]
        own = missed[self.hit]
        missed[self.hit] = 0
        return own, missed

    def below(self, missed: Floats) -> Floats:
        """The weight of negatives that are less probable than each positive; of ties, the half."""
        above = _sums(missed)
        return np.asarray(above[-1] - (above[self.first] + above[self.last]) / 2)

    @QUIET
    def area(self, weight: Floats) -> float:
        own, missed = self.parted(weight)
        return float((own * self.below(missed)).sum() / (own.sum() * missed.sum()))

    @QUIET
    def precision(self, weight: Floats) -> float:
        own, missed = self.parted(weight)
        right = _sums(own)[self.reached]
        flagged = right + _sums(missed)[self.last]
        return float((own * np.where(flagged > 0, right / flagged, 0)).sum() / own.sum())


def _sums(values: Floats) -> Floats:
    """The sum of so many first values, from none to all."""
    return np.concatenate([[0.0], np.cumsum(values)])
