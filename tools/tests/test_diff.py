import math
from dataclasses import replace

from strata.compare.evidence import fitting, stage_changes
from strata.core.values import ABSENT, changes, error_of, flatten, is_error
from strata.dvc.revision import Stage

TRAIN = Stage(
    name="train",
    cmd="python train.py",
    deps={"data/raw": "1", "requirements.lock": "2"},
    params={"train.lr": 0.1},
    outs={"model": "3"},
    frozen=False,
)
EVALUATE = replace(TRAIN, name="evaluate", deps={"model": "3"}, params={}, outs={"metrics": "4"})
STAGES = {"train": TRAIN, "evaluate": EVALUATE}


def test_leaves_are_named_by_their_path() -> None:
    assert flatten({"a": {"b": 1, "c": [1, 2], "d": {}}, 3: None}) == {
        "a.b": 1,
        "a.c": [1, 2],
        "a.d": {},
        "3": None,
    }
    assert flatten(None) == {}
    assert flatten([1]) == {"": [1]}


def test_changes_tell_absent_from_null_and_true_from_one() -> None:
    found = changes({"a": 1, "b": None, "gone": 1}, {"a": True, "b": None, "new": None})
    assert [(c.name, c.before, c.after) for c in found] == [
        ("a", 1, True),
        ("new", ABSENT, None),
        ("gone", 1, ABSENT),
    ]


def test_nan_is_no_change_from_nan() -> None:
    assert changes({"a": math.nan}, {"a": float("nan")}) == []
    assert changes({"a": math.nan}, {"a": 0.0}) != []


def test_stage_changes_name_the_inputs() -> None:
    other = {
        "train": replace(TRAIN, cmd="python train.py -v", params={"train.lr": 0.2}),
        "new": EVALUATE,
    }
    assert stage_changes(STAGES, other) == {
        "train": ["command", "param train.lr"],
        "new": ["stage added"],
        "evaluate": ["stage removed"],
    }
    assert stage_changes(STAGES, STAGES) == {}


def test_other_outputs_from_the_same_inputs_have_no_reason() -> None:
    assert stage_changes({"train": TRAIN}, {"train": replace(TRAIN, outs={"model": "9"})}) == {
        "train": []
    }


def test_a_stage_that_checks_all_params_is_not_the_one_that_fits() -> None:
    check = replace(TRAIN, name="check", params={"train.lr": 0.1, "report.bins": 3})
    stages = {"check": check, **STAGES}
    assert list(fitting(stages, "train.lr")) == ["train"]
    assert list(fitting({"check": check}, "train.lr")) == ["check"]
    assert not fitting(stages, "train.none")


def test_a_standard_error_is_that_of_a_metric_beside_it() -> None:
    metrics = {"test.mse": 1.0, "test.mse_se": 0.1, "test.rmse_se": 2.0}
    assert error_of("test.mse") == "test.mse_se"
    assert [name for name in metrics if is_error(name, metrics)] == ["test.mse_se"]
