"""Fit the model on the training split.

In:  data/features/PARTITION.parquet (see featurize.py).
Out: models/model.joblib, a scikit-learn Pipeline from feature columns to a probability or a value
     (see models.py).
"""

from functools import partial

from kit.base import run
from kit.learn import MODEL, fit, is_constant, read_splits, save_model
from kit.params import Data, Split, Train
from models import build
from params import Params


def main() -> str:
    Params.check_columns()
    settings, data = Params.load(Train), Params.load(Data)
    rows = read_splits(Params.load(Split), data)["train"]
    print(f"train: fitting {settings.model} to {len(rows):,} rows")
    model = fit(rows, data, partial(build, settings, data))
    if is_constant(model, rows, data):
        print("train: WARNING: the model says the same of every row; let it split more finely")
    save_model(model)
    return f"{settings.model} fitted, {MODEL.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    run("train", main)
