from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from strata import paired
from strata.errors import Fault
from strata.paired import COMMON, Columns, Group, columns_of
from strata.scoring import scored

COLUMNS = Columns(["day", "id"], "y", ["p"], block="day", split="split")
METRICS = ["roc_auc", "average_precision", "log_loss", "brier"]


def compare(base: pd.DataFrame, this: pd.DataFrame, columns: Columns) -> dict[str, Group]:
    return paired.compare(base, this, columns, METRICS, samples=200)


def predictions(seed: int = 0, days: int = 20, first: int = 0, skill: float = 1.0) -> pd.DataFrame:
    """Days of 50 rows whose rates differ from day to day; the same labels whatever the skill."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(first, first + days):
        chance = np.random.default_rng(day)
        signal = chance.normal(size=50) + chance.normal()
        label = (signal + chance.normal(size=50) > 0.5).astype(int)
        noisy = skill * signal + rng.normal(size=50)
        rows.append(
            pd.DataFrame(
                {
                    "day": day,
                    "id": range(50),
                    "split": "test",
                    "y": label,
                    "p": 1 / (1 + np.exp(-noisy)),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def test_equal_models_differ_by_exactly_nothing() -> None:
    frame = predictions()
    for difference in compare(frame, frame.sample(frac=1, random_state=1), COLUMNS)[
        "test"
    ].differences.values():
        assert difference.before == pytest.approx(difference.after)
        assert (difference.low, difference.high) == pytest.approx((0, 0), abs=1e-12)


def test_the_positive_class_need_not_sort_last(tmp_path: Path) -> None:
    frame = predictions()
    text = frame.assign(y=frame["y"].map({1: "Left", 0: "Stayed"}))
    (tmp_path / "strata.toml").write_text(
        '[report.columns]\nkey = ["day", "id"]\nlabel = "y"\nprediction = "p"\npositive = "Left"\n'
    )
    columns = columns_of(tmp_path, text)
    assert columns.positive == "Left"
    numbers = compare(frame, predictions(1, skill=2), COLUMNS)["test"].differences
    said = compare(text, predictions(1, skill=2).assign(y=text["y"]), columns)["test"].differences
    for metric in METRICS:
        assert said[metric].before == pytest.approx(numbers[metric].before)
        assert said[metric].after == pytest.approx(numbers[metric].after)


def test_a_better_model_is_told_from_noise_and_the_interval_is_the_same_again() -> None:
    found = [compare(predictions(skill=0.3), predictions(1, skill=2), COLUMNS) for _ in range(2)]
    assert found[0] == found[1]
    group = found[0]["test"]
    assert (group.rows, group.blocks, group.relabelled) == (1000, 20, 0)
    assert group.differences["roc_auc"].low > 0
    assert group.differences["log_loss"].before > 0


def test_pairing_is_narrower_than_two_separate_intervals() -> None:
    base, this = predictions(0), predictions(1)
    found = compare(base, this, COLUMNS)["test"].differences["roc_auc"]
    each = []
    for frame in (base, this):
        score = scored("roc_auc", frame["y"].to_numpy(float), frame["p"].to_numpy(float))
        assert score
        counts = np.random.default_rng(0).multinomial(20, np.full(20, 0.05), size=200)
        each.append(np.std([score(c[frame["day"]].astype(float)) for c in counts]))
    assert found.high - found.low < 2 * 1.96 * np.hypot(each[0], each[1])


def test_other_rows_are_compared_on_those_in_both() -> None:
    base = predictions(days=20)
    this = pd.concat(
        [predictions(1, days=20).assign(split="validation"), predictions(1, days=5, first=20)]
    )
    groups = compare(base, this, COLUMNS)
    assert list(groups) == [COMMON]
    assert (groups[COMMON].rows, groups[COMMON].blocks) == (1000, 20)


def test_nothing_in_common_is_no_comparison() -> None:
    assert compare(predictions(days=5), predictions(days=5, first=5), COLUMNS) == {}


def test_changed_labels_are_counted() -> None:
    base = predictions()
    this = base.assign(y=np.where(base["id"] == 0, 1 - base["y"], base["y"]))
    assert compare(base, this, COLUMNS)["test"].relabelled == 20


def test_rows_that_cannot_be_matched_are_refused() -> None:
    frame = predictions()
    with pytest.raises(ValueError, match="of this have no column p"):
        compare(frame, frame.drop(columns="p"), COLUMNS)
    with pytest.raises(ValueError, match="of the base have rows with the same key"):
        compare(pd.concat([frame, frame]), frame, COLUMNS)


def test_rows_of_no_block_and_no_split_are_compared_one_by_one() -> None:
    frame = predictions(days=4)
    bare = Columns(["day", "id"], "y", ["p"])
    found = paired.compare(frame, predictions(1, days=4), bare, ["log_loss"], samples=50)
    assert (found[""].rows, found[""].blocks, found[""].by) == (200, 200, "row")


def test_columns_have_usual_names_or_are_asked_for(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1], "target": [0], "probability": [0.5], "date": ["2026-01-01"]})
    assert columns_of(tmp_path, frame) == Columns(["id"], "target", ["probability"], "date")
    with pytest.raises(Fault, match="no column is known as the key: set key in"):
        columns_of(tmp_path, frame.rename(columns={"id": "train"}))
    (tmp_path / "strata.toml").write_text('[report.columns]\nkey = ["train", "date"]\n')
    named = columns_of(tmp_path, frame.rename(columns={"id": "train"}))
    assert named.key == ["train", "date"]
    (tmp_path / "strata.toml").write_text('[report.columns]\nday = "date"\n')
    with pytest.raises(Fault, match="day is not known; there are label, prediction, key, block"):
        columns_of(tmp_path, frame)


def test_rows_that_one_side_trained_on_are_not_common() -> None:
    base = pd.concat([predictions(days=20), predictions(days=10, first=20).assign(split="train")])
    this = pd.concat([predictions(1, days=20).assign(split="train"), predictions(1, 25, 20)])
    assert compare(base, this, COLUMNS) == {}


def test_few_blocks_tell_nothing_of_the_noise() -> None:
    found = compare(predictions(days=4), predictions(1, days=4, skill=9), COLUMNS)["test"]
    assert np.isnan(found.differences["roc_auc"].low)


def test_rows_without_a_label_are_left_out() -> None:
    base = predictions().assign(y=lambda frame: frame["y"].where(frame["id"] > 9))
    found = compare(base, base, COLUMNS)["test"]
    assert (found.rows, found.relabelled) == (800, 0)
    assert "roc_auc" in found.differences


def test_classes_are_named_by_their_columns() -> None:
    names = ["proba_set", "proba_sky"]
    assert paired.classes_of(names, {"set", "sky"}) == ["set", "sky"]
    assert paired.classes_of(["set", "sky"], {"sky"}) == ["set", "sky"]
    assert paired.classes_of(names, {"other"}) == names
