import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from strata.paired import COMMON, Columns, compare, scorer

COLUMNS = Columns(key=["day", "id"], day="day", split="split", label="y", probability="p")


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


@pytest.mark.parametrize("digits", [1, 2, 9])
def test_the_figures_are_those_of_scikit_learn(digits: int) -> None:
    rng = np.random.default_rng(digits)
    label = rng.integers(0, 2, 300).astype(float)
    probability = rng.random(300).round(digits)  # few digits: many ties
    weight = rng.integers(0, 4, 300).astype(float)
    found = scorer(label, probability)(weight)
    assert found["roc_auc"] == pytest.approx(
        roc_auc_score(label, probability, sample_weight=weight)
    )
    assert found["average_precision"] == pytest.approx(
        average_precision_score(label, probability, sample_weight=weight)
    )
    assert found["log_loss"] == pytest.approx(log_loss(label, probability, sample_weight=weight))
    assert found["brier"] == pytest.approx(
        brier_score_loss(label, probability, sample_weight=weight)
    )


def test_a_metric_of_one_class_does_not_exist() -> None:
    found = scorer(np.ones(3), np.array([0.1, 0.2, 0.3]))(np.ones(3))
    assert np.isnan(found["roc_auc"])
    assert found["brier"] == pytest.approx(np.mean([0.81, 0.64, 0.49]))


def test_equal_models_differ_by_exactly_nothing() -> None:
    frame = predictions()
    for difference in compare(frame, frame.sample(frac=1, random_state=1), COLUMNS)[
        "test"
    ].differences.values():
        assert difference.before == pytest.approx(difference.after)
        assert (difference.low, difference.high) == pytest.approx((0, 0), abs=1e-12)


def test_a_better_model_is_told_from_noise_and_the_interval_is_the_same_again() -> None:
    found = [compare(predictions(skill=0.3), predictions(1, skill=2), COLUMNS) for _ in range(2)]
    assert found[0] == found[1]
    group = found[0]["test"]
    assert (group.rows, group.days, group.relabelled) == (1000, 20, 0)
    assert group.differences["roc_auc"].low > 0
    assert group.differences["log_loss"].before > 0


def test_pairing_is_narrower_than_two_separate_intervals() -> None:
    base, this = predictions(0), predictions(1)
    found = compare(base, this, COLUMNS)["test"].differences["roc_auc"]
    each = []
    for frame in (base, this):
        score = scorer(frame["y"].to_numpy(float), frame["p"].to_numpy(float))
        counts = np.random.default_rng(0).multinomial(20, np.full(20, 0.05), size=200)
        each.append(np.std([score(c[frame["day"]].astype(float))["roc_auc"] for c in counts]))
    assert found.high - found.low < 2 * 1.96 * np.hypot(each[0], each[1])


def test_other_rows_are_compared_on_those_in_both() -> None:
    base = predictions(days=20)
    this = pd.concat(
        [predictions(1, days=20).assign(split="validation"), predictions(1, days=5, first=20)]
    )
    groups = compare(base, this, COLUMNS)
    assert list(groups) == [COMMON]
    assert (groups[COMMON].rows, groups[COMMON].days) == (1000, 20)


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
