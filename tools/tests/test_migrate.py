"""Settings that are called otherwise in a newer template are moved, and nothing else is touched."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[1] / "migrate.py"
TEXT = """\
[project]
headline = "not this"

[tool.strata.report] # of pull requests
headline = "test.auc" # decides
predictions = "p.parquet"

[tool.strata.sweep]
metric = "m"
"""


@pytest.fixture
def migrate() -> Any:
    spec = importlib.util.spec_from_file_location("migrate", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keys_and_tables_are_renamed_where_they_stand(migrate: Any) -> None:
    text, said = migrate.moved(TEXT, {"report.headline": "report.verdict", "sweep": "search"})
    assert text == TEXT.replace('headline = "test', 'verdict = "test').replace(
        "strata.sweep", "strata.search"
    )
    assert said == [
        "pyproject.toml: report.headline is now report.verdict: moved",
        "pyproject.toml: sweep is now search: moved",
    ]


@pytest.mark.parametrize("new", ["report.predictions", "sweep.headline"])
def test_what_cannot_be_moved_safely_is_said_and_left(migrate: Any, new: str) -> None:
    assert migrate.moved(TEXT, {"report.headline": new}) == (
        TEXT,
        [f"pyproject.toml: report.headline is now {new}: move it by hand"],
    )


def test_nothing_renamed_changes_nothing(migrate: Any) -> None:
    assert migrate.moved(TEXT, {"gc.old": "gc.new"}) == (TEXT, [])
