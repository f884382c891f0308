import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from strata.compare import paired
from strata.compare.paired import COMMON, PLACE, POSITIVE, USUAL, Columns, Group, columns_of
from strata.compare.rows import AT, FILE, roles
from strata.compare.scoring import scored
from strata.core.errors import Fault

COLUMNS = Columns(["day", "id"], "y", ["p"], block="day", split="split")
METRICS = ["roc_auc", "average_precision", "log_loss", "brier"]


def compare(base: pd.DataFrame, this: pd.DataFrame, columns: Columns) -> dict[str, Group]:
    return paired.compare(base, this, columns, METRICS)


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
    found = paired.compare(frame, predictions(1, days=4), bare, ["log_loss"])
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


PARAMS = """
data:
  task: binary
  target: left
  positive: 1
  key: [customer, month]
  weight: null
evaluate:
  block: customer
"""
NAMES = ["customer", "month", "date", "split", "left", "weight", "probability"]
FOUND = Columns(["customer", "month"], "left", ["probability"], "customer", "split", None, "1")


def told(folder: Path, params: str, settings: str = "", names: list[str] = NAMES) -> Columns:
    """What each column is, by a project's params.yaml and its settings."""
    (folder / "params.yaml").write_text(params)
    (folder / "strata.toml").write_text(f"[report.columns]\n{settings}")
    return columns_of(folder, pd.DataFrame(columns=names))


def test_what_params_yaml_says_of_columns_need_not_be_set(tmp_path: Path) -> None:
    assert told(tmp_path, PARAMS) == FOUND
    regression = PARAMS.replace("binary", "regression").replace("positive: 1", "positive: null")
    found = told(tmp_path, regression.replace("weight: null", "weight: worth"))
    assert (found.prediction, found.weight, found.positive) == (["prediction"], "worth", None)
    found = told(tmp_path, PARAMS.replace("block: customer", "block: null"))
    assert found.block is None  # each row alone, though a column of a usual name is there


def test_several_classes_are_the_columns_that_begin_so(tmp_path: Path) -> None:
    params = PARAMS.replace("binary", "multiclass").replace("left", "probability_wished")
    names = ["customer", "month", "probability_wished", "probability_b", "probability_a"]
    found = told(tmp_path, params, names=names)
    assert (found.prediction, found.any_classes) == (["probability_b", "probability_a"], True)
    own = told(tmp_path, params, 'prediction = ["probability_a", "p"]', names)
    assert (own.prediction, own.any_classes) == (["probability_a", "p"], False)
    with pytest.raises(Fault, match="no column is known as the prediction"):
        told(tmp_path, params, names=NAMES)


def test_a_feature_that_is_called_as_a_class_is_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS.replace("binary", "multiclass"))
    (tmp_path / "rows.csv").write_text("customer,left,probability_of_rain\n1,a,0.5\n")
    scores = pd.DataFrame(columns=[FILE, AT, "probability_a", "probability_b"])
    found = roles(tmp_path, tmp_path / "rows.csv", scores)
    assert found.prediction == ["probability_a", "probability_b"]


def test_what_the_settings_say_wins_over_params_yaml(tmp_path: Path) -> None:
    found = told(tmp_path, PARAMS, 'block = "month"\nprediction = "p"\nlabel = "left"')
    assert found == Columns(["customer", "month"], "left", ["p"], "month", "split", positive="1")
    found = told(tmp_path, PARAMS, 'label = "gone"')  # of which 1 may be no class
    assert (found.label, found.positive) == ("gone", None)
    assert told(tmp_path, PARAMS, 'positive = "0"').positive == "0"


