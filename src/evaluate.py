"""Measure the model on rows it was not trained on.

In:  models/model.joblib (see train.py), data/features/PARTITION.parquet (see featurize.py).
Out: metrics/metrics.json          by split, then metric: figures, their standard errors (_se) by
                                   resampling blocks; those of a dummy that knows only the labels
                                   of training, and of a linear model; whether the model is better
                                   than the dummy by more than two standard errors
     metrics/README.md             the same as a table for people
     metrics/plots/*.csv           what `dvc plots` draws, of the test split (see curves.py);
                                   by_partition.csv has the training split too
     metrics/predictions.parquet   the rows of validation and test with their prediction, so that
                                   two models can be compared row by row
"""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

import curves
import params
import split
import summary
from labels import Floats, classes_of, dummy, labels, predict, target
from models import baseline, feature_names
from partitions import write, write_text
from scores import DIGITS, is_better, mean, standard_errors
from stage import Fault, run
from tasks import task_of

MODEL = Path("models/model.joblib")
METRICS_DIR = Path("metrics")
PLOTS = METRICS_DIR / "plots"
PLACES = 9  # of a probability: beyond them processors differ

Report = dict[str, Any]


def rounded(figures: dict[str, float], suffix: str = "") -> Report:
    """Round metrics and write one that does not exist as null, which JSON knows."""
    return {
        name + suffix: round(value, DIGITS) if np.isfinite(value) else None
        for name, value in figures.items()
    }


def weights(frame: pd.DataFrame, data: params.Data) -> Floats:
    """How much each row counts."""
    return frame[data.weight].to_numpy(dtype=float) if data.weight else np.ones(len(frame))


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


def base_rate(label: Floats, weight: Floats, data: params.Data) -> Report:
    """The rate of the positive class, where there is one."""
    return {"base_rate": round(mean(label, weight), DIGITS)} if data.task == "binary" else {}


def by_partition(
    frame: pd.DataFrame, label: Floats, prediction: Floats, data: params.Data
) -> pd.DataFrame:
    """The metrics of each partition of ``frame``, in their order, beside the split they are of.

    A row a partition and split; columns partition, split, n, base_rate if binary, METRICS.
    """
    rows, weight = [], weights(frame, data)
    every = frame["partition"].str.cat(frame["split"], sep="\n")
    for both, at in every.groupby(every).indices.items():
        name, part = str(both).split("\n")
        figures = task_of(data).scores(label[at], prediction[at])(weight[at])
        share = base_rate(label[at], weight[at], data)
        rows.append({"partition": name, "split": part, "n": len(at), **share, **figures})
    return pd.DataFrame(rows).round(DIGITS)


def predictions(
    frame: pd.DataFrame, found: Floats, block: str | None, data: params.Data, classes: list[str]
) -> pd.DataFrame:
    """What names each row, its label, block and weight, and what the model says of it."""
    others = [block, data.weight, data.target]
    columns = list(dict.fromkeys([*data.key, "partition", "split", *filter(None, others)]))
    names = [f"probability_{name}" for name in classes] if found.ndim == 2 else ["probability"]
    names = names if classes else ["prediction"]
    said = pd.DataFrame(found.round(PLACES), columns=names, index=frame.index)
    return pd.concat([frame[columns], said], axis=1)


def closing(test: Report, metrics: dict[str, str]) -> str:
    """The first metric of the test split, and whether the model is of any use."""
    name, title = next(iter(metrics.items()))
    figure, error = summary.figure(test[name]), summary.figure(test[f"{name}_se"])
    said = f"test {title} {figure} ± {error} on {test['n']:,} rows"
    return said if test["better_than_dummy"] else f"{said}: NO BETTER THAN A DUMMY"


def main() -> str:
    settings, data = params.load(params.Evaluate), params.load(params.Data)
    if not MODEL.exists():
        raise Fault(f"{MODEL}: not found; `dvc repro` trains it, `dvc checkout` brings it back")
    model: Pipeline = joblib.load(MODEL)
    parts = {name: frame.assign(split=name) for name, frame in split.load(*split.NAMES).items()}
    task, classes = task_of(data), classes_of(model, data)
    label = {name: labels(frame, data, classes) for name, frame in parts.items()}
    features = {name: frame[feature_names(frame, data)] for name, frame in parts.items()}
    weight = weights(parts["train"], data)
    simple = baseline(parts["train"], data, settings.seed)
    found = {
        name: {
            "model": predict(model, features[name]),
            "dummy": dummy(label["train"], weight, data, len(parts[name])),
            "baseline": predict(simple, features[name]),
        }
        for name in ("validation", "test")
    }
    report = {
        name: evaluate(parts[name], label[name], said, settings, data)
        for name, said in found.items()
    }
    METRICS_DIR.mkdir(exist_ok=True)
    write_text(METRICS_DIR / "metrics.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    write_text(METRICS_DIR / "README.md", summary.table(report, task.METRICS))
    held_out = [
        predictions(parts[name], said["model"], settings.block, data, classes)
        for name, said in found.items()
    ]
    write(METRICS_DIR / "predictions.parquet", pd.concat(held_out, ignore_index=True))

    print(f"evaluate: shuffling each of {len(model.feature_names_in_)} features")
    said = {name: of["model"] for name, of in found.items()}
    said["train"] = predict(model, features["train"])
    plots = task.plots(label["test"], said["test"], settings, classes)
    columns = ["partition", "split", *([data.weight] if data.weight else [])]
    plots["by_partition"] = by_partition(
        pd.concat([parts[name][columns] for name in parts], ignore_index=True),
        np.concatenate([label[name] for name in parts]),
        np.concatenate([said[name] for name in parts]),
        data,
    )
    plots["importance"] = curves.importance(
        model,
        features["test"],
        target(parts["test"], data),
        task.IMPORTANCE,
        settings,
    )
    for name, table in plots.items():
        write_text(PLOTS / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return closing(report["test"], task.METRICS)


if __name__ == "__main__":
    run("evaluate", main)
