"""Boosted trees of XGBoost, which reads the rows part by part and keeps a byte a cell.

Its package `xgboost-cpu` has to be among the dependencies in pyproject.toml, and so in
requirements.lock.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from kit.base.stage import Fault
from kit.learn.outcomes import target, weights
from kit.params import Data


def package() -> Any:
    """The package itself. Raises Fault if it is not installed."""
    try:
        import xgboost
    except ImportError:
        raise Fault(
            "params.yaml: train.model is xgboost, and the package is missing: put xgboost-cpu "
            "among the dependencies in pyproject.toml, and run `make lock` and `make`"
        ) from None
    return xgboost


def estimator(own: dict[str, Any], seed: int, *, regression: bool) -> Any:
    """Make the unfitted estimator; ``own`` has the settings, by XGBoost's names."""
    kind = package().XGBRegressor if regression else package().XGBClassifier
    return kind(**own, random_state=seed, tree_method="hist")


def can_fit(estimator: Any) -> bool:
    """Whether an estimator is XGBoost's; told by its module, since the package may be missing."""
    return type(estimator).__module__.partition(".")[0] == "xgboost"


def matrix(
    parts: Callable[[], Iterable[pd.DataFrame]],
    encode: Callable[[pd.DataFrame], Any],
    data: Data,
) -> tuple[Any, pd.Series]:
    """What is fitted to, as ``encode`` makes it of parts, which are gone through several times; and
    its labels, at most two of each part."""
    xgboost, seen = package(), set[Any]()

    class Parts(xgboost.DataIter):  # type: ignore
        def reset(self) -> None:
            self.left: Iterator[pd.DataFrame] = iter(parts())

        def next(self, add: Callable[..., None]) -> bool:
            part = next(self.left, None)
            if part is None:
                return False
            label = target(part, data)
            seen.update(label.unique().tolist()[:2])
            weight = weights(part, data) if data.weight else None
            add(data=encode(part), label=label.to_numpy(), weight=weight)
            return True

    found = Parts()
    found.reset()
    return xgboost.QuantileDMatrix(found, max_bin=256), pd.Series(list(seen))


def fit(unfitted: Any, rows: Any) -> None:
    """Fit an estimator to a matrix."""
    booster = package().train(unfitted.get_xgb_params(), rows, unfitted.n_estimators)
    unfitted.load_model(booster.save_raw("ubj"))
