"""Measure the model on rows it was not trained on.

In:  models/model.joblib (see train.py), data/features/PARTITION.parquet (see featurize.py).
Out: metrics/metrics.json          by split: metrics and their standard errors (_se) by blocks;
                                   those of a dummy and of a linear model, with the 95% interval of
                                   how much better the model is (_gain_low, _gain_high)
     metrics/README.md             the same as a table for people
     metrics/predictions.parquet   the rows of validation and test with their prediction
"""

import json
from pathlib import Path

import pandas as pd

from kit.base import run, write, write_text
from kit.learn import classes_of, fit_baselines, load_model, predict_all, read_splits
from kit.params import Data, Evaluate, Split
from kit.report import evaluate, prediction_rows, summary, task_of, verdict
from params import Params

METRICS = Path("metrics")


def main() -> str:
    Params.check_columns()
    settings, data = Params.load(Evaluate), Params.load(Data)
    rows, model = read_splits(Params.load(Split), data), load_model()
    models = {"model": model, **fit_baselines(rows["train"], data)}
    classes, report, held_out = classes_of(model, data), {}, []
    for name in ("validation", "test"):
        frame = rows[name].frame().assign(split=name)
        scored = predict_all(models, frame, data)
        report[name] = evaluate(frame, scored, classes, settings, data)
        held_out.append(prediction_rows(frame, scored["model"], settings.block, data, classes))
    write_text(METRICS / "metrics.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    write_text(METRICS / "README.md", summary.table(report, task_of(data).METRICS))
    write(METRICS / "predictions.parquet", pd.concat(held_out, ignore_index=True))
    return verdict(report["test"], data)


if __name__ == "__main__":
    run("evaluate", main)
