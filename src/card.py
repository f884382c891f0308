"""Write the model card: what people know of the model, and what the pipeline has measured.

In:  models/card.md (see kit/report/card.py), metrics/metrics.json, metrics/predictions.parquet,
     models/model.joblib, data/features/PARTITION.parquet.
Out: models/README.md: the header with the metrics in it, as Hugging Face reads it; the text; then
     the metrics of each split, of each held-out partition, and of slices of the test split, with
     standard errors by blocks of rows.
"""

import json
from pathlib import Path

from kit.base import read, run, write_text
from kit.learn import classes_of, load_model, read_splits
from kit.params import Card, Data, Evaluate, Split, Train
from kit.report import card, slices, summary, task_of
from params import Params

METRICS = Path("metrics")
README = Path("models/README.md")


def main() -> str:
    Params.check_columns()
    data, settings, wanted = Params.load(Data), Params.load(Evaluate), Params.load(Card)
    hand, text = card.written(card.CARD.read_text(encoding="utf-8"))
    report = json.loads((METRICS / "metrics.json").read_text(encoding="utf-8"))
    held_out, model = read(METRICS / "predictions.parquet"), load_model()
    rows, classes = read_splits(Params.load(Split), data), classes_of(model, data)
    titles, groups = task_of(data).METRICS, slices.by_partition(held_out)
    sections = [
        card.header(hand, report["test"], data.task, titles),
        text,
        f"## What it was made of\n\n{card.origin(model, Params.load(Train).model, rows)}",
        f"## Metrics\n\n{summary.figures(report, titles)}\n\n{card.LEGEND}",
        f"### By partition\n\n{slices.table(groups, classes, data, settings)}",
    ]
    if wanted.slices:
        table = card.by_slice(held_out, rows["test"], classes, data, settings, wanted)
        sections.append(f"### By slice of the test split\n\n{table}\n\n{card.FEW}")
    write_text(README, "\n\n".join([*sections, card.REPRODUCE]) + "\n")
    return f"{README} with {len(wanted.slices)} slices"


if __name__ == "__main__":
    run("card", main)
