"""What a row must be, out of schema.ROWS: as JSON Schema for the page, and as columns of a body.

Ranges, lengths and lists of values are part of the JSON Schema, and hold for a column as a whole;
only if that fails are values read one by one. Other checks of a column are asked as they are. What
is wrong is worded as rows.py does it.
"""

import operator
import sys
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic_core import from_json

from kit.base.checks import GAP, Failure, hold
from kit.serve.columns import Column, columns_of, moment
from kit.serve.session import MISSING
from service.settings import Refused

Words = dict[str | None, dict[str, str]]
NUMBERS: Words = {  # by the check's name, what JSON Schema calls its figures
    "greater_than": {"exclusiveMinimum": "min_value"},
    "greater_than_or_equal_to": {"minimum": "min_value"},
    "less_than": {"exclusiveMaximum": "max_value"},
    "less_than_or_equal_to": {"maximum": "max_value"},
    "in_range": {"minimum": "min_value", "maximum": "max_value"},
}
TEXTS: Words = {
    "str_length": {"minLength": "min_value", "maxLength": "max_value"},
    "isin": {"enum": "allowed_values"},
}
KEEPS: dict[str, Callable[[Any, Any], Any]] = {  # of numbers, an array may be asked at once
    **{"minimum": operator.ge, "exclusiveMinimum": operator.gt},
    **{"maximum": operator.le, "exclusiveMaximum": operator.lt},
    "minLength": lambda text, least: len(text) >= least,
    "maxLength": lambda text, most: len(text) <= most,
    "enum": lambda text, texts: text in texts,
}
KINDS: dict[str, tuple[dict[str, str], tuple[type, ...], Words]] = {
    "whole number": ({"type": "integer"}, (int,), NUMBERS),
    "number": ({"type": "number"}, (int, float), NUMBERS),
    "truth": ({"type": "boolean"}, (bool,), {}),
    "text": ({"type": "string"}, (str,), TEXTS),
    "moment": ({"type": "string", "format": "date-time"}, (str,), {}),
}
KNOWN = 10_000  # values that a check is known to pass, and is not asked again
LARGEST = sys.float_info.max  # JSON may have larger ones


Columns = dict[
    str, Any
]  # by name, arrays of one length: NumPy's, or pandas' where a gap needs them


