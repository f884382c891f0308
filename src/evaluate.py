"""Measure the model on months it was not trained on.

In:  models/model.joblib (see train.py), data/features/MONTH.parquet (see featurize.py).
Out: metrics/metrics.json          by split, then metric: figures, their standard errors (_se) by
                                   resampling days, and those of a dummy that predicts the rate
                                   of disruptions in training for every flight
     metrics/README.md             the same as a table for people
     metrics/plots/*.csv           what `dvc plots` draws, of the test split (see curves.py);
                                   by_month.csv has the months of training too
     metrics/predictions.parquet   the flights of validation and test with their probability, so
                                   that two models can be compared flight by flight
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
from keys import KEY, TARGET
from partitions import write, write_text
from scores import DIGITS, Floats, score, standard_errors
from stage import Fault, run

MODEL = Path("models/model.joblib")
METRICS_DIR = Path("metrics")
PLOTS = METRICS_DIR / "plots"
PLACES = 9  # of a probability: beyond them processors differ

Report = dict[str, Any]


def rounded(scores: dict[str, float], suffix: str = "") -> Report:
    """Round metrics to DIGITS and write one that does not exist as null, which JSON knows."""
    return {
        name + suffix: round(value, DIGITS) if np.isfinite(value) else None
        for name, value in scores.items()
    }


def evaluate(frame: pd.DataFrame, dummy: float, settings: params.Evaluate) -> Report:
    """The metrics of one split; ``frame`` has the columns date, TARGET and probability."""
    label, probability, day = arrays(frame)
    errors = standard_errors(label, probability, day, settings.bootstrap_samples, settings.seed)
    return {
        "n": len(frame),
        "base_rate": round(float(label.mean()), DIGITS),
        **rounded(score(label, probability)),
        **rounded(errors, "_se"),
        "dummy": rounded(score(label, np.full(len(label), dummy))),
    }


def arrays(frame: pd.DataFrame) -> tuple[Floats, Floats, Any]:
    """Label, probability and day of each row, each of shape (rows,)."""
    return (
        frame[TARGET].to_numpy(dtype=float),
        frame["probability"].to_numpy(dtype=float),
        frame["date"].to_numpy(),
    )


def by_month(frame: pd.DataFrame) -> pd.DataFrame:
    """The metrics of each month, oldest first, beside the split it belongs to."""
    rows = []
    for (month, part), group in frame.groupby(["month", "split"], observed=True):
        label, probability, _ = arrays(group)
        figures = {"n": len(group), "base_rate": label.mean(), **score(label, probability)}
        rows.append({"month": month, "split": part, **figures})
    return pd.DataFrame(rows).round(DIGITS)


def main() -> str:
    settings = params.load(params.Evaluate)
    if not MODEL.exists():
        raise Fault(f"{MODEL}: not found; `dvc repro` trains it, `dvc checkout` brings it back")
    model: Pipeline = joblib.load(MODEL)
    parts = split.load("train", "validation", "test")
    for name, frame in parts.items():
        frame["split"] = name
        frame["probability"] = model.predict_proba(frame[model.feature_names_in_])[:, 1]
    dummy = float(parts["train"][TARGET].mean())

    report = {name: evaluate(parts[name], dummy, settings) for name in ("validation", "test")}
    METRICS_DIR.mkdir(exist_ok=True)
    write_text(METRICS_DIR / "metrics.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    write_text(METRICS_DIR / "README.md", summary.table(report))

    held_out = pd.concat([parts["validation"], parts["test"]], ignore_index=True)
    predictions = held_out[[*KEY, "month", "split", TARGET, "probability"]]
    write(METRICS_DIR / "predictions.parquet", predictions.round({"probability": PLACES}))

    print(f"evaluate: shuffling each of {len(model.feature_names_in_)} features")
    label, probability, _ = arrays(parts["test"])
    plots = {
        "roc": curves.roc(label, probability),
        "precision_recall": curves.precision_recall(label, probability),
        "calibration": curves.calibration(label, probability, settings.calibration_bins),
        "confusion": curves.confusion(label, probability, settings.threshold),
        "by_month": by_month(pd.concat(parts.values())),
        "importance": curves.importance(model, parts["test"], settings),
    }
    for name, table in plots.items():
        write_text(PLOTS / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    test = report["test"]
    return f"test AUC {test['roc_auc']:.3f} ± {test['roc_auc_se']:.3f} on {test['n']:,} flights"


if __name__ == "__main__":
    run("evaluate", main)
