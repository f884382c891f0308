"""Write the model card: what people know of the model, and what the pipeline has measured.

In:  models/card.md (written by hand: a header in YAML with at least license and model_name, then
     text), metrics/metrics.json and metrics/predictions.parquet (see evaluate.py),
     models/model.joblib (see train.py), data/features/PARTITION.parquet (see featurize.py).
Out: models/README.md: the header with the metrics in it, as Hugging Face reads it; the text; then
     the metrics of each split, of each held-out partition, and of slices of the test split, with
     standard errors by resampling blocks of rows.

It has no hash of the data: those of all inputs are in dvc.lock, which names this file, too.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sklearn.pipeline import Pipeline

import params
import slices
import split
import summary
from evaluate import METRICS_DIR
from labels import classes_of
from models import load
from partitions import read, write_text
from stage import Fault, run
from tasks import task_of

CARD = Path("models/card.md")
README = Path("models/README.md")
NEEDED = {"license": "such as mit, by Hugging Face's names", "model_name": "what it is called"}
LEGEND = (
    "After ± is the standard error, by resampling whole blocks of rows. The dummy knows only the "
    "labels of training; the baseline is a linear model."
)
FEW = "A slice of few blocks tells little, and of many slices some look bad by chance."
REPRODUCE = """\
## Make it again

In a clone of the repository, at the tag or the commit of this card:

```sh
make repro       # data, model, metrics and this card; where the packages are, `dvc repro`
strata verify    # run it all from scratch, and compare every hash
```

`dvc.lock` has the hashes of the data, the code, the parameters and the model."""


def written(text: str) -> tuple[dict[str, Any], str]:
    """The header and the text of what is written by hand. Raises Fault if a key is missing."""
    found = re.match(r"---\n(.*?\n)---\n(.*)", text, re.DOTALL)
    try:
        header = YAML(typ="safe", pure=True).load(found[1]) if found else None
    except YAMLError:
        header = None
    if not found or not isinstance(header, dict):
        raise Fault(f"{CARD}: it has to begin with a header in YAML, between two lines of ---")
    for key, what in NEEDED.items():
        if not isinstance(header.get(key), str):
            raise Fault(f"{CARD}: its header has no {key}, {what}")
    return header, found[2].strip()


def header(hand: dict[str, Any], test: dict[str, Any], task: str, titles: dict[str, str]) -> str:
    """The header: what people wrote, and the rest as Hugging Face calls it.

    ``test`` has the figures of the test split. A metric that does not exist is left out.
    """
    kind = f"tabular-{'regression' if task == 'regression' else 'classification'}"
    figures = [
        {"type": name, "name": title, "value": test[name]}
        for name, title in titles.items()
        if test[name] is not None
    ]
    dataset = {"type": "tabular", "name": "the rows held out as test", "split": "test"}
    result = {"task": {"type": kind}, "dataset": dataset, "metrics": figures}
    made = {
        "library_name": "sklearn",
        "pipeline_tag": kind,
        "model-index": [{"name": hand["model_name"], "results": [result]}],
    }
    out, yaml = io.StringIO(), YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width, yaml.allow_unicode = 1 << 30, True
    yaml.dump(hand | made, out)
    return f"---\n{out.getvalue()}---"


def made_of(model: Pipeline, kind: str, sides: split.Sides) -> str:
    """What the model is, and of how many rows of which partitions it was made."""
    counts = ", ".join(f"{name} has {split.count(name, sides):,}" for name in split.NAMES)
    names = ", ".join(slices.cell(name) for name in model.feature_names_in_)
    return (
        f"Partitions of data from `{min(sides)}` to `{max(sides)}`, {len(sides)} in all; of their "
        f"rows, {counts}. The model is the `{kind}` of [`params.yaml`](../params.yaml). It sees "
        f"{len(model.feature_names_in_)} columns: {names}."
    )


def main() -> str:
    data, wanted = params.load(params.Data), params.load(params.Card)
    settings, kind = params.load(params.Evaluate), params.load(params.Train).model
    hand, text = written(CARD.read_text(encoding="utf-8"))
    report = json.loads((METRICS_DIR / "metrics.json").read_text(encoding="utf-8"))
    said, model, sides = read(METRICS_DIR / "predictions.parquet"), load(), split.sides()
    classes, metrics = classes_of(model, data), task_of(data).METRICS

    held_out = slices.by_partition(said)
    sections = [
        header(hand, report["test"], data.task, metrics),
        text,
        f"## What it was made of\n\n{made_of(model, kind, sides)}",
        f"## Metrics\n\n{summary.figures(report, metrics)}\n\n{LEGEND}",
        f"### By partition\n\n{slices.table(held_out, classes, data, settings)}",
    ]
    if wanted.slices:
        # The rows of predictions are those of the features, in the same order.
        features = pd.concat(split.rows("test", sides), ignore_index=True)
        test = said[said["split"] == "test"].reset_index(drop=True)
        test = test.join(features[features.columns.difference(test.columns, sort=False)])
        groups = [
            g for name in wanted.slices for g in slices.by_value(test, name, wanted.categories)
        ]
        table = slices.table([("all", test), *groups], classes, data, settings)
        sections.append(f"### By slice of the test split\n\n{table}\n\n{FEW}")
    write_text(README, "\n\n".join([*sections, REPRODUCE]) + "\n")
    return f"{README} with {len(wanted.slices)} slices"


if __name__ == "__main__":
    run("card", main)
