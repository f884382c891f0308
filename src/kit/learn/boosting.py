"""Fit scikit-learn's boosting to rows of a byte a cell, which are binned part by part.

It bins each feature into at most 255 values before it learns anything, and needs numbers of eight
bytes for no more than that. So they are binned here, by its own means. Those are not documented: a
test holds the model to the bytes of that of its ``fit``.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.utils import check_random_state

Cells = npt.NDArray[np.floating[Any]]
SAMPLE = 200_000  # rows that the bins are made of, as in scikit-learn


def can_fit(estimator: Any) -> bool:
    """Whether an estimator would bin all features as numbers, each row with its own weight."""
    boosting = HistGradientBoostingClassifier | HistGradientBoostingRegressor
    return (
        isinstance(estimator, boosting)
        and isinstance(estimator.categorical_features, str | None)
        and getattr(estimator, "class_weight", None) is None
    )


def fit(
    boosting: Any,
    parts: Callable[[], Iterable[pd.DataFrame]],
    encode: Callable[[pd.DataFrame], Cells],
    label: pd.Series,
    weight: Any,
) -> None:
    """Fit an estimator that ``can_fit`` takes to what ``encode`` makes of each part's features.

    The ``parts`` are gone through twice; ``label`` and ``weight``, or None, are those of all rows.
    """
    rows = len(label)
    seed = check_random_state(boosting.random_state).randint(np.iinfo(np.uint32).max, dtype="u8")
    bins = _BinMapper(n_bins=boosting.max_bins + 1, subsample=None, random_state=seed)
    some = encode(pd.concat(taken(parts(), chosen(rows, weight, seed))))
    bins.fit(some, sample_weight=weight if rows <= SAMPLE else None)
    cells, at = np.empty((rows, len(bins.bin_thresholds_)), np.uint8, order="F"), 0
    for part in parts():
        cells[at : at + len(part)] = bins.transform(encode(part))
        at += len(part)
    learned = {name: value for name, value in vars(bins).items() if name.endswith("_")}

    def accepted(features: Any, *, reset: bool) -> tuple[Any, None]:
        """In the place of what checks the features, and would make numbers of them."""
        boosting.is_categorical_ = boosting._preprocessor = boosting._is_categorical_remapped = None
        boosting.n_features_in_ = features.shape[1]
        return features, None

    def binned(features: Any, *_: Any, **__: Any) -> Any:
        """In the place of what would bin them."""
        vars(boosting._bin_mapper).update(learned)
        return features

    boosting._preprocess_X, boosting._bin_data = accepted, binned
    try:
        boosting.fit(cells, label, sample_weight=weight)
    finally:
        del boosting._preprocess_X, boosting._bin_data


def chosen(rows: int, weight: Any, seed: int) -> npt.NDArray[np.int64]:
    """The numbers of the rows that scikit-learn makes its bins of, in order."""
    if rows <= SAMPLE:
        return np.arange(rows)
    share = None if weight is None else weight / np.sum(weight)
    return np.sort(check_random_state(seed).choice(rows, SAMPLE, p=share, replace=True))


def taken(parts: Iterable[pd.DataFrame], numbers: npt.NDArray[np.int64]) -> Iterator[pd.DataFrame]:
    """Rows by their numbers, which are in order, and may repeat."""
    at = 0
    for part in parts:
        first, last = np.searchsorted(numbers, [at, at + len(part)])
        yield part.iloc[numbers[first:last] - at]
        at += len(part)
