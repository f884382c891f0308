"""Write a model as ONNX, proven equal to scikit-learn's, and a manifest of it.

model.onnx   the graph (see onnx_graph.py); the same model gives the same bytes
model.json   its inputs by name and type, the columns of its output, its classes; the hashes of both
             files; an example of a row to be scored; on how many rows it was held against
             scikit-learn, and by how much it differs at most

There is only a model.onnx if it is equal to scikit-learn's model on all rows of the test split, and
on made-up ones: missing and extreme values, unknown categories, and values beside the thresholds of
its trees. Otherwise model.json says why not.
"""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandera.pandas import DataFrameSchema
from sklearn.pipeline import Pipeline

from kit.base.files import write_bytes, write_text
from kit.base.stage import Fault
from kit.base.tables import partitions, read
from kit.learn.model_file import MODEL, load_model
from kit.learn.outcomes import Floats, classes_of, columns_of, feature_names, predict
from kit.learn.split import Rows
from kit.params import Data

try:
    from kit.serve.onnx_graph import UNKNOWN, Unconvertible, converted, inputs_of, tables, trees_of
    from kit.serve.probes import beside, extremes
    from kit.serve.session import MISSING, TEXT, feeds, open_session
except ImportError as error:
    raise SystemExit(f"export: the package {error.name} is missing: run `make`") from None

BOUND = 1e-9  # of a probability; of a value, relative to it, or to the usual one if that is larger
BRANCHES = 3000  # of trees, beside whose thresholds rows are made up
SHARED = 10  # rows that have a value, before it is shown in the example
NONE = 3  # the exit code that says: no ONNX, and here is why

Inputs = list[dict[str, str]]


def known_texts(model: Pipeline, features: pd.DataFrame, inputs: Inputs) -> dict[str, Any]:
    """What the encoder makes of each text of each column that has texts."""
    texts = [each["name"] for each in inputs if each["type"] == TEXT]
    return tables(model[0].named_transformers_["categories"], features[texts]) if texts else {}


