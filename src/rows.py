"""Rows that come from outside to be scored: read from a file a chunk at a time, and checked.

What a value must be says schema.ROWS. Texts of a CSV file are read as the numbers, moments and
truths that are asked for: plain numbers with a point, moments in ISO 8601.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from pyarrow import ArrowInvalid, parquet

from stage import Fault

CHUNK = 50_000  # rows
ZONE = r"[Zz]$|[T ].*[+-]\d\d"  # at the end of a moment: it is no local one
TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file. Of each ``number`` says which it is, from 1, and ``place`` where it is
    for people: its line or its number. ``broken`` says what is wrong with some, by index."""

    frame: pd.DataFrame
    number: pd.Series
    place: pd.Series
    broken: dict[int, str]


def chunks(path: Path, columns: list[str], size: int = CHUNK) -> Iterator[Chunk]:
    """The columns of a CSV or Parquet file, with the types they have there: texts in CSV.

    Raises Fault if it can't be read, or lacks one of them.
    """
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        yield from (_of_parquet if is_parquet else _of_csv)(path, columns, size)
    except (ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise Fault(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None


def _of_parquet(path: Path, columns: list[str], size: int) -> Iterator[Chunk]:
    with parquet.ParquetFile(path) as file:
        _refuse_absent(path, columns, file.schema_arrow.names)
        at = 0
        for batch in file.iter_batches(size, columns=columns):
            # A whole number beside a missing one would be a float, which is not exact.
            frame = batch.to_pandas(integer_object_nulls=True)[columns].reset_index(drop=True)
            number = pd.Series(range(at + 1, at + len(frame) + 1), dtype="int64")
            yield Chunk(frame, number, "row " + number.astype(str), {})
            at += len(frame)


def _of_csv(path: Path, columns: list[str], size: int) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",;\t", key=head.count), strict=True)
        names = next(reader, [])
        _refuse_absent(path, columns, names)
        at, lines, texts, broken, line = 0, list[int](), list[list[str]](), dict[int, str](), 2
        places = [names.index(name) for name in columns]

        def made() -> Chunk:
            frame = pd.DataFrame(texts, columns=columns, dtype="str").replace("", None)
            number = pd.Series(range(at + 1, at + len(texts) + 1), dtype="int64")
            return Chunk(frame, number, "line " + pd.Series(lines).astype(str), broken)

        for cells in reader:
            if cells:
                if len(cells) != len(names):
                    broken[len(texts)] = f"{len(cells)} values, and the first line has {len(names)}"
                    cells = [""] * len(names)
                texts.append([cells[place] for place in places])
                lines.append(line)
            line = reader.line_num + 1
            if len(texts) == size:
                yield made()
                at, lines, texts, broken = at + size, [], [], {}
        if texts:
            yield made()


def _refuse_absent(path: Path, columns: list[str], there: list[str]) -> None:
    absent = [name for name in columns if name not in there]
    if absent:
        raise Fault(
            f"{path}: no column {', '.join(absent)}; there are {', '.join(map(str, there[:30]))}"
        )
    if twice := [name for name in columns if list(there).count(name) > 1]:
        raise Fault(f"{path}: the column {twice[0]} is there twice")


def check(chunk: Chunk, rules: pa.DataFrameSchema) -> tuple[Chunk, list[str]]:
    """The rows that fit, typed as the rules say, and what is wrong with each of the others."""
    bad, typed = dict(chunk.broken), {}
    for name, column in rules.columns.items():
        asked = str(column.dtype)
        typed[name], wrong = _typed(chunk.frame[name], asked)
        if not column.nullable or (asked[0] in "iub" and asked != "boolean"):  # which hold no gap
            wrong |= typed[name].isna()
        absent = chunk.frame[name].isna()
        for at in wrong[wrong].index:
            said = f"{chunk.frame[name][at]!r}, not of type {_kind(asked)}"
            bad.setdefault(at, f"{name} is {'missing' if absent[at] else said}")
    rest = [at not in bad for at in range(len(chunk.frame))]
    frame = pd.DataFrame({name: values[rest] for name, values in typed.items()})
    asked_of = {name: str(column.dtype) for name, column in rules.columns.items() if column.dtype}
    frame = frame.astype({name: _dtype(asked) for name, asked in asked_of.items()})
    try:
        rules.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any():
            raise Fault(f"schema.ROWS cannot be checked: {cases['check'].iloc[0]}") from None
        shown = zip(
            cases["index"], cases["column"], cases["failure_case"], cases["check"], strict=True
        )
        for at, name, value, rule in shown:
            bad.setdefault(int(at), f"{name} is {value!r}: must be {rule}")
    good = frame.index.difference(list(bad))
    named = [f"{chunk.place[at]}: {bad[at]}" for at in sorted(bad)]

    def kept(values: pd.Series) -> pd.Series:
        return values.loc[good].reset_index(drop=True)

    rest_of_it = frame.loc[good].reset_index(drop=True)
    return Chunk(rest_of_it, kept(chunk.number), kept(chunk.place), {}), named


