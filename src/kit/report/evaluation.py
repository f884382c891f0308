"""The figures of one split: metrics with errors by resampling blocks, beside those of baselines."""

from typing import Any

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats, labels, table, weights
from kit.params import Data, Evaluate
from kit.report import summary
from kit.report.scores import DIGITS, is_better, standard_errors
from kit.report.tasks import base_rate, task_of

Report = dict[str, Any]


def rounded(figures: dict[str, float], suffix: str = "") -> Report:
    """Round metrics and write one that does not exist as null, which JSON knows."""
    return {
        name + suffix: round(value, DIGITS) if np.isfinite(value) else None
        for name, value in figures.items()
    }


def blocks(frame: pd.DataFrame, block: str | None) -> Any:
    """What each row's block is called."""
    return np.arange(len(frame)) if block is None else frame[block].to_numpy()


def evaluate(
    frame: pd.DataFrame,
    predictions: dict[str, Floats],
    classes: list[str],
    settings: Evaluate,
    data: Data,
) -> Report:
    """The metrics of one split; ``predictions`` are the model's and those of the baselines."""
    task, weight, block = task_of(data), weights(frame, data), blocks(frame, settings.block)
    label = labels(frame, data, classes)
    measures = {name: task.scores(label, found) for name, found in predictions.items()}
    drawn = (settings.bootstrap_samples, settings.seed)
    errors = standard_errors(measures["model"], weight, block, *drawn)
    lost = {name: task.losses(label, found) for name, found in predictions.items()}
    figures = {name: rounded(measure(weight)) for name, measure in measures.items()}
    return {
        "n": len(frame),
        **base_rate(label, weight, data),
        **figures.pop("model"),
        **rounded(errors, "_se"),
        "better_than_dummy": is_better(lost["model"], lost["dummy"], weight, block, settings.seed),
        **figures,
    }


def prediction_rows(
    frame: pd.DataFrame, found: Floats, block: str | None, data: Data, classes: list[str]
) -> pd.DataFrame:
    """What names each row, its label, block and weight, and what the model says of it."""
    others = [block, data.weight, data.target]
    columns = list(dict.fromkeys([*data.key, "partition", "split", *filter(None, others)]))
    return pd.concat([frame[columns], table(found, classes, data.task)], axis=1)


def verdict(test: Report, data: Data) -> str:
    """The first metric of the test split, and whether the model is of any use."""
    name, title = next(iter(task_of(data).METRICS.items()))
    figure, error = summary.figure(test[name]), summary.figure(test[f"{name}_se"])
    said = f"test {title} {figure} ± {error} on {test['n']:,} rows"
    return said if test["better_than_dummy"] else f"{said}: NO BETTER THAN A DUMMY"
