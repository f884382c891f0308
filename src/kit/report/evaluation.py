"""The figures of one split: metrics with errors by blocks of rows, beside those of baselines."""

from typing import Any

import numpy as np
import pandas as pd

from kit.learn.outcomes import Floats, labels, table, weights
from kit.params import Data, Evaluate
from kit.report import summary
from kit.report.scores import (
    DIGITS,
    LESS_IS_BETTER,
    effective,
    interval,
    parts,
    pseudo_values,
    standard_error,
)
from kit.report.tasks import base_rate, task_of

Report = dict[str, Any]


def rounded(figures: dict[str, float], suffix: str = "") -> Report:
    """Round metrics and write one that does not exist as null, which JSON knows."""
    return {
        name + suffix: round(value, DIGITS) if np.isfinite(value) else None
        for name, value in figures.items()
    }


def blocks(frame: pd.DataFrame, block: str | None) -> Any:
    """What each row's block is called; None where each row is one."""
    return None if block is None else frame[block].to_numpy()


def counted(block: Any, values: Floats) -> Report:
    """How many blocks there are, and how many independent ones these tell as much as."""
    if block is None:
        return {}
    count, known = len(pd.unique(block)), np.isfinite(values).all()
    worth = round(effective(values) / len(values) * count) if known else None
    return {"blocks": count, "independent_blocks": worth}


def evaluate(
    frame: pd.DataFrame,
    predictions: dict[str, Floats],
    classes: list[str],
    settings: Evaluate,
    data: Data,
) -> Report:
    """The metrics of one split; ``predictions`` are the model's and those of the baselines.

    Beside each baseline, how much better the model is by the first metric: a 95% interval, paired.
    """
    task, weight, block = task_of(data), weights(frame, data), blocks(frame, settings.block)
    label, part = labels(frame, data, classes), parts(block, len(frame))
    measures = {name: task.scores(label, own) for name, own in predictions.items()}
    figures = {name: measure(weight) for name, measure in measures.items()}
    values = {name: pseudo_values(of, weight, part) for name, of in measures.items()}
    errors = {metric: standard_error(own) for metric, own in values["model"].items()}
    first = next(iter(task.METRICS))
    way, others = -1 if first in LESS_IS_BETTER else 1, {}
    for name in [name for name in figures if name != "model"]:
        gain = way * (figures["model"][first] - figures[name][first])
        gains = way * (values["model"][first] - values[name][first])
        ends = interval(gains, gain, settings.bootstrap_samples, settings.seed)
        both = dict(zip(("gain_low", "gain_high"), ends, strict=True))
        others[name] = rounded(figures[name] | {f"{first}_{end}": of for end, of in both.items()})
    return {
        "n": len(frame),
        **counted(block, values["model"][first]),
        **base_rate(label, weight, data),
        **rounded(figures["model"]),
        **rounded(errors, "_se"),
        **others,
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
    metrics = task_of(data).METRICS
    name, title = next(iter(metrics.items()))
    figure, error = summary.figure(test[name]), summary.figure(test[f"{name}_se"])
    text = f"test {title} {figure} ± {error} on {test['n']:,} rows"
    return ": ".join([text, *summary.doubts(test, metrics)[:1]])