def _kind(asked: str) -> str:
    """A dtype, in words for people."""
    names = {"i": "whole number", "f": "number", "d": "moment", "b": "true or false"}
    if (kind := asked[0].lower()) in "iu" and asked.lower() != "int64":
        low, high = _limits(asked)
        return f"whole number from {low} to {high}"
    return names.get(kind, "text")


def _limits(asked: str) -> tuple[int, int]:
    """The least and the largest number that a dtype of whole ones has room for."""
    kind = np.iinfo(asked.lower())
    return int(kind.min), int(kind.max)


def _dtype(asked: str) -> Any:
    """A dtype as pandas has it; pandera forgets the unit of moments."""
    if asked[0] == "d":
        return "datetime64[us, UTC]" if "UTC" in asked else "datetime64[us]"
    return "str" if asked.startswith("str") else asked


def _typed(values: pd.Series, asked: str) -> tuple[pd.Series, pd.Series]:
    """A column as the dtype asked for, missing where it cannot be, and where that is so."""
    match asked[0].lower():
        case "i" | "u":
            found = _wholes(values, asked)
        case "f":
            found = _numbers(values).astype("float64")
        case "d":
            found = _moments(values, utc="UTC" in asked)
        case "b":
            found = values.map(lambda value: TRUTHS.get(str(value).lower())).astype("boolean")
        case "n":  # of any type
            found = values
        case _:
            found = values.where(values.map(lambda value: isinstance(value, str))).astype("str")
    return found, found.isna() & values.notna()


def _numbers(values: pd.Series) -> pd.Series:
    """Values as numbers, missing where one is none, as a moment is."""
    if values.dtype.kind in "mM":
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values, errors="coerce")


def _wholes(values: pd.Series, asked: str) -> pd.Series:
    """Whole numbers to the last digit, missing where one is none or has no room in the dtype.

    A single bad or missing value makes floats of all that pandas reads beside it, and a float is
    exact to 2**53 only. Then they are read one by one, but those that have no room in any dtype:
    1e999999999 has that many digits.
    """
    low, high = _limits(asked)
    masked: Any = "UInt64" if asked[0].lower() == "u" else "Int64"
    numbers = _numbers(values)
    if numbers.dtype.kind in "iu" and numbers.between(low, high).all():
        found: pd.Series = numbers.astype(masked)
        return found
    pairs = zip(values, (numbers.abs() < 1e20).fillna(False), strict=True)
    exact = [_whole(value) if has_room else None for value, has_room in pairs]
    inside = [each if each is not None and low <= each <= high else None for each in exact]
    return pd.Series(pd.array(inside, dtype=masked), index=values.index)


def _whole(value: Any) -> int | None:
    """A number, or a text that is one, as a whole number; None if it is not whole."""
    try:
        exact = Decimal(value) if isinstance(value, str) else value
        return int(exact) if int(exact) == exact else None
    except InvalidOperation:  # what only pandas reads
        return None


def _moments(values: pd.Series, *, utc: bool) -> pd.Series:
    """Moments, in UTC or local ones; missing where a value is none, or of the other kind."""

    def fits(value: Any) -> bool:
        return isinstance(value, str | date) and (utc or not re.search(ZONE, str(value)))

    # Of Parquet they are moments already, and all of one kind.
    is_moment = values.dtype.kind == "M" and (utc or values.dt.tz is None)
    texts = values if is_moment else values.astype("object").where(values.map(fits))
    found = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=utc)
    moments: pd.Series = found.astype(_dtype("datetime64[us, UTC]" if utc else "datetime64[us]"))
    return moments
