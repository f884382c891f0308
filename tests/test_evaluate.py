import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import PARAMS_YAML, SETTINGS, features

import evaluate
import train
from keys import KEY, TARGET
from partitions import read, write
from scores import METRICS, score
from split import FEATURES
from stage import Fault

FLIGHTS = pd.DataFrame(
    {
        "date": pd.to_datetime(["2013-01-01", "2013-01-01", "2013-01-02", "2013-02-01"]),
        "month": ["2013-01", "2013-01", "2013-01", "2013-02"],
        "split": ["train", "train", "train", "test"],
        TARGET: np.array([0, 1, 0, 0], dtype="int8"),
        "probability": [0.1, 0.9, 0.2, 0.3],
    }
)


def test_metrics_stand_beside_their_errors_and_the_dummy() -> None:
    report = evaluate.evaluate(FLIGHTS, 0.25, SETTINGS.evaluate)
    assert list(report) == ["n", "base_rate", *METRICS, *(f"{m}_se" for m in METRICS), "dummy"]
    assert (report["n"], report["base_rate"], report["roc_auc"]) == (4, 0.25, 1.0)
    assert report["dummy"]["roc_auc"] == 0.5
    assert report["dummy"]["brier"] == 0.1875
    assert report["log_loss"] < report["dummy"]["log_loss"]


def test_a_metric_that_does_not_exist_is_null() -> None:
    report = evaluate.evaluate(FLIGHTS.assign(disrupted=0), 0.25, SETTINGS.evaluate)
    assert (report["roc_auc"], report["roc_auc_se"], report["average_precision"]) == (None,) * 3
    json.dumps(report, allow_nan=False)


def test_figures_are_rounded() -> None:
    scores = {"brier": 1 / 3, "roc_auc": np.nan, "log_loss": np.inf}
    assert evaluate.rounded(scores, "_se") == {
        "brier_se": 0.333333,
        "roc_auc_se": None,
        "log_loss_se": None,
    }


def test_each_month_is_measured_alone() -> None:
    table = evaluate.by_month(FLIGHTS)
    assert table[["month", "split", "n"]].to_numpy().tolist() == [
        ["2013-01", "train", 3],
        ["2013-02", "test", 1],
    ]
    assert table["roc_auc"].fillna(-1).tolist() == [1.0, -1.0]
    assert table["base_rate"].tolist() == [0.333333, 0.0]


# The stage itself, on four months of 60, 61, 62 and 63 flights.


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    for number, month in enumerate(["2013-01", "2013-02", "2013-03", "2013-04"]):
        write(FEATURES / f"{month}.parquet", features(month, flights=60 + number, seed=number))
    return tmp_path


def outputs() -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in evaluate.METRICS_DIR.rglob("*") if p.is_file()}


def test_the_stage_writes_all_its_outputs_and_again_the_same(project: Path) -> None:
    train.main()
    assert evaluate.main().endswith(" on 63 flights")
    found = outputs()
    assert sorted(path.removeprefix("metrics/") for path in found) == [
        "README.md",
        "metrics.json",
        *(
            f"plots/{name}.csv"
            for name in (
                *("by_month", "calibration", "confusion"),
                *("importance", "precision_recall", "roc"),
            )
        ),
        "predictions.parquet",
    ]
    assert not any(b"\r" in text for path, text in found.items() if path.endswith(".csv"))
    evaluate.main()
    assert outputs() == found


def test_predictions_give_the_metrics_again(project: Path) -> None:
    train.main()
    evaluate.main()
    predictions = read(evaluate.METRICS_DIR / "predictions.parquet")
    assert list(predictions) == [*KEY, "month", "split", TARGET, "probability"]
    assert predictions.groupby("split")["month"].unique().str[0].to_dict() == {
        "validation": "2013-03",
        "test": "2013-04",
    }
    report: dict[str, Any] = json.loads(
        (evaluate.METRICS_DIR / "metrics.json").read_text(encoding="utf-8")
    )
    assert list(report) == ["validation", "test"]
    for name, rows in predictions.groupby("split"):
        label, probability, _ = evaluate.arrays(rows)
        figures = {metric: report[str(name)][metric] for metric in METRICS}
        assert figures == pytest.approx(score(label, probability), abs=1e-5)
    assert report["test"]["roc_auc"] > 0.65


def test_the_dummy_knows_only_the_rate_of_training(project: Path) -> None:
    train.main()
    evaluate.main()
    trained_on = pd.concat(
        [read(FEATURES / f"{month}.parquet") for month in ("2013-01", "2013-02")]
    )
    label = read(FEATURES / "2013-04.parquet")[TARGET].to_numpy(dtype=float)
    report = json.loads((evaluate.METRICS_DIR / "metrics.json").read_text(encoding="utf-8"))
    expected = np.mean((label - trained_on[TARGET].mean()) ** 2)
    assert report["test"]["dummy"]["brier"] == pytest.approx(expected, abs=1e-6)


def test_plots_are_of_the_test_split(project: Path) -> None:
    train.main()
    evaluate.main()
    for name in ("confusion", "calibration"):
        assert pd.read_csv(evaluate.PLOTS / f"{name}.csv")["flights"].sum() == 63


def test_months_of_training_are_measured_too(project: Path) -> None:
    train.main()
    evaluate.main()
    table = pd.read_csv(evaluate.PLOTS / "by_month.csv")
    assert table["split"].tolist() == ["train", "train", "validation", "test"]
    assert table["month"].is_monotonic_increasing


def test_without_a_model_the_fault_says_how_to_get_one(project: Path) -> None:
    with pytest.raises(Fault, match=r"models/model.joblib: not found; `dvc repro` trains it"):
        evaluate.main()
