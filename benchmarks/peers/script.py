"""The pipeline as a plain script, top to bottom: frames in memory, and the same files."""

import json
from pathlib import Path

import joblib
from steps import Frames, evaluate, explain, featurize_all, ingest, prepare_all, splits, train

from kit.base import read_yaml
from kit.params import PATH
from kit.report import summary, task_of
from params import Params

settings = Params.check(read_yaml(PATH))


def write(folder: str, frames: Frames) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.to_parquet(f"{folder}/{name}.parquet", compression="zstd", index=False)


flights, weather, airports = ingest(settings.ingest)
write("data/raw/flights", flights)
write("data/raw/weather", weather)
write("data/raw", {"airports": airports})

prepared = prepare_all(flights, weather, airports, settings.prepare)
write("data/prepared", prepared)
features = featurize_all(prepared, settings.featurize)
write("data/features", features)

rows = splits(features, settings.split, settings.data)
model = train(rows, settings.train, settings.data)
Path("models").mkdir(exist_ok=True)
joblib.dump(model, "models/model.joblib", compress=3)

report, said = evaluate(model, rows, settings.evaluate, settings.data)
write("metrics", {"predictions": said})
Path("metrics/metrics.json").write_text(json.dumps(report, indent=2) + "\n")
Path("metrics/README.md").write_text(summary.table(report, task_of(settings.data).METRICS))

plots = explain(model, rows, said, settings.explain, settings.data)
Path("metrics/plots").mkdir(exist_ok=True)
for name, table in plots.items():
    table.to_csv(f"metrics/plots/{name}.csv", index=False)
