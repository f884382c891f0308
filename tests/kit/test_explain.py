from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from frames import SETTINGS, fitted

import evaluate
import explain
from kit.report import explanation

ROWS = pd.DataFrame(
    {
        "partition": ["2013-01", "2013-01", "2013-01", "2013-02"],
        "split": ["train", "train", "train", "test"],
    }
)


def test_each_partition_is_measured_alone() -> None:
    table = explanation.by_partition(
        ROWS, np.array([0.0, 1, 0, 0]), np.array([0.1, 0.9, 0.2, 0.3]), SETTINGS.data
    )
    assert table[["partition", "split", "n"]].to_numpy().tolist() == [
        ["2013-01", "train", 3],
        ["2013-02", "test", 1],
    ]
    assert table["roc_auc"].fillna(-1).tolist() == [1.0, -1.0]
    assert table["base_rate"].tolist() == [0.333333, 0.0]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the stage says at its end, on months of 60 to 63 rows, where it ran."""
    with fitted(tmp_path_factory.mktemp("explained")):
        evaluate.main()
        yield explain.main()


def outputs() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in explain.PLOTS.iterdir()}


def test_the_stage_writes_all_its_plots_and_again_the_same(done: str) -> None:
    assert done == "6 plots"
    found = outputs()
    plots = ["by_partition", "calibration", "confusion", "importance", "precision_recall", "roc"]
    assert sorted(found) == plots
    assert not any(b"\r" in text for text in found.values())
    explain.main()
    assert outputs() == found


def test_plots_are_of_the_test_split_but_months_of_training_are_measured_too(done: str) -> None:
    for name in ("confusion", "calibration"):
        assert pd.read_csv(explain.PLOTS / f"{name}.csv").iloc[:, -1].sum() == 63
    table = pd.read_csv(explain.PLOTS / "by_partition.csv")
    assert table["split"].tolist() == ["train", "train", "validation", "test"]
    assert table["partition"].is_monotonic_increasing
    assert table["n"].tolist() == [30, 31, 62, 63]  # of training, at most 50 evenly spaced
