"""The proof that what is on disk is what a revision names: a table for people."""

import json
import math
from typing import Any

from strata.diff import flatten

TOLERANCE = 1e-3  # of a metric, between platforms; a day-blocked standard error is ten times that


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """Render rows of output, source, hash and verdict in columns, under a header."""
    header = ("output", "from", "hash", "proof")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )


def numbers(metrics: Any) -> dict[str, float]:
    """The numbers of a nested mapping, each under its dotted key."""
    return {
        key: float(value)
        for key, value in flatten(metrics).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def largest_difference(before: str, after: str) -> tuple[str, float]:
    """The metric that differs most between two metrics files in JSON, and by how much.

    A metric that only one of them has differs infinitely.
    """
    old, new = numbers(json.loads(before)), numbers(json.loads(after))
    worst = ("none", 0.0)
    for key in sorted(old.keys() | new.keys()):
        apart = abs(old.get(key, math.inf) - new.get(key, math.inf))
        if not apart <= worst[1]:
            worst = (key, apart if not math.isnan(apart) else math.inf)
    return worst
