import math
from typing import Any

from strata.diff import ABSENT, changes, edges, flatten, outputs, pin_files, pins, stage_changes

LOCK: dict[str, Any] = {
    "stages": {
        "train": {
            "cmd": "python train.py",
            "deps": [
                {"path": "data/raw", "md5": "1"},
                {"path": "requirements.lock", "md5": "2"},
            ],
            "params": {"params.yaml": {"train": {"lr": 0.1}}},
            "outs": [{"path": "model", "md5": "3"}],
        },
        "evaluate": {
            "cmd": "python evaluate.py",
            "deps": [{"path": "model", "md5": "3"}],
            "outs": [{"path": "metrics", "md5": "4"}],
        },
    }
}


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


def test_pins_read_a_hashed_lock() -> None:
    text = """# made by a tool
numpy==2.4.6 \\
    --hash=sha256:aa==bb
pandas[excel]==3.1.1 ; python_version < "3.12"
Pandas==3.0.0 ; python_version >= "3.12"
loose>=1
"""
    assert pins(text) == {"numpy": "2.4.6", "pandas": "3.1.1, 3.0.0"}


def test_stage_changes_name_the_inputs() -> None:
    other = {
        "stages": {
            "train": {
                **LOCK["stages"]["train"],
                "cmd": "python train.py -v",
                "params": {"params.yaml": {"train.lr": 0.2}},
            },
            "new": {"cmd": "true"},
        }
    }
    assert stage_changes(LOCK, other) == {
        "train": ["command", "params.yaml.train.lr"],
        "new": ["stage added"],
        "evaluate": ["stage removed"],
    }
    assert stage_changes(LOCK, LOCK) == {}


def test_other_outputs_from_the_same_inputs_have_no_reason() -> None:
    train = {**LOCK["stages"]["train"], "outs": [{"path": "model", "md5": "9"}]}
    assert stage_changes(
        {"stages": {"train": LOCK["stages"]["train"]}}, {"stages": {"train": train}}
    ) == {"train": []}


def test_a_lock_tells_its_outputs_its_edges_and_its_environment() -> None:
    assert outputs(LOCK) == {"model": "3", "metrics": "4"}
    assert edges(LOCK) == [("train", "evaluate")]
    assert pin_files(LOCK, {}) == ["requirements.lock"]
