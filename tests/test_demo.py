"""The demo's data through the real pipeline, three months of it."""

import json

import pandas as pd
import pytest
from conftest import Project

pytestmark = pytest.mark.slow


def test_the_model_learns_and_nothing_leaks(project: Project) -> None:
    metrics = json.loads(project.read("metrics/metrics.json"))
    for split in ("validation", "test"):
        assert 0.55 < metrics[split]["roc_auc"] < 0.8


def test_a_month_that_arrives_adds_one_file_a_table_and_changes_no_other(project: Project) -> None:
    before = project.files("data")
    project.set(**{"ingest.through": "2013-04"})
    project.run("strata", "repro")
    after = project.files("data")
    tables = ["raw/flights", "raw/weather", "prepared", "features"]
    assert set(after) - set(before) == {f"data/{table}/2013-04.parquet" for table in tables}
    assert before.items() <= after.items()


def test_a_bad_partition_stops_prepare_and_the_good_data_comes_back(project: Project) -> None:
    good = project.files("data")
    path = "data/raw/flights/2013-02.parquet"
    pd.read_parquet(project.path / path).drop(columns="carrier").to_parquet(project.path / path)
    project.run("dvc", "commit", "--force", "ingest")  # the bad data has arrived
    output = project.run("dvc", "repro", fails=True)
    (line,) = (line for line in output.splitlines() if line.startswith("prepare: "))
    assert line == f"prepare: {path}: column carrier: missing"
    assert "Traceback" not in output
    project.undo()
    assert project.files("data") == good


def test_a_month_that_has_no_data_is_one_line_and_loses_nothing(project: Project) -> None:
    good = project.files("data")
    project.set(**{"ingest.through": "2014-02"})
    output = project.run("dvc", "repro", fails=True)
    (line,) = (line for line in output.splitlines() if "params.yaml: " in line)
    assert line.endswith("a month that has no data; the data covers 2013-01 to 2013-12")
    assert "Traceback" not in output
    project.undo()
    assert project.files("data") == good
