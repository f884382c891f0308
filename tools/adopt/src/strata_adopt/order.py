"""Whether the day or the month comes first, in dates whose texts fit either order.

Another column of dates may prove it, or only one order may make sense beside another column, as of
a booking and an arrival. Else it is not guessed.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from strata_adopt.facts import Column

LEAST = 30  # rows in which two columns are compared
MIXED = 0.95  # share of rows below which no order of two columns is meant


def settle(columns: dict[str, Column], frame: pd.DataFrame, asked: str) -> bool:
    """Choose an order where one is ``asked`` for, proven or sensible.

    ``frame`` is a sample, typed as the columns are read now. Returns whether one of them is read
    otherwise from now on.
    """
    proven = {c.reading.order: name for name, c in columns.items() if len(c.either) == 1}
    proven.pop("", None)
    changed = False
    for name, column in columns.items():
        orders = {reading.order for reading in column.either}
        if len(orders) < 2:
            continue
        if asked in orders:
            changed |= column.choose(asked, "as asked")
        elif len(proven) == 1 and min(proven) in orders:
            (order,) = proven
            changed |= column.choose(order, f"as in {proven[order]}")
        elif len(sensible := dict(_sensible(name, columns, frame))) == 1:
            changed |= column.choose(*sensible.popitem())
    return changed


def _sensible(
    name: str, columns: dict[str, Column], frame: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    """Orders in which a column comes always before, or always after, another one, where it does not
    in any other order; with the reason."""
    for other, column in columns.items():
        if other == name or column.kind != "moment":
            continue
        compared = {}
        for reading in columns[name].either:
            same = [each for each in column.either if each.order == reading.order]
            form = same[0].format if same else column.reading.format
            first = _read_as(frame[name], columns[name].reading.format, reading.format)
            second = _read_as(frame[other], column.reading.format, form)
            both = first.notna() & second.notna() & (first != second)
            compared[reading.order] = (first < second)[both]
        if min(map(len, compared.values())) < LEAST:
            continue
        always = {
            order: is_before.all() or not is_before.any() for order, is_before in compared.items()
        }
        mixed = [
            order for order, is_before in compared.items() if 1 - MIXED < is_before.mean() < MIXED
        ]
        if sum(always.values()) == 1 and len(mixed) == len(always) - 1:
            order = max(always, key=lambda order: always[order])
            yield order, f"so it is always {'before' if compared[order].all() else 'after'} {other}"


def _read_as(moments: Any, read: str, form: str) -> pd.Series:
    """Moments that were read in one form, as they are in another one, without their zone."""
    if read != form:
        moments = pd.to_datetime(moments.dt.strftime(read), format=form, errors="coerce")
    bare: pd.Series = moments.dt.tz_localize(None)
    return bare
