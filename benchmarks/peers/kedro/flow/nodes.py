"""The nodes: params as Kedro has them made the ones that src checks, partitions loaded."""

from typing import Any

import steps

from kit import params
from kit.report import summary, task_of
from params import Featurize, Ingest, Prepare

Load = Any  # what Kedro gives of a partition: a function that reads it
Settings = dict[str, Any]


def loaded(parts: dict[str, Load]) -> steps.Frames:
    return {name: load() for name, load in sorted(parts.items())}


def ingest(settings: Settings) -> Any:
    return steps.ingest(Ingest.model_validate(settings))


def prepare(flights: Load, weather: Load, airports: Any, settings: Settings) -> steps.Frames:
    known = Prepare.model_validate(settings)
    return steps.prepare_all(loaded(flights), loaded(weather), airports, known)


def featurize(prepared: Load, settings: Settings) -> steps.Frames:
    return steps.featurize_all(loaded(prepared), Featurize.model_validate(settings))


def splits(features: Load, how: Settings, data: Settings) -> steps.Splits:
    known = params.Split.model_validate(how), params.Data.model_validate(data)
    return steps.splits(loaded(features), *known)


def train(rows: steps.Splits, settings: Settings, data: Settings) -> Any:
    known = params.Train.model_validate(settings), params.Data.model_validate(data)
    return steps.train(rows, *known)


def evaluate(model: Any, rows: steps.Splits, settings: Settings, data: Settings) -> Any:
    known = params.Evaluate.model_validate(settings), params.Data.model_validate(data)
    report, said = steps.evaluate(model, rows, *known)
    return report, summary.table(report, task_of(known[1]).METRICS), said


def explain(model: Any, rows: steps.Splits, said: Any, settings: Settings, data: Settings) -> Any:
    known = params.Explain.model_validate(settings), params.Data.model_validate(data)
    return steps.explain(model, rows, said, *known)
