"""Values under dotted names: how params and metrics are compared."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from strata.core.texts import inert

LARGE = 1e100  # nothing that was measured is as large
NORMAL = 1.96  # standard errors from a figure to the end of its 95% interval
ABSENT = object()  # None is a value that params and metrics may have

Leaves = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One name whose value differs; ABSENT on the side that does not have it."""

    name: str
    before: Any
    after: Any


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text, one line a row, in columns as wide as their widest cell."""
    rows = [[inert(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def json_of(value: Any) -> str:
    """A value as JSON, with null for a number that is not finite."""

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: finite(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [finite(inner) for inner in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(finite(value), allow_nan=False)


def flatten(value: Any, prefix: str = "") -> Leaves:
    """Name each leaf by its path: ``{"test": {"auc": .7}}`` is ``{"test.auc": .7}``.

    A list is a leaf. Anything but a mapping at the top is one leaf with an empty name.
    """
    if not isinstance(value, dict) or not value:
        return {} if prefix == "" and not value else {prefix: value}
    leaves: Leaves = {}
    for key, inner in value.items():
        leaves |= flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return leaves


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number; NaN is one, a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def error_of(metric: str) -> str:
    """What the standard error of a metric is called, which stands beside it."""
    return f"{metric}_se"


def is_error(name: str, metrics: Collection[str]) -> bool:
    """Whether a name is that of the standard error of one of these metrics."""
    return name.endswith("_se") and name.removesuffix("_se") in metrics


def real(value: Any) -> float | None:
    """A number to compute with, else None: as for text, null, NaN, and what is so large or small
    that its square is not a number."""
    return value if is_number(value) and (not value or 1 / LARGE < abs(value) < LARGE) else None


def changes(before: Leaves, after: Leaves) -> list[Change]:
    """The names whose values differ, in the order of ``after``; those that are gone come last.

    NaN equals NaN; 1, 1.0 and True differ, as they do to a stage that reads them.
    """
    return [
        Change(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in [*after, *(name for name in before if name not in after)]
        if repr(before.get(name, ABSENT)) != repr(after.get(name, ABSENT))
    ]
