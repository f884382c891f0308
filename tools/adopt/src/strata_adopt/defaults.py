"""The numbers of params.yaml that depend on how much data there is."""

from typing import Any

from strata_adopt.proposal import Proposal


def defaults(made: Proposal, features: int) -> dict[str, Any]:
    """Settings of the models and of evaluate for so many rows and features.

    Few rows, or fewer than three a feature, are for a linear model; trees get leaves that are large
    enough to mean something, and small enough to be there.
    """
    rows = made.rows
    wide = rows < 3 * features
    held_out = made.test if made.by != "time" else 0.1
    return {
        "model": ("ridge" if made.task == "regression" else "logistic_regression")
        if wide or rows < 300
        else "hist_gradient_boosting",
        "min_frequency": within(rows // 1_000, 2, 100),
        "learning_rate": 0.05 if rows >= 2_000 else 0.1,
        "max_iter": 200 if rows >= 2_000 else 100,
        "max_leaf_nodes": 31 if rows >= 50_000 else 15 if rows >= 2_000 else 7,
        "min_samples_leaf": within(rows // 200, 3, 100),
        "max_features": 0.5 if features < 100 else 0.1,
        "l2": 0.0 if rows >= 10_000 else 1.0,
        "alpha": 100.0 if wide else 1.0,
        "C": 0.01 if wide else 1.0,
        "max_depth": 14 if rows >= 50_000 else "null",
        "forest_leaf": within(rows // 2_000, 1, 20),
        "bins": 10 if rows * held_out >= 500 else 4,
        "importance_rows": 5_000 if features < 100 else 500,
        "importance_repeats": 3 if features < 100 else 1,
    }


def within(value: int, low: int, high: int) -> int:
    """The value, or the end of the range that it is beyond."""
    return max(low, min(high, value))
