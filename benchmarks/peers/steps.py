"""The stages' work on frames in memory: what the plain script and the Kedro project both call.

All of it is done by the functions of src, with the same checks of the data. What is left out is
what the peers do in their own way: reading, writing, params, and the order of things.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import schema
from featurize import compute_features
from ingest import by_month, source, typed
from kit.base import refuse, validate
from kit.learn import Rows, classes_of, fit, fit_baselines, predict_all
from kit.learn.model_file import portable
from kit.learn.split import NAMES, assign
from kit.params import Data, Evaluate, Explain, Split, Train
from kit.report import evaluate as scores
from kit.report import explain as plots
from kit.report import prediction_rows
from models import build
from params import Featurize, Ingest, Prepare
from prepare import AIRPORTS, HOUR, PREPARED, RAW, join_and_label

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class InMemory(Rows):
    """Rows of partitions that are in memory."""

    frames: Frames = field(default_factory=dict)

    def parts(self, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        for name, mask in self.masks.items():
            frame = self.frames[name]
            part = (frame[columns] if columns else frame)[mask]
            yield part.reset_index(drop=True).assign(partition=name)


Splits = dict[str, InMemory]


def ingest(settings: Ingest) -> tuple[Frames, Frames, pd.DataFrame]:
    """Flights and weather by month, and the airports."""
    flights, weather = (
        dict(by_month(typed(source(name)), settings.through))
        for name in ("flights.csv.zip", "weather.csv")
    )
    return flights, weather, source("airports.csv")


def checked(frame: pd.DataFrame, rules: Any, path: Path) -> pd.DataFrame:
    """What schema.read_month does of a file."""
    days = validate(frame, rules, path)[["year", "month", "day"]]
    month = pd.Period(path.stem, freq="M")
    inside = (days["year"] == month.year) & (days["month"] == month.month)
    strange = days[~inside | ~days["day"].between(1, month.days_in_month)]
    refuse(strange, f"a day of {path.stem}", path)
    return frame


def prepare_all(
    flights: Frames, weather: Frames, airports: pd.DataFrame, settings: Prepare
) -> Frames:
    """Each month, with the weather of the month before for its first hours."""
    validate(airports, schema.RAW_AIRPORTS, AIRPORTS)
    found, before = {}, []
    for month, rows in flights.items():
        rows = checked(rows, schema.RAW_FLIGHTS, RAW / "flights" / f"{month}.parquet")
        path = RAW / "weather" / f"{month}.parquet"
        hours = checked(weather[month], schema.RAW_WEATHER, path)
        recent = pd.concat([*before, hours]).drop_duplicates(HOUR, keep="last")
        done = join_and_label(rows, recent, airports, settings)
        found[month] = validate(done, schema.PREPARED, PREPARED / f"{month}.parquet")
        before = [hours]
    return found


def featurize_all(prepared: Frames, settings: Featurize) -> Frames:
    return {month: compute_features(rows, settings) for month, rows in prepared.items()}


def splits(features: Frames, how: Split, data: Data) -> Splits:
    """The rows of training, validation and test."""
    side = assign(pd.concat(features.values(), ignore_index=True), how, data).to_numpy()
    ends = np.cumsum([len(part) for part in features.values()])[:-1]
    sides = dict(zip(features, np.split(side, ends), strict=True))
    return {
        split: InMemory(
            {n: each == split for n, each in sides.items() if split in each}, frames=features
        )
        for split in NAMES
    }


def train(rows: Splits, settings: Train, data: Data) -> Any:
    return portable(fit(rows["train"], data, partial(build, settings, data)))


def evaluate(
    model: Any, rows: Splits, settings: Evaluate, data: Data
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The metrics by split, and the predictions of validation and test."""
    classes, report, said = classes_of(model, data), {}, []
    models = {"model": model, **fit_baselines(rows["train"], data)}
    for name in ("validation", "test"):
        frame = rows[name].frame().assign(split=name)
        found = predict_all(models, frame, data)
        report[name] = scores(frame, found, classes, settings, data)
        said.append(prediction_rows(frame, found["model"], settings.block, data, classes))
    return report, pd.concat(said, ignore_index=True)


def explain(model: Any, rows: Splits, said: pd.DataFrame, settings: Explain, data: Data) -> Frames:
    """What is drawn: metrics by partition, what each feature is worth, and the task's curves."""
    return plots(model, dict[str, Rows](rows), said, data, settings)
