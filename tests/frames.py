"""Small tables in the shape that `featurize` writes, whatever the data, and params to go with them.

No test needs a value of the repository's params.yaml: it is there to be changed.
"""

from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.pipeline import Pipeline

import train
from kit.base import FEATURES, read_yaml, write
from kit.learn import Rows
from kit.params import Data, Train
from models import build
from params import Params

ROOT = Path(__file__).parents[1]

Build = Callable[[pd.DataFrame], Pipeline]

MODELLING = """\
data:
  task: binary
  target: label
  positive: 1
  key: [date, id]
  not_features: [date, id]
  text: []
  weight: null
split:
  by: time
  column: date
  period: month
  validation: 1
  test: 1
  through: null
  seed: 0
train:
  model: hist_gradient_boosting
  seed: 0
  min_frequency: 2
  hist_gradient_boosting:
    learning_rate: 0.1
    max_iter: 5
    max_leaf_nodes: 4
    min_samples_leaf: 5
    max_features: 0.5
    l2_regularization: 0.0
  logistic_regression:
    C: 1.0
    max_iter: 100
  ridge:
    alpha: 1.0
  xgboost:
    learning_rate: 0.3
    n_estimators: 5
    max_depth: 3
    min_child_weight: 1.0
    colsample_bynode: 0.5
    reg_lambda: 1.0
  random_forest:
    n_estimators: 4
    max_depth: 3
    min_samples_leaf: 5
    max_features: 0.75
evaluate:
  seed: 0
  block: date
  bootstrap_samples: 20
explain:
  seed: 0
  training_rows: 50
  threshold: 0.5
  bins: 5
  importance_rows: 40
  importance_repeats: 2
card:
  slices: [place]
  categories: 2
"""
# The other sections are about the data: they are whatever this repository has.
COMMITTED = read_yaml(ROOT / "params.yaml")
DATA = {k: v for k, v in COMMITTED.items() if k not in yaml.safe_load(MODELLING)}
PARAMS_YAML = MODELLING + yaml.safe_dump(DATA)
SETTINGS = Params.check(yaml.safe_load(PARAMS_YAML))

TARGET = SETTINGS.data.target
OTHERS = {"model", "seed", "min_frequency", "ridge"}  # no models, or none for two classes
MODELS = [name for name in Train.model_fields if name not in OTHERS]


def features(month: str = "2013-01", rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """A month of rows; those of a late ``hour`` are labelled 1 more often than not."""
    rng = np.random.default_rng(seed)
    late = rng.random(rows) < 0.5
    return pd.DataFrame(
        {
            "date": pd.Timestamp(month) + pd.to_timedelta(np.arange(rows) % 28, unit="D"),
            "id": np.arange(1, rows + 1),
            "place": rng.choice(["a", "b", "c"], rows),
            "hour": np.where(late, 23, 10).astype("float32"),
            "gaps": np.where(rng.random(rows) < 0.5, np.nan, 30).astype("float32"),
            TARGET: (rng.random(rows) < np.where(late, 0.8, 0.2)).astype("int8"),
        }
    )


def rows_of(frame: pd.DataFrame, folder: Path, size: int | None = None) -> Rows:
    """All rows of a frame, as the files of a folder have them: one, or one for each ``size``."""
    masks, size = {}, size or len(frame)
    for number, at in enumerate(range(0, len(frame), size)):
        part = frame.iloc[at : at + size]
        write(folder / f"part-{number:03}.parquet", part)
        masks[f"part-{number:03}"] = np.ones(len(part), dtype=bool)
    return Rows(masks, folder)


def unfitted(model: str = SETTINGS.train.model, data: Data = SETTINGS.data, **others: Any) -> Build:
    """What makes the unfitted pipeline of a model for some features, with other settings too."""
    return partial(build, SETTINGS.train.model_copy(update={"model": model} | others), data)


@contextmanager
def fitted(folder: Path) -> Iterator[None]:
    """Go into a folder with a model and four months, of 60 to 63 rows; two are trained on."""
    with chdir(folder):
        Path("params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
        for number, month in enumerate(["2013-01", "2013-02", "2013-03", "2013-04"]):
            write(FEATURES / f"{month}.parquet", features(month, rows=60 + number, seed=number))
        train.main()
        yield
