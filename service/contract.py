"""What a row must be, out of schema.ROWS: as JSON Schema for the page, and as a frame of a body.

Ranges, lengths and lists of values are part of the JSON Schema, and each value is held against
them as it comes, which costs microseconds. Other checks of a column are asked as they are, of the
frame. What is wrong is said as rows.py says it.
"""

import operator
import sys
from collections.abc import Callable
from functools import partial
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
KEEPS: dict[str, Callable[[Any, Any], bool]] = {
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
LARGEST = sys.float_info.max  # JSON may have larger ones


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
        dtype = pd.api.types.pandas_dtype(column.dtype)
        make: Any = np.array if isinstance(dtype, np.dtype) else pd.array
        self.made = partial(pd.Series if dtype == "object" else make, dtype=dtype)

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
    """The JSON Schema of a body, and what makes a frame of one that keeps it."""

    def __init__(self, rules: pa.DataFrameSchema, most: int) -> None:
        self.rules, self.most = rules, most
        self.columns = columns_of(rules)
        self._fields = {each.name: Field(each) for each in self.columns}

    @property
    def json_schema(self) -> dict[str, Any]:
        """What a body may be: a row, or a list of rows."""
        fields = {name: each.json_schema for name, each in self._fields.items()}
        needed = [each.name for each in self.columns if not each.optional]
        row = {"title": "Row", "type": "object", "properties": fields, "required": needed}
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": self.most}
        return {"oneOf": [row, rows]}

    def frame(self, body: bytes) -> pd.DataFrame:
        """The rows of a body. Raises Wrong, which names what is wrong with it."""
        try:
            found = from_json(body)
        except ValueError as error:
            raise Wrong(400, f"the body is not JSON: {error}") from None
        rows = found if isinstance(found, list) else [found]
        if not 1 <= len(rows) <= self.most:
            said = f"at most {self.most} items" if rows else "at least 1 item"
            raise Wrong(422, f"the body: list should have {said}")
        cells: dict[str, list[Any]] = {name: [] for name in self._fields}
        for at, row in enumerate(rows):
            if not isinstance(row, dict):
                what = f"row {at + 1}" if rows is found else "the body"
                raise Wrong(422, f"{what}: must be an object, with a field for each column")
            wrong = []
            for name, field in self._fields.items():
                value, rule = field.read(row.get(name))
                cells[name].append(value)
                if rule:
                    wrong.append(Failure(at, name, value, rule))
            if wrong:
                raise _refused(wrong)
        frame = pd.DataFrame({name: self._fields[name].made(cells[name]) for name in cells})
        rest = ((name, check) for name, each in self._fields.items() for check in each.rest)
        passed = all(check(frame[name]).check_passed for name, check in rest)
        if not passed or self.rules.checks or self.rules.unique:
            frame, wrong = hold(frame, self.rules)
            if wrong:
                raise _refused(wrong)
        return frame


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
