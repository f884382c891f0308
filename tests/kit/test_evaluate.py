import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import SETTINGS, TARGET, fitted

import evaluate
from kit.base import FEATURES, Fault, read
from kit.learn import MODEL, baselines, read_splits, split
from kit.learn.outcomes import Floats
from kit.report import binary, evaluation
from kit.report.binary import METRICS

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
    rows = ROWS.assign(**{TARGET: label})
    return evaluation.evaluate(rows, found, ["no", "yes"], SETTINGS.evaluate, DATA)


def test_metrics_stand_beside_their_errors_and_the_baselines() -> None:
    report = report_of(LABEL)
    errors = [f"{metric}_se" for metric in METRICS]
    others = ["dummy", "baseline"]
    assert list(report) == [
        "n",
        "blocks",
        "independent_blocks",
        "base_rate",
        *METRICS,
        *errors,
        *others,
    ]
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
    assert evaluation.rounded(scores, "_se") == {
        "brier_se": 0.333333,
        "roc_auc_se": None,
        "log_loss_se": None,
    }


# The stage itself, on four months of 60, 61, 62 and 63 rows.


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the stage says at its end, where it ran. Do not change a file there."""
    with fitted(tmp_path_factory.mktemp("evaluated")):
        yield evaluate.main()


def metrics() -> dict[str, Any]:
    path = evaluate.METRICS / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def outputs() -> dict[str, bytes]:
    folder = evaluate.METRICS
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_the_stage_writes_all_its_outputs_and_again_the_same(done: str) -> None:
    assert " on 63 " in done
    found = outputs()
    assert sorted(found) == ["README.md", "metrics.json", "predictions.parquet"]
    evaluate.main()
    assert outputs() == found


def test_predictions_give_the_metrics_again(done: str) -> None:
    predictions = read(evaluate.METRICS / "predictions.parquet")
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


def test_of_training_only_labels_and_some_rows_of_some_partitions_are_read(
    done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "PARTITIONS", 1)
    monkeypatch.setattr(baselines, "ROWS", 20)
    asked: list[tuple[str, list[str] | None]] = []

    def noting(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
        asked.append((path.stem, columns))
        return read(path, columns)

    train = read_splits(SETTINGS.split, DATA)["train"]
    monkeypatch.setattr(split, "read", noting)
    found = baselines.fit_baselines(train, DATA)
    assert asked == [("2013-01", None), ("2013-01", [TARGET]), ("2013-02", [TARGET])]
    assert list(found["baseline"].feature_names_in_) == ["place", "hour", "gaps"]


def test_without_a_model_the_fault_says_how_to_get_one(tmp_path: Path) -> None:
    with fitted(tmp_path):
        MODEL.unlink()
        with pytest.raises(Fault, match=r"models/model.joblib: not found; `dvc repro` trains it"):
            evaluate.main()
