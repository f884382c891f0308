"""How a model behaves: its metrics by partition, what each feature is worth, its task's curves."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from kit.learn.outcomes import (
    Floats,
    classes_of,
    columns_of,
    feature_names,
    labels,
    predict,
    target,
    weights,
)
from kit.learn.split import Rows
from kit.params import Data, Explain
from kit.report.scores import DIGITS
from kit.report.tasks import base_rate, task_of


def explain(
    model: Pipeline, rows: dict[str, Rows], held_out: pd.DataFrame, data: Data, settings: Explain
) -> dict[str, pd.DataFrame]:
    """The tables behind the plots, by name; ``held_out`` are the predictions of metrics/.

    Of each partition of training some rows are scored again, and of the test split those on which
    features are shuffled.
    """
    classes, by_split = classes_of(model, data), []
    for frame in rows["train"].sample(settings.training_rows).parts():
        scored = predict(model, frame[feature_names(frame, data)])
        part = frame.assign(split="train")
        by_split.append(by_partition(part, labels(frame, data, classes), scored, data))
    scored = held_out[columns_of(classes, data.task)].to_numpy().squeeze()
    by_split.append(by_partition(held_out, labels(held_out, data, classes), scored, data))
    at = np.flatnonzero(held_out["split"] == "test")
    label = labels(held_out.loc[at], data, classes)
    return {
        "by_partition": pd.concat(by_split).sort_values(["partition", "split"], kind="stable"),
        "importance": importance(model, rows["test"].frame(), data, settings),
        **task_of(data).plots(label, scored[at], settings, classes),
    }


def by_partition(
    frame: pd.DataFrame, label: Floats, prediction: Floats, data: Data
) -> pd.DataFrame:
    """The metrics of each partition of ``frame``, in their order, beside the split they are of.

    A row a partition and split; columns partition, split, n, base_rate if binary, METRICS.
    """
    rows, weight = [], weights(frame, data)
    groups: Any = frame.groupby(["partition", "split"]).indices
    for (name, part), at in groups.items():
        figures = task_of(data).scores(label[at], prediction[at])(weight[at])
        share = base_rate(label[at], weight[at], data)
        rows.append({"partition": name, "split": part, "n": len(at), **share, **figures})
    return pd.DataFrame(rows).round(DIGITS)


def importance(model: Pipeline, test: pd.DataFrame, data: Data, settings: Explain) -> pd.DataFrame:
    """What a model loses when a feature's values are shuffled; the largest loss first.

    Columns feature, loss (of the task's scorer) and sd (over the repeats); on ``importance_rows``
    rows of ``test``.
    """
    features = test[feature_names(test, data)]
    rows = features.sample(min(settings.importance_rows, len(features)), random_state=settings.seed)
    losses = permutation_importance(
        model,
        rows,
        target(test, data).loc[rows.index],
        scoring=task_of(data).IMPORTANCE,
        n_repeats=settings.importance_repeats,
        random_state=settings.seed,
    )
    figures = {"loss": losses.importances_mean, "sd": losses.importances_std}
    table = pd.DataFrame({"feature": list(features.columns), **figures}).round(DIGITS)
    return table.sort_values(["loss", "feature"], ascending=[False, True])
