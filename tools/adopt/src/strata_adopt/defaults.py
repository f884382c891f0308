"""The numbers of params.yaml that depend on how much data there is."""

from typing import Any

from strata_adopt.plan import Plan


def defaults(plan: Plan, features: int) -> dict[str, Any]:
    """Settings of the models and of evaluate for so many rows and features.

    Few rows, or fewer than three a feature, are for a linear model; trees get leaves that are large
    enough to mean something, and small enough to be there.
    """
    rows = plan.rows
    wide, many, large = rows < 3 * features, features >= 100, rows >= 50_000
    linear = "ridge" if plan.task == "regression" else "logistic_regression"
    held_out = plan.test if plan.by != "time" else 0.1
    return {
        "model": linear if wide or rows < 300 else "hist_gradient_boosting",
        "min_frequency": within(rows // 1_000, 2, 100),
        "learning_rate": 0.05 if rows >= 2_000 else 0.1,
        "max_iter": 200 if rows >= 2_000 else 100,
        "max_leaf_nodes": 31 if large else 15 if rows >= 2_000 else 7,
        "min_samples_leaf": within(rows // 200, 3, 100),
        "max_features": 0.1 if many else 0.5,
        "l2": 0.0 if rows >= 10_000 else 1.0,
        "alpha": 100.0 if wide else 1.0,
        "C": 0.01 if wide else 1.0,
        "max_depth": 14 if large else "null",
        "forest_leaf": within(rows // 2_000, 1, 20),
        "bins": 10 if rows * held_out >= 500 else 4,
        "importance_rows": within(100_000 // max(features, 1), 500, 5_000),  # each is shuffled
        "importance_repeats": 1 if many else 3,
    }


def within(value: int, low: int, high: int) -> int:
    """The value, or the end of the range that it is beyond."""
    return max(low, min(high, value))
