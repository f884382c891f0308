"""The comparison of metrics, and the table of proofs."""

import math

import pytest

from strata.core.values import flatten
from strata.restore import proof


def test_numbers_are_found_under_dotted_keys() -> None:
    metrics = {"test": {"auc": 0.7, "n": 3, "ok": True, "name": "x", "none": None}}
    assert proof.numbers(flatten(metrics)) == {"test.auc": 0.7, "test.n": 3.0}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"a": 0.5, "b": {"c": 1.0}}, ("none", 0.0)),
        ({"a": 0.5, "b": {"c": 1.25}}, ("b.c", 0.25)),
        ({"a": 0.5, "b": {"c": 0.5}}, ("b.c", 0.5)),
        ({"a": 0.5}, ("b.c", math.inf)),
        ({"a": 0.5, "b": {"c": 1.0}, "d": 1}, ("d", math.inf)),
        ({"a": math.nan, "b": {"c": 1.0}}, ("a", math.inf)),
    ],
)
def test_the_largest_difference(after: object, expected: tuple[str, float]) -> None:
    before = {"a": 0.5, "b.c": 1.0}
    assert proof.largest_difference(before, flatten(after)) == expected


def test_the_table_has_its_columns_in_line() -> None:
    lines = proof.table([("data", "cache", "ab", "ok"), ("models/m", "remote", "cd", "differs")])
    assert lines.splitlines() == [
        "output    from    hash  proof",
        "data      cache   ab    ok",
        "models/m  remote  cd    differs",
    ]
