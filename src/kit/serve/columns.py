"""What a schema of pandera asks of each column of a row that comes from outside."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

WHOLE = "whole number"
# By the letter that NumPy and pandas have for the kind of a dtype.
KINDS = {"i": WHOLE, "u": WHOLE, "f": "number", "b": "truth", "M": "moment", "O": "text"}


@dataclass(frozen=True)
class Column:
    name: str
    kind: str  # one of KINDS, or "value" of another one or of any
    zoned: bool  # a moment has a time zone
    dtype: Any  # what pandas casts it to; None: as it is
    optional: bool  # a value may be missing, and the dtype holds the gap
    limits: tuple[int, int] | None  # of a whole number
    checks: list[Any]  # pandera's
    rule: str  # what a value must be, in words for people


def columns_of(rules: Any) -> list[Column]:
    """The columns of a schema, in its order."""
    return [_column(str(name), asked) for name, asked in rules.columns.items()]


def _column(name: str, asked: Any) -> Column:
    dtype: Any = getattr(asked.dtype, "type", None)
    kind = KINDS.get(getattr(dtype, "kind", ""), "value")
    zone, limits, rule = getattr(dtype, "tz", None), None, f"a {kind}"
    holds_gap = kind not in ("whole number", "truth") or not isinstance(dtype, np.dtype)
    match kind:
        case "whole number":
            room = np.iinfo(f"{dtype.kind}{dtype.itemsize}")
            limits = int(room.min), int(room.max)
            if room.dtype != np.int64:
                rule += f" from {room.min} to {room.max}"
        case "truth":
            rule = "true or false"
        case "moment":
            rule += f" with{'' if zone else 'out'} a time zone"
            dtype = f"datetime64[us, {zone}]" if zone else "datetime64[us]"  # pandera forgets it
        case "text" if str(dtype).startswith("str"):
            dtype = "str"
    optional = bool(asked.nullable) and holds_gap
    return Column(name, kind, bool(zone), dtype, optional, limits, asked.checks, rule)


def moment(value: Any, *, zoned: bool) -> datetime:
    """Read a moment, or the midnight of a day, in ISO 8601 if it is a text.

    Raises ValueError if it is none, or has a time zone and should not, or the other way round.
    """
    if isinstance(value, str) and re.match(r"[\dW-]{8,10}([Tt ]|$)", value):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime) or bool(value.tzinfo) != zoned:
        raise ValueError
    try:
        return value.astimezone(UTC) if zoned else value
    except OverflowError:  # a year that no calendar has
        raise ValueError from None
