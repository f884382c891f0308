"""Measure the model on rows it was not trained on.

In:  models/model.joblib (see train.py), data/features/PARTITION.parquet (see featurize.py).
Out: metrics/metrics.json          by split, then metric: figures, their standard errors (_se) by
                                   resampling blocks; those of a dummy that knows only the labels
                                   of training, and of a linear model; whether the model is better
                                   than the dummy by more than two standard errors
     metrics/README.md             the same as a table for people
     metrics/predictions.parquet   the rows of validation and test with their prediction, so that
                                   two models can be compared row by row

Of training, which may be long, the labels are read, and the rows that the linear model learns from.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import params
import split
import summary
from labels import Floats, classes_of, label_columns, labels, predict, table, target, weights
from models import baseline, dummy, feature_names, load
from partitions import write, write_text
from scores import DIGITS, is_better, standard_errors
from stage import run
from tasks import base_rate, task_of

METRICS_DIR = Path("metrics")
ROWS, PARTITIONS = 20_000, 40  # of training, for the linear model; more hardly change it

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
    label: Floats,
    predictions: dict[str, Floats],
    settings: params.Evaluate,
    data: params.Data,
) -> Report:
    """The metrics of one split; ``predictions`` are the model's and those of the baselines."""
    task, weight, block = task_of(data), weights(frame, data), blocks(frame, settings.block)
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


def predictions(
    frame: pd.DataFrame, found: Floats, block: str | None, data: params.Data, classes: list[str]
) -> pd.DataFrame:
    """What names each row, its label, block and weight, and what the model says of it."""
    others = [block, data.weight, data.target]
    columns = list(dict.fromkeys([*data.key, "partition", "split", *filter(None, others)]))
    return pd.concat([frame[columns], table(found, classes, data.task)], axis=1)


def baselines(sides: split.Sides, data: params.Data) -> dict[str, Any]:
    """What a better model must beat, fitted to the training split."""
    known = split.rows("train", sides, label_columns(data))
    names = [name for name, side in sides.items() if split.count("train", {name: side})]
    few = {name: sides[name] for name in names[:: -(-len(names) // PARTITIONS)]}
    some = pd.concat(split.rows("train", few, most=-(-ROWS // len(few))), ignore_index=True)
    return {
        "dummy": dummy(((target(part, data), weights(part, data)) for part in known), data),
        "baseline": baseline(some, data),
    }


def closing(test: Report, metrics: dict[str, str]) -> str:
    """The first metric of the test split, and whether the model is of any use."""
    name, title = next(iter(metrics.items()))
    figure, error = summary.figure(test[name]), summary.figure(test[f"{name}_se"])
    said = f"test {title} {figure} ± {error} on {test['n']:,} rows"
    return said if test["better_than_dummy"] else f"{said}: NO BETTER THAN A DUMMY"


def main() -> str:
    settings, data = params.load(params.Evaluate), params.load(params.Data)
    model = load()
    task, classes, sides = task_of(data), classes_of(model, data), split.sides()
    models = {"model": model, **baselines(sides, data)}
    report: Report = {}
    held_out = []
    for name in ("validation", "test"):
        frame = pd.concat(split.rows(name, sides), ignore_index=True).assign(split=name)
        features = frame[feature_names(frame, data)]
        said = {each: predict(one, features) for each, one in models.items()}
        label = labels(frame, data, classes)
        report[name] = evaluate(frame, label, said, settings, data)
        held_out.append(predictions(frame, said["model"], settings.block, data, classes))
    METRICS_DIR.mkdir(exist_ok=True)
    write_text(METRICS_DIR / "metrics.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    write_text(METRICS_DIR / "README.md", summary.table(report, task.METRICS))
    write(METRICS_DIR / "predictions.parquet", pd.concat(held_out, ignore_index=True))
    return closing(report["test"], task.METRICS)


if __name__ == "__main__":
    run("evaluate", main)
