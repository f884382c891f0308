"""The pipeline as its users drive it: real git, real dvc, real data, three months of it."""

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import Project

pytestmark = pytest.mark.slow


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_repro_ends_with_an_evaluated_model_and_nothing_left_to_commit(project: Project) -> None:
    metrics = json.loads(project.read("metrics/metrics.json"))
    for split in ("validation", "test"):
        scores = metrics[split]
        assert 0.55 < scores["roc_auc"] < 0.8, "above .8 something leaks"
        assert scores["log_loss"] < scores["dummy"]["log_loss"]
        assert all(math.isfinite(value) for value in scores.values() if isinstance(value, float))
    assert "up to date" in project.run("dvc", "repro")
    assert project.run("dvc", "status").strip() == "Data and pipelines are up to date."
    assert project.run("git", "status", "--porcelain") == ""
    shown = json.loads(project.run("dvc", "metrics", "show", "--json"))
    assert shown[""]["data"]["metrics/metrics.json"]["data"] == metrics


def test_every_stage_says_in_one_line_what_it_did(project: Project) -> None:
    said = project.run("dvc", "repro", "--force")
    for stage in ("ingest", "prepare", "featurize", "train", "evaluate"):
        assert re.search(rf"^{stage}: .*, \d+\.\d s$", said, re.MULTILINE), said


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "logistic_regression"])
def test_a_forced_rerun_gives_the_same_bytes_whatever_the_threads(
    project: Project, model: str
) -> None:
    project.set(**{"train.model": model})
    project.run("dvc", "repro", OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    lock = project.read("dvc.lock")
    for threads in ("1", "2"):
        project.run(
            *("dvc", "repro", "--force"), OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads
        )
        assert project.read("dvc.lock") == lock


def test_a_month_that_arrives_adds_one_file_a_table_and_changes_no_other(project: Project) -> None:
    tables = ["raw/flights", "raw/weather", "prepared", "features"]
    before = {table: files(project.path / "data" / table) for table in tables}
    airports = project.read("data/raw/airports.parquet")

    project.set(**{"ingest.through": "2013-04"})
    project.run("dvc", "repro")

    for table in tables:
        after = files(project.path / "data" / table)
        assert set(after) - set(before[table]) == {"2013-04.parquet"}
        assert {name: after[name] for name in before[table]} == before[table]
    assert project.read("data/raw/airports.parquet") == airports


def spoil_column(path: Path) -> None:
    pd.read_parquet(path).drop(columns="carrier").to_parquet(path)


def spoil_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_column, "column carrier: missing"),
        (spoil_bytes, "cannot be read as Parquet"),
    ],
)
def test_a_bad_partition_stops_prepare_and_the_good_data_comes_back(
    project: Project, spoil: object, said: str
) -> None:
    good = files(project.path / "data")
    assert callable(spoil)
    spoil(project.path / "data/raw/flights/2013-02.parquet")
    project.run("dvc", "commit", "--force", "ingest")  # the bad data has arrived

    output = project.run("dvc", "repro", fails=True)

    lines = [line for line in output.splitlines() if line.startswith("prepare: ")]
    assert len(lines) == 1
    assert "data/raw/flights/2013-02.parquet" in lines[0]
    assert said in lines[0]
    assert "Traceback" not in output
    project.run("git", "checkout", "--force", "HEAD", "--", ".")
    project.run("dvc", "checkout", "--force")
    assert files(project.path / "data") == good
    assert "up to date" in project.run("dvc", "repro")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("ingest.through", "2014-02", "the data covers 2013-01 to 2013-12"),
        ("train.hist_gradient_boosting.learning_rate", "0.1", "should be a valid number"),
        ("split.test_months", 9, "none is left to train on"),
    ],
)
def test_a_bad_param_is_one_clear_line_and_loses_nothing(
    project: Project, key: str, value: object, said: str
) -> None:
    model = project.read("models/model.joblib")
    project.set(**{key: value})

    output = project.run("dvc", "repro", fails=True)

    lines = [line for line in output.splitlines() if "params.yaml: " in line]
    assert len(lines) == 1, output
    assert key.split(".")[0] in lines[0]
    assert said in lines[0]
    assert "Traceback" not in output
    project.run("git", "checkout", "--force", "HEAD", "--", ".")
    project.run("dvc", "checkout", "--force")
    assert project.read("models/model.joblib") == model
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize("way", [("repro", "train"), ("exp", "run")])
def test_a_refused_value_leaves_every_output_alone(project: Project, way: tuple[str, ...]) -> None:
    before = files(project.path / "data") | files(project.path / "models")
    lock = project.read("dvc.lock")
    if "exp" in way:
        way = (*way, "-S", "train.model=forest")
    else:
        project.set(**{"train.model": "forest"})
    assert "train.model is 'forest'" in project.run("dvc", *way, fails=True)
    assert files(project.path / "data") | files(project.path / "models") == before
    assert project.read("dvc.lock") == lock
    project.run("git", "restore", "params.yaml")
    assert project.run("git", "status", "--porcelain") == ""
    assert "up to date" in project.run("dvc", "status")


def test_an_experiment_with_a_small_number_trains_with_that_number(project: Project) -> None:
    project.run(
        *("dvc", "exp", "run", "--name", "tiny"),
        *("-S", "train.hist_gradient_boosting.learning_rate=0.000001"),
    )
    lock = yaml.safe_load(project.read("dvc.lock"))
    trained = lock["stages"]["train"]["params"]["params.yaml"]["train"]
    assert float(trained["hist_gradient_boosting"]["learning_rate"]) == 1e-6
    assert "tiny" in project.run("dvc", "exp", "show", "--csv")


def test_an_experiment_with_an_unknown_param_is_refused(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "train.modle=random_forest", fails=True)
    assert "modle" in output
    assert project.run("git", "status", "--porcelain") == ""


def test_a_temporary_copy_runs_its_own_code(project: Project, tmp_path: Path) -> None:
    # An editable install points at the checkout it was made in; experiments run elsewhere.
    train = project.path / "src/train.py"
    text = train.read_text(encoding="utf-8")
    train.write_text(text.replace("fitted,", "fitted by the copy,"), encoding="utf-8")
    assert "fitted by the copy" in project.run("dvc", "repro")


def test_the_plots_have_data(project: Project) -> None:
    project.run("dvc", "plots", "show", "--out", "plots")
    page = project.read("plots/index.html").decode()
    for name in ("ROC curve", "Confusion matrix", "AUC by month", "Permutation importance"):
        assert name in page
    assert '"tpr"' in page
    assert "departure_minute" in page
