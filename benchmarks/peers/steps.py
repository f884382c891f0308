"""The stages' work on frames in memory: what the plain script and the Kedro project both call.

All of it is done by the functions of src, with the same checks of the data. What is left out is
what the peers do in their own way: reading, writing, params, and the order of things.
"""

from typing import Any

import numpy as np
import pandas as pd

import curves
import params
import schema
import split
from checks import validate
from evaluate import ROWS, predictions
from evaluate import evaluate as scores
from explain import by_partition
from featurize import featurize
from ingest import by_month, source, typed
from labels import classes_of, columns_of, labels, predict, target, weights
from models import baseline, dummy, feature_names, portable
from prepare import AIRPORTS, HOUR, PREPARED, RAW, prepare
from tasks import task_of
from train import fit

Frames = dict[str, pd.DataFrame]


def ingest(settings: params.Ingest) -> tuple[Frames, Frames, pd.DataFrame]:
    """Flights and weather by month, and the airports."""
    flights, weather = (
        dict(by_month(typed(source(name)), settings.through, name))
        for name in ("flights.csv.zip", "weather.csv")
    )
    return flights, weather, source("airports.csv")


def prepare_all(
    flights: Frames, weather: Frames, airports: pd.DataFrame, settings: params.Prepare
) -> Frames:
    """Each month, with the weather of the month before for its first hours."""
    validate(airports, schema.RAW_AIRPORTS, AIRPORTS)
    found, before = {}, []
    for month, rows in flights.items():
        path = RAW / "flights" / f"{month}.parquet"
        rows = schema.of_month(validate(rows, schema.RAW_FLIGHTS, path), month, path)
        path = RAW / "weather" / f"{month}.parquet"
        hours = schema.of_month(validate(weather[month], schema.RAW_WEATHER, path), month, path)
        recent = pd.concat([*before, hours]).drop_duplicates(HOUR, keep="last")
        done = prepare(rows, recent, airports, settings)
        found[month] = validate(done, schema.PREPARED, PREPARED / f"{month}.parquet")
        before = [hours]
    return found


def featurize_all(prepared: Frames, settings: params.Featurize) -> Frames:
    return {month: featurize(rows, settings) for month, rows in prepared.items()}


def splits(features: Frames, how: params.Split, data: params.Data) -> Frames:
    """The rows of training, validation and test, each with its partition."""
    rows = pd.concat([part.assign(partition=name) for name, part in features.items()])
    rows = rows.reset_index(drop=True)
    side = split.assign(rows, how, data)
    return {name: rows[side == name].reset_index(drop=True) for name in split.NAMES}


def train(rows: Frames, settings: params.Train, data: params.Data) -> Any:
    return portable(fit(rows["train"], settings, data))


def some(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows of each partition, evenly spaced."""
    parts = [part for _, part in rows.groupby("partition")]
    return pd.concat([part[:: max(1, -(-len(part) // most))] for part in parts], ignore_index=True)


def evaluate(
    model: Any, rows: Frames, settings: params.Evaluate, data: params.Data
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The metrics by split, and the predictions of validation and test."""
    training, classes = rows["train"], classes_of(model, data)
    each = -(-ROWS // training["partition"].nunique())
    models = {
        "model": model,
        "dummy": dummy([(target(training, data), weights(training, data))], data),
        "baseline": baseline(some(training, each), data),
    }
    report, said = {}, []
    for name in ("validation", "test"):
        frame = rows[name].assign(split=name)
        features = frame[feature_names(frame, data)]
        found = {each: predict(one, features) for each, one in models.items()}
        report[name] = scores(frame, labels(frame, data, classes), found, settings, data)
        said.append(predictions(frame, found["model"], settings.block, data, classes))
    return report, pd.concat(said, ignore_index=True)


def explain(
    model: Any, rows: Frames, said: pd.DataFrame, settings: params.Explain, data: params.Data
) -> Frames:
    """What is drawn: metrics by partition, what each feature is worth, and the task's curves."""
    task, classes = task_of(data), classes_of(model, data)
    part = some(rows["train"], settings.training_rows).assign(split="train")
    found = predict(model, part[feature_names(part, data)])
    of_training = by_partition(part, labels(part, data, classes), found, data)
    found = said[columns_of(classes, data.task)].to_numpy().squeeze()
    others = by_partition(said, labels(said, data, classes), found, data)
    test = rows["test"]
    features, truth = test[feature_names(test, data)], target(test, data)
    at = np.flatnonzero(said["split"] == "test")
    return {
        "by_partition": pd.concat([of_training, others]).sort_values(["partition", "split"]),
        "importance": curves.importance(model, features, truth, task.IMPORTANCE, settings),
        **task.plots(labels(said.loc[at], data, classes), found[at], settings, classes),
    }