UNLIKE = {
    "empty": "",
    "a list": "- data\n",
    "a text": "data\n",
    "other keys": "data: {months: 2}\n",
    "a list of data": "data: [task, target, key]\nevaluate: {block: 3}\n",
    "a target alone": "data: {target: left}\n",
    "another task": PARAMS.replace("binary", "ranking"),
    "tasks": PARAMS.replace("binary", "[binary]"),
    "targets": PARAMS.replace("left", "[left]"),
    "a key that is a name": PARAMS.replace("[customer, month]", "customer"),
    "a key of numbers": PARAMS.replace("[customer, month]", "[1, 2]"),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_params_yaml_unlike_the_template_s_says_nothing(tmp_path: Path, name: str) -> None:
    usual = Columns(["id"], "label", ["score"], "day")
    assert told(tmp_path, UNLIKE[name], names=["id", "day", "label", "score"]) == usual
    both = re.escape(f"set key in {PLACE}, or task, target and key under data in params.yaml")
    with pytest.raises(Fault, match=f"no column is known as the key: {both}"):
        told(tmp_path, UNLIKE[name], names=["left", "score"])


def test_evaluate_may_say_nothing_of_blocks(tmp_path: Path) -> None:
    for params in (PARAMS.partition("evaluate")[0], PARAMS.replace("block", "clock")):
        assert told(tmp_path, params).block == "date"  # which is a usual name
    assert told(tmp_path, PARAMS.partition("evaluate")[0] + "evaluate: [block]\n").block == "date"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("data: {task: [\n", "params.yaml cannot be read: line 2"),
        ("data: 1\ndata: 2\n", "params.yaml cannot be read: line 2"),
        ("a: " + "[" * 200 + "]" * 200, "params.yaml: 101 levels"),
        (PARAMS.replace("block: customer", "block: 3"), "evaluate.block must be the name of a"),
        (PARAMS.replace("weight: null", "weight: [w]"), "data.weight must be the name of a column"),
    ],
)
def test_a_params_yaml_that_is_malformed_is_one_line(
    tmp_path: Path, params: str, said: str
) -> None:
    with pytest.raises(Fault, match=re.escape(said)) as fault:
        told(tmp_path, params)
    assert "\n" not in str(fault.value)


def test_a_params_yaml_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"data: \xff\n")
    with pytest.raises(Fault, match=r"params\.yaml is not text in UTF-8"):
        columns_of(tmp_path, pd.DataFrame(columns=NAMES))


def test_models_of_other_classes_are_compared_on_those_of_both() -> None:
    rng = np.random.default_rng(0)
    base = pd.DataFrame(rng.dirichlet([1, 1, 1], 40).round(9), columns=list("abc"))
    base = base.add_prefix("probability_").assign(id=range(40), y=rng.choice(["a", "b"], 40))
    this = base.assign(probability_d=0.0)
    names = [f"probability_{each}" for each in "abcd"]
    columns = Columns(["id"], "y", names, any_classes=True)
    found = paired.compare(base, this, columns, ["log_loss"])
    assert found[""].differences["log_loss"].before == found[""].differences["log_loss"].after
    unseen = [side.assign(y=["d", *side["y"][1:]]) for side in (base, this)]
    assert not paired.compare(unseen[0], unseen[1], columns, ["log_loss"])[""].differences
    with pytest.raises(ValueError, match="of the base have no column probability_d"):
        paired.compare(base, this, Columns(["id"], "y", names), ["log_loss"])


@pytest.mark.parametrize("name", ["1", "True"])
@pytest.mark.parametrize("kind", ["int64", "float64", "bool"])
def test_a_positive_class_of_1_or_true_is_the_same(name: str, kind: str) -> None:
    label = np.array([0, 1, 1]).astype(kind)
    for labels in (label, pd.Series(label)):
        assert paired.is_class(labels, name).tolist() == [False, True, True]
        assert paired.is_class(labels, "yes").tolist() == [False] * 3


def test_the_page_has_the_columns_and_their_names() -> None:
    page = (ROOT / "docs/reports.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` +\|.*\|.*\|(.*)\|$", page, re.MULTILINE)
    shown = {role: names.strip().split(", ") for role, names in rows}
    usual = {role: list(names) for role, names in USUAL.items()}
    assert {role: names for role, names in shown.items() if role in USUAL} == usual
    assert set(shown) == {*USUAL, POSITIVE}


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
