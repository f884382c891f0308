"""What a row must be, out of schema.ROWS: as a pydantic model for requests, and as a frame.

Ranges, lengths and lists of values become part of the model, and so of the OpenAPI page. Other
checks of a column are asked as they are, of the frame.
"""

from dataclasses import dataclass
from datetime import UTC, date
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from annotated_types import Len
from pandera.errors import SchemaErrors
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    NaiveDatetime,
    TypeAdapter,
    ValidationError,
    create_model,
)

from service.settings import Refused
from session import MISSING

SHOWN = 80  # characters of a wrong value

LIMITS = {  # of a number: by the check's name, which of its figures means what to pydantic
    "greater_than": {"min_value": "gt"},
    "greater_than_or_equal_to": {"min_value": "ge"},
    "less_than": {"max_value": "lt"},
    "less_than_or_equal_to": {"max_value": "le"},
}


class Wrong(Exception):
    """Something in a request is wrong; each fault names its row, its field, and what is wrong."""

    def __init__(self, status: int, error: str, faults: list[dict[str, Any]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.faults = status, error, faults or []


def _character(text: str) -> str:
    """Refuse what stands for a missing text."""
    if text == MISSING:
        raise ValueError("Input should be a text")
    return text


@dataclass(frozen=True)
class Column:
    """A column: its type for pydantic with its limits, and its other checks."""

    name: str
    kind: str  # the first letter of its dtype: i, u, f, d, b or s
    utc: bool
    dtype: str
    annotation: Any
    missing: bool
    checks: list[pa.Check]

    def values(self, cells: list[Any]) -> Any:
        """Its values of some rows, of the type that the features are computed from."""
        if self.kind == "f":
            return np.array([np.nan if each is None else each for each in cells], self.dtype)
        if self.kind == "d":
            if not self.utc:
                return np.array(cells, self.dtype)
            moments = [each and each.astimezone(UTC).replace(tzinfo=None) for each in cells]
            return pd.DatetimeIndex(np.array(moments, "datetime64[us]")).tz_localize("UTC")
        if self.kind == "s":
            return pd.array(cells, dtype="str")
        return np.array(cells, self.dtype)


def column(name: str, rules: pa.Column) -> Column:
    """Read what pandera knows of a column. Raises Refused for a type that JSON has no form for."""
    dtype = str(rules.dtype)
    kind = dtype[0].lower()
    limits: dict[str, Any] = {}
    choice: Any = None
    rest = []
    for check in rules.checks:
        figures = check.statistics or {}
        if kind in "iuf" and check.name in LIMITS:
            limits |= {LIMITS[check.name][key]: figures[key] for key in figures}
        elif kind in "iuf" and check.name == "in_range":
            limits["ge" if figures.get("include_min", True) else "gt"] = figures["min_value"]
            limits["le" if figures.get("include_max", True) else "lt"] = figures["max_value"]
        elif kind in "so" and check.name == "str_length" and figures.get("exact_value") is None:
            limits["min_length"], limits["max_length"] = figures["min_value"], figures["max_value"]
        elif kind in "so" and check.name == "isin":
            choice = Literal[tuple(map(str, figures["allowed_values"]))]
        else:
            rest.append(check)
    limits = {key: value for key, value in limits.items() if _finite(value)}
    utc = "UTC" in dtype
    if kind in "iu":
        whole = np.iinfo(dtype.lower())
        plain: Any = Annotated[int, Field(ge=int(whole.min), le=int(whole.max))]
    elif kind == "d":
        dtype = "datetime64[us, UTC]" if utc else "datetime64[us]"  # pandera forgets the unit
        plain = AwareDatetime if utc else NaiveDatetime | date  # a day is its midnight
    elif kind in "so":
        kind, plain = "s", choice or Annotated[str, AfterValidator(_character)]
    elif kind in "fb":
        plain = float if kind == "f" else bool
    else:
        raise Refused(f"schema.ROWS: column {name} is of {dtype}, which JSON has no form for")
    if choice:
        limits = {}
    if rest:
        limits["description"] = "; ".join(str(check.error or check.name) for check in rest)
    if limits:
        plain = Annotated[plain, Field(**limits)]
    return Column(name, kind, utc, dtype, plain, bool(rules.nullable), rest)


def _finite(value: Any) -> bool:
    return value is not None and abs(value) != float("inf")


class Contract:
    """The model of a row, and what makes a frame of bytes that keep it."""

    def __init__(self, rules: pa.DataFrameSchema, most: int) -> None:
        self.rules, self.most = rules, most
        self.columns = [column(str(name), each) for name, each in rules.columns.items()]
        fields: dict[str, Any] = {}
        for at, each in enumerate(self.columns):
            # Any name of a column will do, since pydantic sees it only as an alias.
            if each.missing:
                fields[f"field_{at}"] = (each.annotation | None, Field(None, alias=each.name))
            else:
                fields[f"field_{at}"] = (each.annotation, Field(alias=each.name))
        config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, title="Row")
        self.row: type[BaseModel] = create_model("Row", __config__=config, **fields)
        self._names = list(fields)
        self._one: TypeAdapter[Any] = TypeAdapter(self.row)
        several: Any = Annotated[list[self.row], FailFast(), Len(1, most)]  # type: ignore
        self._many: TypeAdapter[Any] = TypeAdapter(several)

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """What a body may be: a row, or a list of rows."""
        row = self.row.model_json_schema()
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": self.most}
        return {"oneOf": [row, rows]}

    def frame(self, body: bytes) -> pd.DataFrame:
        """The rows of a body. Raises Wrong, which names what is wrong with it."""
        many = body.lstrip(b" \t\r\n")[:1] == b"["
        try:
            found = (self._many if many else self._one).validate_json(body)
        except ValidationError as error:
            raise _wrong(error, many=many) from None
        rows = [vars(each) for each in (found if many else [found])]
        cells = zip(self.columns, self._names, strict=True)
        made = pd.DataFrame({c.name: c.values([row[key] for row in rows]) for c, key in cells})
        self._check(made)
        return made

    def _check(self, frame: pd.DataFrame) -> None:
        for each in self.columns:
            for check in each.checks:
                if not (found := check(frame[each.name])).check_passed:
                    says = f"must be {check.error or check.name}"
                    bad = found.failure_cases
                    at = int(bad.index[0]) if hasattr(bad, "index") and len(bad) else 0
                    value = frame[each.name].iloc[at]
                    raise Wrong(422, *_fault(at, each.name, value, says))
        if self.rules.checks or self.rules.unique:
            try:
                self.rules.validate(frame, lazy=True)
            except SchemaErrors as errors:
                said = str(errors.failure_cases["check"].iloc[0])
                raise Wrong(422, f"the rows fail the check {said}") from None


def _fault(row: int, field: str, value: Any, says: str) -> tuple[str, list[dict[str, Any]]]:
    shown = repr(value.item() if hasattr(value, "item") else value)[:SHOWN]
    fault = {"row": row + 1, "field": field, "value": shown, "says": says}
    return f"row {row + 1}: {field} is {shown}: {says}", [fault]


def _wrong(error: ValidationError, *, many: bool) -> Wrong:
    faults: list[dict[str, Any]] = []
    said: list[str] = []
    for each in error.errors(include_url=False, include_context=False):
        if each["type"] == "json_invalid":
            return Wrong(400, f"the body is not JSON: {each['msg'].removeprefix('Invalid JSON: ')}")
        place = list(each["loc"])
        row = int(place.pop(0)) if many and place else 0
        if not place:
            what = f"row {row + 1}" if many and each["loc"] else "the body"
            return Wrong(422, f"{what}: {_lower(each['msg'])}")
        if (row + 1, str(place[0])) in {(known["row"], known["field"]) for known in faults}:
            continue  # of a value that may be of two types
        if each["type"] == "missing":
            faults.append({"row": row + 1, "field": str(place[0]), "says": "is missing"})
            said.append(f"row {row + 1}: {place[0]} is missing")
        else:
            line, fault = _fault(row, str(place[0]), each["input"], _lower(each["msg"]))
            said.append(line)
            faults += fault
    return Wrong(422, "; ".join(said), faults)


def _lower(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
