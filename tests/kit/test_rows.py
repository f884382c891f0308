"""Rows from outside: read a chunk at a time, typed, and each that does not fit is named."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from kit.base import Fault
from kit.serve.rows import Chunk, check, chunks

RULES = pa.DataFrameSchema(
    {
        "id": pa.Column("str", pa.Check.str_length(1, 5)),
        "count": pa.Column("int64", pa.Check.in_range(0, 100)),
        "size": pa.Column("float64", nullable=True),
        "when": pa.Column("datetime64[us]", nullable=True),
        "seen": pa.Column("datetime64[us, UTC]"),
        "known": pa.Column("bool"),
        "level": pa.Column("uint8"),
    },
    strict="filter",
)
GOOD: dict[str, Any] = {
    "id": "a",
    "count": "3",
    "size": "2.5",
    "when": "2013-01-02",
    "seen": "2013-01-02T03:04:05Z",
    "known": "true",
    "level": "7",
}
EXACT = 2**53 + 1  # which no float64 is


def checked(**values: Any) -> tuple[Chunk, list[str]]:
    frame = pd.DataFrame([GOOD, GOOD | values], dtype="object")
    number = pd.Series([1, 2])
    return check(Chunk(frame, number, "line " + (number + 1).astype(str), {}), RULES)


def written(folder: Path, rows: list[dict[str, Any]], kind: str) -> Path:
    path = folder / f"rows.{kind}"
    frame = pd.DataFrame(rows)
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def test_texts_become_the_types_that_are_asked_for() -> None:
    found, said = checked(size=None, when=None, known="0")
    assert said == []
    types = {name: str(kind) for name, kind in found.frame.dtypes.items()}
    assert types == {
        **{"id": "str", "count": "int64", "size": "float64", "when": "datetime64[us]"},
        **{"seen": "datetime64[us, UTC]", "known": "bool", "level": "uint8"},
    }
    assert found.frame["known"].tolist() == [True, False]
    assert found.frame["size"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("count", "1.5", "count is '1.5': must be a whole number"),
        ("count", "9" * 30, f"count is '{'9' * 30}': must be a whole number"),
        ("count", "1e999999999", "count is '1e999999999': must be a whole number"),
        ("level", "256", "level is '256': must be a whole number from 0 to 255"),
        ("level", "-1", "level is '-1': must be a whole number from 0 to 255"),
        ("level", "high", "level is 'high': must be a whole number from 0 to 255"),
        ("level", None, "level is missing"),
        ("level", "255.0", None),
        ("count", "101", "count is 101: must be in_range(0, 100)"),
        ("count", None, "count is missing"),
        ("size", "big", "size is 'big': must be a number"),
        ("size", "inf", None),
        ("when", "yesterday", "when is 'yesterday': must be a moment without a time zone"),
        ("when", "2013-01-02T03:04:05Z", "Z': must be a moment without a time zone"),
        ("seen", "2013-01-02T03:04:05", "must be a moment with a time zone"),
        ("known", "maybe", "known is 'maybe': must be true or false"),
        ("id", "", "id is '': must be str_length(1, 5)"),
        ("known", 1, "known is 1: must be true or false"),
        ("count", True, "count is True: must be a whole number"),
        ("size", True, "size is True: must be a number"),
        ("id", 5, "id is 5: must be a text"),
        ("id", "x" * 999, f"id is '{'x' * 79}: must be str_length(1, 5)"),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_the_others_stay(
    column: str, value: Any, said: str | None
) -> None:
    found, bad = checked(**{column: value})
    if said is None:
        assert bad == []
        return
    assert len(bad) == 1
    assert bad[0].startswith("line 3: ")
    assert said in bad[0]
    assert found.number.tolist() == [1]


@pytest.mark.parametrize("bad", [None, "many", "1.5", "1e30", f"{EXACT}.5"])
@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64"])
def test_a_bad_number_changes_no_good_one(tmp_path: Path, dtype: str, bad: str | None) -> None:
    most = int(np.iinfo(dtype.lower()).max)
    path = tmp_path / "rows.csv"
    texts = [str(EXACT), bad, f"{EXACT}.0", str(most), "3e2"]
    pd.DataFrame({"n": texts, "other": "x"}).to_csv(path, index=False)
    (chunk,) = chunks(path, ["n"])
    found, said = check(chunk, pa.DataFrameSchema({"n": pa.Column(dtype)}, strict="filter"))
    assert len(said) == 1
    assert str(found.frame["n"].dtype) == dtype
    assert found.frame["n"].tolist() == [EXACT, EXACT, most, 300]


def test_a_missing_number_of_a_parquet_file_changes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"n": [EXACT, None, 2**63 - 1]}), path)
    (chunk,) = chunks(path, ["n"])
    for nullable in (False, True):  # which an int64 cannot be
        rules = pa.DataFrameSchema({"n": pa.Column("int64", nullable=nullable)}, strict="filter")
        found, said = check(chunk, rules)
        assert said == ["row 2: n is missing"]
        assert found.frame["n"].tolist() == [EXACT, 2**63 - 1]
    found, said = check(chunk, pa.DataFrameSchema({"n": pa.Column("Int64", nullable=True)}))
    assert said == []
    assert found.frame["n"].astype(object).tolist() == [EXACT, pd.NA, 2**63 - 1]


STRANGE: dict[str, pyarrow.Array] = {
    "lists": pyarrow.array([[1], [2, 3]]),
    "decimals": pyarrow.array([Decimal("1.50"), Decimal("2.00")]),
    "days": pyarrow.array([date(2013, 1, 1), None]),
    "spans": pyarrow.array([timedelta(1), None]),
    "moments": pyarrow.array([datetime(2013, 1, 1), None]),
    "moments with a zone": pyarrow.array([datetime(2013, 1, 1, tzinfo=UTC), None]),
    "bytes": pyarrow.array([b"a", b"\xff"]),
    "categories": pyarrow.array(["a", "b"]).dictionary_encode(),
    "truths": pyarrow.array([True, None]),
    "numbers": pyarrow.array([2**64 - 1, None], "uint64"),
    "nothing": pyarrow.nulls(2),
}
ASKED = (
    *("int8", "uint64", "Int64", "float32", "bool", "str", "category", None),
    *("datetime64[us]", "datetime64[us, UTC]"),
)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", STRANGE)
def test_a_value_of_any_type_is_taken_or_named(tmp_path: Path, name: str, asked: str) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"x": STRANGE[name]}), path)
    (chunk,) = chunks(path, ["x"])
    found, said = check(chunk, pa.DataFrameSchema({"x": pa.Column(asked)}, strict="filter"))
    assert len(found.frame) + len(said) == 2


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@given(rows=st.integers(1, 9), size=st.integers(1, 10))
def test_chunks_are_the_whole_file_in_order(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rows: int, size: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    path = written(folder, [GOOD | {"id": f"r{at}", "more": 1} for at in range(rows)], kind)
    found = [check(chunk, RULES) for chunk in chunks(path, list(RULES.columns), size)]
    assert not any(said for _, said in found)
    assert [len(chunk.frame) for chunk, _ in found[:-1]] == [size] * (len(found) - 1)
    whole = pd.concat([chunk.frame for chunk, _ in found])
    assert whole["id"].tolist() == [f"r{at}" for at in range(rows)]
    assert [n for chunk, _ in found for n in chunk.number] == list(range(1, rows + 1))


def test_lines_are_those_of_the_file_also_after_one_in_quotes_that_is_broken(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        '\ufeffnote;id;count\n"two\nlines";a;1\n\nx;b;many\ny;c;1;2\n', encoding="utf-8"
    )
    rules = RULES.select_columns(["id", "count"])
    (chunk,) = chunks(path, ["id", "count"])
    found, said = check(chunk, rules)
    assert said == [
        "line 5: count is 'many': must be a whole number",
        "line 6: 4 values, and the first line has 3",
    ]
    assert found.frame["id"].tolist() == ["a"]


def test_a_file_that_cannot_be_read_is_a_fault_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with pytest.raises(Fault, match=r"rows\.csv: No such file"):
        list(chunks(path, ["id"]))
    path.write_text("id,id\na,b\n")
    with pytest.raises(Fault, match="column id is there twice"):
        list(chunks(path, ["id"]))
    with pytest.raises(Fault, match=r"no column count; there are id, id"):
        list(chunks(path, ["count"]))
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(Fault, match=r"rows\.csv: cannot be read: "):
        list(chunks(path, ["id"]))
    path.write_bytes(b"id\n\xff\n")
    with pytest.raises(Fault, match=r"rows\.csv: cannot be read: "):
        list(chunks(path, ["id"]))
