"""Show how the model behaves: curves, partition by partition, and what each feature is worth.

In:  metrics/predictions.parquet (see evaluate.py), models/model.joblib (see train.py),
     data/features/PARTITION.parquet (see featurize.py).
Out: metrics/plots/*.csv, what `dvc plots` draws: by_partition.csv of all splits, of training by
     some rows of each partition; importance.csv; and the task's own of the test split.

No metric comes from here, so a search over parameters can do without.
"""

from pathlib import Path

from kit.base import read, run, write_text
from kit.learn import load_model, read_splits
from kit.params import Data, Explain, Split
from kit.report import explain
from params import Params

PREDICTIONS = Path("metrics/predictions.parquet")
PLOTS = Path("metrics/plots")


def main() -> str:
    Params.check_columns()
    settings, data = Params.load(Explain), Params.load(Data)
    rows, model = read_splits(Params.load(Split), data), load_model()
    print(f"explain: shuffling each of {len(model.feature_names_in_)} features")
    plots = explain(model, rows, read(PREDICTIONS), data, settings)
    for name, table in plots.items():
        write_text(PLOTS / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return f"{len(plots)} plots"


if __name__ == "__main__":
    run("explain", main)
