"""Show how the model behaves: curves, partition by partition, and what each feature is worth.

In:  metrics/predictions.parquet (see evaluate.py), models/model.joblib (see train.py),
     data/features/PARTITION.parquet (see featurize.py).
Out: metrics/plots/*.csv, what `dvc plots` draws: by_partition.csv of all splits, of training by
     some rows of each partition; importance.csv; and the task's own of the test split (binary.py).

No metric comes from here, so a search over parameters can do without.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import curves
import params
import split
from labels import Floats, classes_of, columns_of, labels, predict, target, weights
from models import feature_names, load
from partitions import read, write_text
from scores import DIGITS
from stage import run
from tasks import base_rate, task_of

PREDICTIONS = Path("metrics/predictions.parquet")
PLOTS = Path("metrics/plots")


def by_partition(
    frame: pd.DataFrame, label: Floats, prediction: Floats, data: params.Data
) -> pd.DataFrame:
    """The metrics of each partition of ``frame``, in their order, beside the split they are of.

    A row a partition and split; columns partition, split, n, base_rate if binary, METRICS.
    """
    found, weight = [], weights(frame, data)
    groups: Any = frame.groupby(["partition", "split"]).indices
    for (name, part), at in groups.items():
        figures = task_of(data).scores(label[at], prediction[at])(weight[at])
        share = base_rate(label[at], weight[at], data)
        found.append({"partition": name, "split": part, "n": len(at), **share, **figures})
    return pd.DataFrame(found).round(DIGITS)


def main() -> str:
    settings, data = params.load(params.Explain), params.load(params.Data)
    model = load()
    classes, sides = classes_of(model, data), split.sides()
    said = read(PREDICTIONS)
    columns = columns_of(classes, data.task)

    tables = []
    for frame in split.rows("train", sides, most=settings.training_rows):
        found = predict(model, frame[feature_names(frame, data)])
        part = frame.assign(split="train")
        tables.append(by_partition(part, labels(frame, data, classes), found, data))
    found = said[columns].to_numpy().squeeze()
    tables.append(by_partition(said, labels(said, data, classes), found, data))
    order = ["partition", "split"]
    plots = {"by_partition": pd.concat(tables).sort_values(order, kind="stable")}

    print(f"explain: shuffling each of {len(model.feature_names_in_)} features")
    test = pd.concat(split.rows("test", sides), ignore_index=True)
    features = test[feature_names(test, data)]
    scoring = task_of(data).IMPORTANCE
    plots["importance"] = curves.importance(model, features, target(test, data), scoring, settings)

    at = np.flatnonzero(said["split"] == "test")
    label = labels(said.loc[at], data, classes)
    plots |= task_of(data).plots(label, found[at], settings, classes)
    for name, table in plots.items():
        write_text(PLOTS / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return f"{len(plots)} plots"


if __name__ == "__main__":
    run("explain", main)
