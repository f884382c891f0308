"""The fitted model as a file; equal models give equal bytes, on any machine."""

from pathlib import Path

import joblib
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import Pipeline

from kit.base.stage import Fault

MODEL = Path("models/model.joblib")


def portable(model: Pipeline) -> Pipeline:
    """Take out of a fitted model what depends on this machine, so that its bytes do not."""
    last = model[-1]
    if isinstance(last, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        last._bin_mapper.n_threads = None  # the only trace of the number of threads
    if isinstance(last, RandomForestClassifier | RandomForestRegressor):
        last.set_params(n_jobs=1)  # threads would add up the trees' votes in any order
    for _, encoder, _ in model[0].transformers_:
        if isinstance(encoder, HashingVectorizer):
            vars(encoder).pop("_stop_words_id", None)  # an address in memory
    return model


def save_model(model: Pipeline) -> None:
    """Write the model whole or not at all; equal ones give equal bytes."""
    MODEL.parent.mkdir(exist_ok=True)
    part = MODEL.with_suffix(".part")
    joblib.dump(portable(model), part, compress=3)
    part.replace(MODEL)


def load_model() -> Pipeline:
    """The fitted model. Raises Fault if it is not there.

    A joblib file runs code when it is loaded: load only one whose hash stands in dvc.lock.
    """
    if not MODEL.exists():
        raise Fault(f"{MODEL}: not found; `dvc repro` trains it, `dvc checkout` brings it back")
    return joblib.load(MODEL)
