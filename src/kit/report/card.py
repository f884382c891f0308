"""What a model card says: a header that Hugging Face reads, what people wrote, and figures.

CARD, written by hand, has a header in YAML with at least the keys NEEDED, then text. The
card has no hash of the data: those of all inputs are in dvc.lock, which names the card too.
"""

import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sklearn.pipeline import Pipeline

from kit.base.stage import Fault
from kit.learn.split import Rows
from kit.params import Card, Data, Evaluate
from kit.report import slices

CARD = Path("models/card.md")
NEEDED = {"license": "such as mit, by Hugging Face's names", "model_name": "what it is called"}
LEGEND = (
    "After ± is the standard error, by whole blocks of rows. The dummy knows only the labels of "
    "training; the baseline is a linear model."
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
    figures_of_test = {
        "library_name": "sklearn",
        "pipeline_tag": kind,
        "model-index": [{"name": hand["model_name"], "results": [result]}],
    }
    out, yaml = io.StringIO(), YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width, yaml.allow_unicode = 1 << 30, True
    yaml.dump(hand | figures_of_test, out)
    return f"---\n{out.getvalue()}---"


def origin(model: Pipeline, kind: str, rows: dict[str, Rows]) -> str:
    """What the model is, and of how many rows of which partitions it was made."""
    counts = ", ".join(f"{name} has {len(some):,}" for name, some in rows.items())
    partitions = sorted({name for some in rows.values() for name in some.masks})
    names = ", ".join(slices.cell(name) for name in model.feature_names_in_)
    return (
        f"Partitions of data from `{partitions[0]}` to `{partitions[-1]}`, {len(partitions)} in "
        f"all; of their rows, {counts}. The model is the `{kind}` of "
        f"[`params.yaml`](../params.yaml). It sees {len(model.feature_names_in_)} columns: {names}."
    )


def by_slice(
    held_out: pd.DataFrame,
    test: Rows,
    classes: list[str],
    data: Data,
    settings: Evaluate,
    wanted: Card,
) -> str:
    """The metrics of slices of the test split, as a table; ``held_out`` are the predictions."""
    # The rows of predictions are those of the features, in the same order.
    features = test.frame()
    rows = held_out[held_out["split"] == "test"].reset_index(drop=True)
    rows = rows.join(features[features.columns.difference(rows.columns, sort=False)])
    groups = [g for name in wanted.slices for g in slices.by_value(rows, name, wanted.categories)]
    return slices.table([("all", rows), *groups], classes, data, settings)