def made_up(model: Pipeline, features: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Rows of all the kinds that probes.py knows."""
    known = known_texts(model, features, inputs)
    texts = {
        name: [text for text in table if text not in (MISSING, UNKNOWN)]
        for name, table in known.items()
    }
    found = [extremes(features, texts)]
    if trees := trees_of(model[-1]):
        codes = {name: {text: known[name][text][0] for text in texts[name]} for name in texts}
        names = [name for _, _, some in model[0].transformers_ for name in some]
        found.append(beside(trees, names, features, codes, BRANCHES))
    return pd.concat(found, ignore_index=True)


def answered(model: Pipeline, features: pd.DataFrame) -> Floats:
    """What scikit-learn says, of shape (rows, columns); NaN of a row that it refuses."""
    try:
        with np.errstate(all="ignore"):  # extremes are asked for
            return predict(model, features).reshape(len(features), -1)
    except ValueError:  # of all, for an infinite number in one
        if len(features) == 1:
            return np.full((1, 1), np.nan)
        half = len(features) // 2
        parts = [answered(model, part) for part in (features[:half], features[half:])]
        width = max(part.shape[1] for part in parts)
        return np.concatenate([np.broadcast_to(part, (len(part), width)) for part in parts])


def difference(ours: Floats, theirs: Floats, usual: float | None) -> float:
    """By how much two predictions differ at most; relative to them, but at least ``usual``."""
    apart = np.abs(ours - theirs)
    if usual is not None:
        apart /= np.maximum(np.abs(theirs), usual)
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))


def parity(
    model: Pipeline, content: bytes, parts: Iterator[pd.DataFrame], inputs: Inputs, task: str
) -> dict[str, Any]:
    """Hold a graph against its model, on the features in ``parts`` and on rows made up of them.

    Raises Unconvertible if they differ by more than BOUND.
    """
    running, some = open_session(content), pd.DataFrame()
    pairs = []
    for part in parts:
        some = part if some.empty else some
        pairs.append((answered(model, part), running.run(None, feeds(part, inputs))[0]))
    if not pairs:
        raise Fault("there is no row to hold the graph against")
    theirs, ours = (np.concatenate(side) for side in zip(*pairs, strict=True))
    usual = float(np.abs(theirs).mean()) if task == "regression" else None
    probes = made_up(model, some, inputs)
    said = answered(model, probes)
    known = np.isfinite(said).all(axis=1)
    told = running.run(None, feeds(probes, inputs))[0]
    found: dict[str, Any] = {
        "bound": BOUND,
        "relative": usual is not None,
        "test": {"rows": len(theirs), "largest": difference(ours, theirs, usual)},
        "made_up": {
            "rows": int(known.sum()),
            "largest": difference(told[known], said[known], usual),
            "refused_by_scikit_learn": int((~known).sum()),
        },
    }
    for name in ("test", "made_up"):
        if not found[name]["largest"] <= BOUND:
            raise Unconvertible(
                f"on {name} rows it differs from scikit-learn by {found[name]['largest']:.2g}, "
                f"and {BOUND:g} is the bound"
            )
    return found


def write_onnx(
    folder: Path,
    model: Pipeline,
    parts: Iterator[pd.DataFrame],
    data: Data,
    row: dict[str, Any] | None = None,
) -> str:
    """Write both files, or only the one that says why there is no other: the reason, or ''.

    ``parts`` are the features to hold the graph against, ``row`` an example of what is scored.
    """
    features = next(parts)
    classes = classes_of(model, data)
    about: dict[str, Any] = {
        "task": data.task,
        "classes": classes,
        "columns": columns_of(classes, data.task),
        "model": {"path": MODEL.as_posix(), **hashes(MODEL.read_bytes())},
        "onnx": None,
        "inputs": None,
        "parity": None,
        "reason": None,
        "example": row,
    }
    graph = folder / "model.onnx"
    graph.unlink(missing_ok=True)  # of another model
    try:
        about["inputs"] = inputs_of(model, features)
        content = converted(model, features).SerializeToString(deterministic=True)
        every = itertools.chain([features], parts)
        about["parity"] = parity(model, content, every, about["inputs"], data.task)
        about["onnx"] = {"path": graph.name, **hashes(content)}
        write_bytes(graph, content)
    except Unconvertible as why:
        about["reason"] = str(why)
    write_text(folder / "model.json", json.dumps(about, indent=2, allow_nan=False) + "\n")
    return about["reason"] or ""


def example(rows: pd.DataFrame) -> dict[str, Any]:
    """What a row to be scored looks like: of each column a usual value, so it is nobody's row."""
    found: dict[str, Any] = {}
    for name in rows.columns:
        values = rows[name].dropna()
        kind = "n" if values.empty else str(values.dtype)[0]
        shared = not values.empty and int(values.value_counts().iloc[0]) >= SHARED
        match kind:
            case "n":
                value: Any = None
            case "d":
                value = values.max().floor("D").isoformat()
            case "f":
                value = round(float(values.median()), 6)
            case "i" | "u" if not shared:
                value = int(values.median())
            case _:
                usual = values.mode().iloc[0] if shared else "text"
                value = usual.item() if hasattr(usual, "item") else usual
        found[str(name)] = value
    return found


def hashes(content: bytes) -> dict[str, str]:
    """The hash that dvc.lock has of a file, and one that nobody can forge."""
    return {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha256")}


def main(folder: Path, test: Rows, prepared: Path, rules: DataFrameSchema, data: Data) -> str:
    """Export the model that lies there; ends with NONE, and says why, if it has no ONNX form.

    ``test`` are the features to hold the graph against; the example of a row that keeps the
    ``rules`` is of the newest partition of ``prepared``.
    """
    newest = prepared / f"{partitions(prepared)[-1]}.parquet"
    row = example(read(newest, [str(name) for name in rules.columns]))
    parts = (part[feature_names(part, data)] for part in test.parts())
    if reason := write_onnx(folder, load_model(), parts, data, row):
        print(f"export: no ONNX: {reason}; {folder / 'model.json'} says so too", file=sys.stderr)
        sys.exit(NONE)
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    rows = sum(about["parity"][name]["rows"] for name in ("test", "made_up"))
    most = max(about["parity"][name]["largest"] for name in ("test", "made_up"))
    return f"{folder / 'model.onnx'} equals the model on {rows:,} rows to {most:.1g}"
