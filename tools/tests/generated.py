"""The code that `strata adopt` writes for a plan, run in this process: all but the fit."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pandas as pd
from project import ROOT
from ruamel.yaml import YAML

from strata_adopt.plan import Plan
from strata_adopt.writing import render

with mock.patch.object(sys, "path", [str(ROOT / "src"), *sys.path]):
    import kit.base.readings  # type: ignore[import-not-found]
    import kit.base.rules  # type: ignore[import-not-found]

MODULES = {  # in the order in which they import each other
    "schema": "src/schema.py",
    "ingest": "src/ingest.py",
    "prepare": "src/prepare.py",
    "featurize": "src/featurize.py",
    "frames": "tests/frames.py",
}
KINDS = {"int64": "whole number", "float64": "number", "bool": "truth", "str": "text"}


@contextmanager
def modules(plan: Plan) -> Iterator[Any]:
    """The modules written for a plan, by their names, importable for the time of a block."""
    texts = render(plan, ROOT)
    with mock.patch.dict(sys.modules):
        for name, path in MODULES.items():
            sys.modules[name] = module = ModuleType(name)
            exec(compile(texts[path], path, "exec"), vars(module))
        yield SimpleNamespace(
            **{name: sys.modules[name] for name in MODULES},
            params=YAML(typ="safe", pure=True).load(texts["params.yaml"]),
        )


def ingested(code: Any, folder: Path) -> pd.DataFrame:
    """What ingest reads of the files in a folder, and what its schema allows."""
    code.ingest.SOURCE = folder
    rows = pd.concat([part for _, part in code.ingest.tables()], ignore_index=True)
    checked: pd.DataFrame = kit.base.validate(rows, code.schema.RAW, folder)
    return checked


def in_partitions(plan: Plan) -> pd.DataFrame:
    """The rows of a whole table in the order of ingest, which goes partition by partition."""
    sample: pd.DataFrame = plan.table.sample
    if plan.partition != "month":
        return sample
    (time,) = plan.of("time")
    months = sample[time.column.name].dt.strftime("%Y-%m")
    ordered: pd.DataFrame = sample.iloc[months.argsort(kind="stable")]
    return ordered


def check(plan: Plan, source: Path, scratch: Path) -> None:
    """Assert that the code reads what the table of columns shows, and makes features of it.

    ``source`` is the folder of the table's files, ``scratch`` an empty one for a small table.
    """
    with modules(plan) as code:
        raw = ingested(code, source)
        assert plan.table.step == 1
        assert len(raw) == plan.table.rows
        sample = in_partitions(plan)
        for field in plan.fields:
            check_column(field.name, field.kind, raw[field.name], plan)
            shown = sample[field.column.name]
            assert raw[field.name].isna().sum() == field.facts.missing == shown.isna().sum()
            same = raw[field.name].dropna().to_numpy() == shown.dropna().to_numpy()
            assert same.all(), f"{field.name}: {raw[field.name][~same]} is not {shown[~same]}"
        check_features(plan, code, raw)
        code.frames.write_source(scratch)
        check_features(plan, code, ingested(code, scratch))


def check_column(name: str, kind: str, values: pd.Series, plan: Plan) -> None:
    """Assert that a column is read as the kind that is shown."""
    dtype = str(values.dtype)
    read_as = "moment" if dtype.startswith("datetime64[us") else KINDS[dtype]
    if kind == "truth" and values.isna().any():
        assert read_as == "number"  # of 1 and 0
    else:
        assert read_as == kind, f"{name} is shown as {kind}, and read as {read_as}"


def check_features(plan: Plan, code: Any, raw: pd.DataFrame) -> None:
    """Assert that the features are the columns that are shown as such, or parts of them."""
    prepared = code.prepare.clean(raw)
    assert 0 < len(prepared) <= len(raw)
    features = code.featurize.compute_features(prepared)
    data = code.params["data"]
    named = {data["target"], data["weight"], *data["not_features"]} - {None}
    assert named <= {*features}
    learnt = {*features} - named
    plain = {f.name for f in plan.of("feature", "free text") if f.kind != "moment"}
    moments = tuple(f"{f.name}_" for f in plan.of("feature", "time") if f.kind == "moment")
    assert plain <= learnt
    assert all(name.startswith(moments) for name in learnt - plain)
