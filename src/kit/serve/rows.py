"""Rows that come from outside to be scored: read from a file a chunk at a time, and checked.

What a value must be says schema.ROWS. Texts of a CSV file are read as the numbers, moments and
truths that are asked for: plain numbers with a point, moments in ISO 8601.
"""

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pyarrow import ArrowInvalid, parquet

from kit.base.checks import GAP, Failure, hold
from kit.base.stage import Fault
from kit.serve.columns import Column, columns_of, moment

CHUNK = 50_000  # rows
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

        def chunk() -> Chunk:
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
                yield chunk()
                at, lines, texts, broken = at + size, [], [], {}
        if texts:
            yield chunk()


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
    bad, typed, asked = dict(chunk.broken), {}, columns_of(rules)
    for column in asked:
        given = chunk.frame[column.name]
        typed[column.name] = found = _typed(given, column)
        absent = given.isna()
        wrong = found.isna() & ~(absent & column.optional)
        for at in wrong[wrong].index:
            rule = GAP if absent[at] else column.rule
            bad.setdefault(at, str(Failure(at, column.name, given[at], rule)))
    rest = [at not in bad for at in range(len(chunk.frame))]
    frame = pd.DataFrame({name: values[rest] for name, values in typed.items()})
    frame = frame.astype({column.name: column.dtype for column in asked if column.dtype})
    for each in hold(frame, rules)[1]:
        if each.row is None:
            raise Fault(f"schema.ROWS cannot be checked: {each.rule}")
        bad.setdefault(int(each.row), str(each))
    good = frame.index.difference(list(bad))
    parts: Any = (frame, chunk.number, chunk.place)
    kept, number, place = (part.loc[good].reset_index(drop=True) for part in parts)
    return Chunk(kept, number, place, {}), [f"{chunk.place[at]}: {bad[at]}" for at in sorted(bad)]


def _typed(values: pd.Series, column: Column) -> pd.Series:
    """A column as the type asked for, missing where it cannot be."""
    match column.kind:
        case "whole number":
            return _wholes(values, column)
        case "number":
            return _numbers(values).astype("float64")
        case "moment":
            return _moments(values, column)
        case "truth":
            return values.map(_truth).astype("boolean")
        case "text":
            return values.where(values.map(lambda value: isinstance(value, str))).astype("str")
    return values


def _truth(value: Any) -> bool | None:
    return TRUTHS.get(str(value).lower()) if isinstance(value, str | bool) else None


def _numbers(values: pd.Series) -> pd.Series:
    """Values as numbers, missing where one is none, as a moment or a truth is."""
    if values.dtype.kind in "bmM":
        return pd.Series(np.nan, index=values.index)
    if values.dtype == "object":
        values = values.mask(values.map(lambda value: isinstance(value, bool)))
    return pd.to_numeric(values, errors="coerce")


def _wholes(values: pd.Series, column: Column) -> pd.Series:
    """Whole numbers to the last digit, missing where one is none or has no room in the dtype.

    A single bad or missing value makes floats of all that pandas reads beside it, and a float is
    exact to 2**53 only. Then they are read one by one, but those that have no room in any dtype:
    1e999999999 has that many digits.
    """
    low, high = column.limits or (0, 0)
    masked: Any = "Int64" if low else "UInt64"
    numbers = _numbers(values)
    if numbers.dtype.kind in "iu" and numbers.between(low, high).all():
        return numbers.astype(masked)
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


def _moments(values: pd.Series, column: Column) -> pd.Series:
    """Moments, with a zone or without; missing where a value is none, or of the other kind."""

    def read(value: Any) -> datetime | None:
        with contextlib.suppress(ValueError):
            return moment(value, zoned=column.zoned)
        return None

    return pd.Series([read(value) for value in values], values.index, column.dtype)
