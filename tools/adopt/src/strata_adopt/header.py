"""Which rows of a text file or a sheet have the names of its columns: the first, or others."""

import re
from typing import Any

from strata_adopt.readings import MISSING

ROWS = 50  # that are looked at
MOST = 10  # among which the names are
VALUE = re.compile(r"[-+€$£¥(]?\s*[.,]?\d")  # how a number, a date, a measure begins


def find_header(rows: list[list[Any]]) -> list[int]:
    """The numbers of the rows with the names, from the first cells of a table.

    Titles above them do not count. Two rows are named where both are needed to tell the columns
    apart. [0] unless the values below show that it is otherwise.
    """
    width = max(map(len, rows), default=0)
    cells = [[kind(cell) for cell in row] + [""] * (width - len(row)) for row in rows[:ROWS]]
    late = list(zip(*cells[len(cells) // 2 :], strict=True))
    typed = [at for at, kinds in enumerate(late) if _is_typed(kinds)]
    if not typed or width < 2:
        return [0]

    def names(row: list[str]) -> bool:
        return "value" not in row and "text" in [row[at] for at in typed]

    first = next((at for at, row in enumerate(cells[:MOST]) if any(row[1:])), 0)
    if not names(cells[first]):
        return [0]
    full = "" not in cells[first]  # then the next row must be plainly no data to be a header's too
    last = first
    for row in cells[first + 1 : min(MOST, len(cells) // 2)]:
        kinds = [row[at] for at in typed]
        if not names(row) or (full and (len(typed) < 2 or "" in kinds)):
            break
        last += 1
    lowest = [str(cell) for cell in rows[last]]
    if first == last or not (full or "" in cells[last] or len(set(lowest)) < width):
        return [last]
    return list(range(first, last + 1))


def kind(cell: Any) -> str:
    """What a cell is: text, value, or nothing."""
    text = "" if cell is None else str(cell).strip()
    if text in MISSING:
        return ""
    return "text" if isinstance(cell, str) and not VALUE.match(text) else "value"


def _is_typed(kinds: tuple[str, ...]) -> bool:
    """Whether almost all cells of a column are values."""
    there = [each for each in kinds if each]
    return bool(there) and there.count("value") >= 0.9 * len(there)
