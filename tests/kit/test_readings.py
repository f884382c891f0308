"""Columns of a source are read as what they are, and what does not fit is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kit.base import Fault
from kit.base.readings import choose, moments, names_of_rows, numbers, texts, truths, wholes


def column(*values: Any) -> pd.Series:
    return pd.Series(list(values), name="c")


def test_a_table_has_just_the_columns_that_are_known() -> None:
    table = pd.DataFrame({"b": [1], "a": [2]})
    assert list(choose(table, ["a", "b"])) == ["a", "b"]
    with pytest.raises(
        Fault, match=r"^column b: new; say in schema\.py and ingest\.py what it is$"
    ):
        choose(table, ["a"])
    with pytest.raises(Fault, match=r"^column c: missing$"):
        choose(table, ["a", "b", "c"])


def test_texts_lose_the_space_around_them_and_what_stands_for_missing() -> None:
    found = texts(pd.DataFrame({"a": [" x ", "NA", None], "b": [1, 2, 3]}), ["NA"])
    assert found["a"].tolist()[0] == "x"
    assert found["a"].isna().tolist() == [False, True, True]
    assert found["b"].tolist() == ["1", "2", "3"]
    assert set(found.dtypes.astype(str)) == {"str"}


@pytest.mark.parametrize(
    ("given", "how", "expected"),
    [
        (["1", "2.5", None], {}, [1, 2.5, np.nan]),
        (["1", "?"], {"missing": ("?",)}, [1, np.nan]),
        (["€ 1 kg", "€ 20 kg"], {"before": "€ ", "after": " kg"}, [1, 20]),
        (["1.234,5", "0,5"], {"decimal": ","}, [1234.5, 0.5]),
        ([1, 2.5], {}, [1, 2.5]),
    ],
)
def test_numbers(given: list[Any], how: dict[str, Any], expected: list[float]) -> None:
    found = numbers(column(*given), **how)
    assert str(found.dtype) == "float64"
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("given", [["1", "9007199254740993"], [1, 2**53 + 1]])
def test_no_whole_number_is_rounded(given: list[Any]) -> None:
    assert wholes(column(*given)).tolist() == [1, 2**53 + 1]


def test_truths_may_be_missing_only_where_that_is_said() -> None:
    assert truths(column("TRUE", "false")).tolist() == [True, False]
    assert str(truths(column(True, False)).dtype) == "bool"
    np.testing.assert_array_equal(truths(column("true", None), missing=True), [1, np.nan])


def test_moments() -> None:
    found = moments(column("31.12.2024", None), "%d.%m.%Y")
    assert found.tolist() == [pd.Timestamp("2024-12-31"), pd.NaT]
    assert str(found.dtype) == "datetime64[us]"
    found = moments(column("2024-05-01T10:00:00+02:00"), "ISO8601", utc=True)
    assert found[0] == pd.Timestamp("2024-05-01T08:00:00Z")
    assert str(found.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("reading", "values", "what"),
    [
        (numbers, ["1", "three"], "a number: 1 rows fail it: 'three' in row 1"),
        (numbers, ["1", "1,5"], "a number: 1 rows fail it: '1,5' in row 1"),
        (wholes, ["1", "1.5"], "a whole number: 1 rows fail it: '1.5' in row 1"),
        (wholes, [1, None], "a whole number: 1 rows fail it: nan in row 1"),
        (wholes, ["1.0", str(2**53 + 1)], f"a whole number below {2**53}: 1 rows fail it"),
        (wholes, [str(2**63)], f"a whole number below {2**63}: 1 rows fail it"),
        (truths, ["true", "yes"], "true or false: 1 rows fail it: 'yes' in row 1"),
        (truths, [True, None], "true or false: 1 rows fail it: None in row 1"),
        (lambda values: moments(values, "%Y"), ["2024", "soon"], "a moment written as %Y: 1 rows"),
    ],
)
def test_what_does_not_fit_is_named(
    reading: Callable[[pd.Series], pd.Series], values: list[Any], what: str
) -> None:
    with pytest.raises(Fault) as fault:
        reading(column(*values))
    assert str(fault.value).startswith(f"column c: {what}")


def test_a_row_without_a_key_keeps_its_name_whatever_comes_before_it() -> None:
    table = pd.DataFrame({"a": ["x", "y", None], "b": [1.5, np.nan, 2.0], "c": [1, 2, 3]})
    names = names_of_rows(table)
    more = pd.concat([table.tail(1).assign(c=9), table.head(1), table], ignore_index=True)
    again = names_of_rows(more)
    assert set(names) < set(again)
    assert again.is_unique
    assert again[[1, 2]].tolist() == [names[0], names[0].replace("-0", "-1")]  # which are alike
    assert again[3:].tolist() == names[1:].tolist()
