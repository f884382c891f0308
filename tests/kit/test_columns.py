"""What a schema asks of a column; rows of files and of requests are held to it alike."""

import json
from datetime import UTC
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from service.contract import Contract, Wrong

from kit.serve.columns import columns_of
from kit.serve.rows import Chunk, check
from kit.serve.session import MISSING

EVEN = pa.Check(lambda values: values % 2 == 0, error="even")
CHECKS: dict[str, list[pa.Check]] = {
    **{"int8": [pa.Check.ge(-5), EVEN], "uint64": [pa.Check.in_range(3, 2**63 + 8)], "int64": []},
    **{"Int64": [pa.Check.in_range(-5, 99), pa.Check.in_range(-9, 9, include_max=False)]},
    **{"float64": [pa.Check.gt(-1), pa.Check.lt(1e6)], "Float64": [], "bool": [], "boolean": []},
    **{"str": [pa.Check.str_length(1, 5), pa.Check.ne("no", error="yes")]},
    **{"object": [pa.Check.isin(["a", "b", "longer"]), pa.Check.str_length(max_value=3)]},
    **{"string": [pa.Check.str_length(exact_value=4)]},
    **{"category": [], "datetime64[us]": [pa.Check.ge(pd.Timestamp("2001-01-01"))]},
    **{"datetime64[us, UTC]": [], "datetime64[us, Europe/Berlin]": []},
}


@cache
def rules(dtype: str, *, nullable: bool) -> tuple[pa.DataFrameSchema, Contract]:
    column = pa.Column(dtype, CHECKS[dtype], nullable=nullable)
    schema = pa.DataFrameSchema({"x": column}, strict="filter")
    return schema, Contract(schema, 1)


def of_file(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> str:
    """What is wrong with the one row of a Parquet file, or ''."""
    number = pd.Series([1])
    found, said = check(Chunk(frame, number, "row " + number.astype(str), {}), schema)
    assert len(found.frame) + len(said) == 1
    return "".join(said)


def of_request(contract: Contract, value: Any) -> str:
    try:
        columns = contract.read(json.dumps({"x": value}).encode())
        contract.check([columns], columns)
        contract.rules.validate(contract.frame(columns))
    except Wrong as wrong:
        return wrong.error
    return ""


def seen_alike(kind: str, value: Any) -> bool:
    """Whether JSON and a file mean the same by a value. A text of a file is read as what is asked
    for, and a number without a fraction is a whole one, since pandas writes it so beside a gap."""
    if isinstance(value, str):  # U+FFFF stands for a gap where a model is served
        return kind in ("text", "moment") and value != MISSING
    return not (kind == "whole number" and isinstance(value, float) and value.is_integer())


TEXTS = ("", "a", "b", "no", "longer", "ç", "2024-02-29", "2023-02-29", "2024-02-29T12:00:00",
    "2000-12-31 12:00", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+02:00", "24:00", "now",
    "2024-02-29T24:00:00", "1700000000", "1700000000.5",
    "2024", "20240229", "20010101012")  # fmt: skip
VALUES = (
    st.sampled_from(TEXTS) | st.none() | st.booleans() | st.integers(-12, 12) | st.integers()
    | st.floats(-12, 12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.datetimes().map(str) | st.datetimes(timezones=st.just(UTC)).map(str)
)  # fmt: skip


@pytest.mark.parametrize("dtype", CHECKS)
@given(data=st.data(), nullable=st.booleans())
def test_a_value_is_taken_or_refused_in_the_same_words_wherever_it_comes_from(
    dtype: str, nullable: bool, data: st.DataObject
) -> None:
    schema, contract = rules(dtype, nullable=nullable)
    (column,) = contract.columns
    value = data.draw(VALUES | st.text() if column.kind == "text" else VALUES)
    told = of_request(contract, value)
    if seen_alike(column.kind, value):
        frame = pd.DataFrame({"x": pd.Series([value], dtype="object")})
        for table in (frame, frame.infer_objects()):
            said = of_file(schema, table)
            assert bool(said) == bool(told), (said, told)
            if type(value) is not int or column.kind != "number":  # which is a float in the frame
                assert said == told


RULES: dict[str | None, str] = {
    **{"int64": "a whole number", "int8": "a whole number from -128 to 127"},
    **{"UInt8": "a whole number from 0 to 255", "float32": "a number", "bool": "true or false"},
    **{"string": "a text", "object": "a text", "category": "a text", None: "a value"},
    "datetime64[ns]": "a moment without a time zone",
    "datetime64[us, UTC]": "a moment with a time zone",
}


@pytest.mark.parametrize(("dtype", "rule"), RULES.items())
def test_a_column_says_what_a_value_must_be_and_whether_it_may_be_missing(
    dtype: str | None, rule: str
) -> None:
    schema = pa.DataFrameSchema({"x": pa.Column(dtype, nullable=True), "y": pa.Column(dtype)})
    may, must = columns_of(schema)
    assert may.rule == rule
    assert may.optional == (dtype not in ("int64", "int8", "bool"))
    assert not must.optional
