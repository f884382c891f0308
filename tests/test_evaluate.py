import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import PARAMS_YAML, SETTINGS, TARGET, features

import binary
import evaluate
import train
from binary import METRICS
from labels import Floats
from partitions import read, write
from split import FEATURES
from stage import Fault

DATA = SETTINGS.data
LABEL = np.array([0.0, 1, 0, 0])
GUESS = np.array([0.1, 0.9, 0.2, 0.3])
ROWS = pd.DataFrame(
    {
        "date": pd.to_datetime(["2013-01-01", "2013-01-01", "2013-01-02", "2013-02-01"]),
        "partition": ["2013-01", "2013-01", "2013-01", "2013-02"],
        "split": ["train", "train", "train", "test"],
    }
)


def report_of(label: Floats) -> dict[str, Any]:
    found = {"model": GUESS, "dummy": np.full(4, 0.25), "baseline": np.full(4, 0.3)}
    return evaluate.evaluate(ROWS, label, found, SETTINGS.evaluate, DATA)


def test_metrics_stand_beside_their_errors_and_the_baselines() -> None:
    report = report_of(LABEL)
    errors = [f"{metric}_se" for metric in METRICS]
    others = ["better_than_dummy", "dummy", "baseline"]
    assert list(report) == ["n", "base_rate", *METRICS, *errors, *others]
    assert (report["n"], report["base_rate"], report["roc_auc"]) == (4, 0.25, 1.0)
    assert report["dummy"]["roc_auc"] == 0.5
    assert report["dummy"]["brier"] == 0.1875
    assert report["log_loss"] < report["dummy"]["log_loss"]


def test_a_metric_that_does_not_exist_is_null() -> None:
    report = report_of(np.zeros(4))
    assert (report["roc_auc"], report["roc_auc_se"], report["average_precision"]) == (None,) * 3
    json.dumps(report, allow_nan=False)


def test_figures_are_rounded() -> None:
    scores = {"brier": 1 / 3, "roc_auc": np.nan, "log_loss": np.inf}
    assert evaluate.rounded(scores, "_se") == {
        "brier_se": 0.333333,
        "roc_auc_se": None,
        "log_loss_se": None,
    }


def test_each_partition_is_measured_alone() -> None:
    table = evaluate.by_partition(ROWS, LABEL, GUESS, DATA)
    assert table[["partition", "split", "n"]].to_numpy().tolist() == [
        ["2013-01", "train", 3],
        ["2013-02", "test", 1],
    ]
    assert table["roc_auc"].fillna(-1).tolist() == [1.0, -1.0]
    assert table["base_rate"].tolist() == [0.333333, 0.0]


# The stage itself, on four months of 60, 61, 62 and 63 rows.


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the stage says at its end, where it ran. Do not change a file there."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, month in enumerate(["2013-01", "2013-02", "2013-03", "2013-04"]):
            write(FEATURES / f"{month}.parquet", features(month, rows=60 + number, seed=number))
        train.main()
        yield evaluate.main()


def metrics() -> dict[str, Any]:
    path = evaluate.METRICS_DIR / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def outputs() -> dict[str, bytes]:
    folder = evaluate.METRICS_DIR
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_the_stage_writes_all_its_outputs_and_again_the_same(done: str) -> None:
    assert " on 63 " in done
    found = outputs()
    plots = ["by_partition", "calibration", "confusion", "importance", "precision_recall", "roc"]
    assert sorted(found) == [
        *("README.md", "metrics.json"),
        *(f"plots/{name}.csv" for name in plots),
        "predictions.parquet",
    ]
    assert not any(b"\r" in text for path, text in found.items() if path.endswith(".csv"))
    evaluate.main()
    assert outputs() == found


def test_predictions_give_the_metrics_again(done: str) -> None:
    predictions = read(evaluate.METRICS_DIR / "predictions.parquet")
    assert list(predictions) == [*DATA.key, "partition", "split", TARGET, "probability"]
    assert predictions.groupby("split")["partition"].unique().str[0].to_dict() == {
        "validation": "2013-03",
        "test": "2013-04",
    }
    report = metrics()
    assert list(report) == ["validation", "test"]
    for name, rows in predictions.groupby("split"):
        label, guess = rows[TARGET].to_numpy(dtype=float), rows["probability"].to_numpy()
        figures = {metric: report[str(name)][metric] for metric in METRICS}
        assert figures == pytest.approx(binary.scores(label, guess)(np.ones(len(rows))), abs=1e-5)
    assert report["test"]["roc_auc"] > 0.65


def test_the_dummy_knows_only_the_rate_of_training(done: str) -> None:
    trained_on = pd.concat(read(FEATURES / f"{month}.parquet") for month in ("2013-01", "2013-02"))
    label = read(FEATURES / "2013-04.parquet")[TARGET].to_numpy(dtype=float)
    expected = np.mean((label - trained_on[TARGET].mean()) ** 2)
    assert metrics()["test"]["dummy"]["brier"] == pytest.approx(expected, abs=1e-6)


def test_plots_are_of_the_test_split_but_months_of_training_are_measured_too(done: str) -> None:
    for name in ("confusion", "calibration"):
        assert pd.read_csv(evaluate.PLOTS / f"{name}.csv").iloc[:, -1].sum() == 63
    table = pd.read_csv(evaluate.PLOTS / "by_partition.csv")
    assert table["split"].tolist() == ["train", "train", "validation", "test"]
    assert table["partition"].is_monotonic_increasing


def test_without_a_model_the_fault_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    with pytest.raises(Fault, match=r"models/model.joblib: not found; `dvc repro` trains it"):
        evaluate.main()