class Wrong(Exception):
    """Something in a request is wrong; each fault names its row, its field, and what is wrong."""

    def __init__(self, status: int, error: str, faults: list[dict[str, Any]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.faults = status, error, faults or []


class Field:
    """A column in JSON. Raises Refused for a type that JSON has no form for."""

    def __init__(self, column: Column) -> None:
        if column.kind not in KINDS:
            what = f"column {column.name} is of {column.dtype}"
            raise Refused(f"schema.ROWS: {what}, which JSON has no form for")
        self.column, (form, self._types, known) = column, KINDS[column.kind]
        low, high = column.limits or (-LARGEST, LARGEST)
        limits = {"minimum": low, "maximum": high} if known is NUMBERS else {}
        self._limits = [(KEEPS[word], limit, column.rule) for word, limit in limits.items()]
        shown: dict[str, Any] = form | (limits if column.limits else {})
        self.rest: list[pa.Check] = []  # the checks that are asked of the frame
        for check in column.checks:
            figures, rule = check.statistics or {}, str(check.error or check.name)
            given = {word: figures.get(name) for word, name in known.get(check.name, {}).items()}
            found = {word: limit for word, limit in given.items() if limit not in (None, inf, -inf)}
            is_open = not all(figures.get(name, True) for name in ("include_min", "include_max"))
            if not found or is_open or check.raise_warning:
                self.rest.append(check)
            else:
                shown |= found
                self._limits += [(KEEPS[word], limit, rule) for word, limit in found.items()]
        if self.rest:
            shown["description"] = "; ".join(str(each.error or each.name) for each in self.rest)
        self.json_schema = {"anyOf": [shown, {"type": "null"}]} if column.optional else shown
        self._dtype = pd.api.types.pandas_dtype(column.dtype)
        is_plain = isinstance(self._dtype, np.dtype) or column.kind == "text"
        self._make: Any = np.array if is_plain else pd.array
        self._made = object if column.kind == "text" else self._dtype

    def array(self, values: list[Any]) -> Any | None:
        """Values as an array, a gap as None in it or as its dtype has it.

        None if one of them breaks a rule: ``read`` says which.
        """
        types = set(map(type, values))
        if not types <= {*self._types, *([type(None)] if self.column.optional else [])}:
            return None
        given = [value for value in values if value is not None]
        try:
            if self.column.kind in ("number", "whole number"):
                numbers: Any = np.array(given)
                if not all(keeps(numbers, limit).all() for keeps, limit, _ in self._limits):
                    return None
            elif self.column.kind != "truth":
                some = dict.fromkeys(given)
                if MISSING in some or not all(
                    keeps(value, limit) for value in some for keeps, limit, _ in self._limits
                ):
                    return None
                if self.column.kind == "moment":
                    some = {text: moment(text, zoned=self.column.zoned) for text in some}
                    values = [None if text is None else some[text] for text in values]
            return self._make(values, dtype=self._made)
        except (ValueError, OverflowError):
            return None

    def series(self, values: Any) -> pd.Series:
        """Such an array as its column has it."""
        return pd.Series(values, dtype=self._dtype)

    def read(self, value: Any) -> tuple[Any, str]:
        """A value as its column has it, and the rule that it breaks, or ''."""
        if value is None:
            return None, "" if self.column.optional else GAP
        if type(value) not in self._types or value == MISSING:
            return value, self.column.rule
        for keeps, limit, rule in self._limits:
            if not keeps(value, limit):
                return value, rule
        if self.column.kind == "moment":
            try:
                return moment(value, zoned=self.column.zoned), ""
            except ValueError:
                return value, self.column.rule
        return value, ""


class Contract:
    """The JSON Schema of a body, and what makes columns of one that keeps it.

    The checks of a column that JSON Schema has no words for, which cost more than all else, are
    asked once of a value, so each must judge a value by itself. Checks of rows see those of one
    request.
    """

    def __init__(self, rules: pa.DataFrameSchema, most: int) -> None:
        self.rules, self.most = rules, most
        self.columns = columns_of(rules)
        self._fields = {each.name: Field(each) for each in self.columns}
        self._rest = [
            (name, check, set[Any]()) for name, each in self._fields.items() for check in each.rest
        ]

    @property
    def json_schema(self) -> dict[str, Any]:
        """What a body may be: a row, or a list of rows."""
        fields = {name: each.json_schema for name, each in self._fields.items()}
        needed = [each.name for each in self.columns if not each.optional]
        row = {"title": "Row", "type": "object", "properties": fields, "required": needed}
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": self.most}
        return {"oneOf": [row, rows]}

    def read(self, body: bytes) -> Columns:
        """The columns of a body's rows, but for ``check``. Raises Wrong with all of one row."""
        try:
            found = from_json(body)
        except ValueError as error:
            raise Wrong(400, f"the body is not JSON: {error}") from None
        rows = found if isinstance(found, list) else [found]
        if not 1 <= len(rows) <= self.most:
            said = f"at most {self.most} items" if rows else "at least 1 item"
            raise Wrong(422, f"the body: list should have {said}")
        for at, row in enumerate(rows):
            if not isinstance(row, dict):
                self._read_each(rows[:at])
                what = f"row {at + 1}" if rows is found else "the body"
                raise Wrong(422, f"{what}: must be an object, with a field for each column")
        cells = {name: [row.get(name) for row in rows] for name in self._fields}
        columns = {name: self._fields[name].array(values) for name, values in cells.items()}
        if any(values is None for values in columns.values()):
            self._read_each(rows)
        return columns

    def _read_each(self, rows: list[dict[str, Any]]) -> None:
        """Raise Wrong for the first row that breaks a rule."""
        for at, row in enumerate(rows):
            wrong = []
            for name, field in self._fields.items():
                value, rule = field.read(row.get(name))
                if rule:
                    wrong.append(Failure(at, name, value, rule))
            if wrong:
                raise _refused(wrong)

    def frame(self, columns: Columns) -> pd.DataFrame:
        """Columns as a frame of the types that the schema has."""
        return pd.DataFrame({name: self._fields[name].series(columns[name]) for name in columns})

    def check(self, parts: Sequence[Columns], whole: Columns) -> None:
        """Raise Wrong for requests, one by one and joined, if one breaks a check."""
        passed = all(
            self._passes(name, whole[name], check, known) for name, check, known in self._rest
        )
        if passed and not self.rules.checks and not self.rules.unique:
            return
        for part in parts:
            _, wrong = hold(self.frame(part), self.rules)
            if wrong:
                raise _refused(wrong)

    def _passes(self, name: str, values: Any, check: pa.Check, known: set[Any]) -> bool:
        """Whether values pass a check, which is asked of those that are not ``known`` to."""
        gaps = not check.ignore_na  # which it judges as well
        some = {value for value in values.tolist() if gaps or not pd.isna(value)}
        if not (new := some - known):
            return True
        if not check(self._fields[name].series(list(new))).check_passed:
            return False
        if len(known) + len(new) > KNOWN:
            known.clear()
        known |= new
        return True


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several requests one below the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: _concatenated([part[name] for part in parts]) for name in parts[0]}


def _concatenated(arrays: list[Any]) -> Any:
    if isinstance(arrays[0], np.ndarray):
        return np.concatenate(arrays)
    return pd.concat(map(pd.Series, arrays), ignore_index=True).array


def _refused(found: list[Failure]) -> Wrong:
    """All that is wrong with one row, or the check that all rows together fail."""
    if (row := found[0].row) is None:
        return Wrong(422, f"the rows fail the check {found[0].rule}")
    found = [each for each in found if each.row == row]
    faults = [
        {"row": row + 1, "field": each.column, "says": f"must be {each.rule}", "value": each.shown}
        for each in found
    ]
    return Wrong(422, "; ".join(f"row {row + 1}: {each}" for each in found), faults)
