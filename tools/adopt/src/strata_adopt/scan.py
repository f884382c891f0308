"""One look at all rows of a table: what its columns are, how many rows, a sample of them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from strata.core.errors import Fault
from strata_adopt import order
from strata_adopt.facts import Column, Facts
from strata_adopt.sources import Source
from strata_adopt.tables import sample

CELLS = 3_000_000  # that a sample has at most


@dataclass(frozen=True)
class Table:
    """A table: its columns and what was counted of each, by name; and a sample of its rows.

    ``sample`` is a frame of every ``step``-th row; ``counts`` the rows of each file; ``absent`` the
    files without a column, by the names of those columns that not all files have.
    """

    source: Source
    counts: dict[str, int]
    columns: dict[str, Column]
    facts: dict[str, Facts]
    sample: Any
    step: int
    absent: dict[str, list[str]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())


def scan(source: Source, dates: str = "", *, strict: bool = True) -> Table:
    """Read all rows of a source. Raises Fault if they are not one table.

    ``dates`` is the order of day and month in those that fit more than one. What is nested, or of
    no type that features have, is text unless ``strict``; else a Fault too.
    """
    first = source.batches(next(iter(source.files)))
    width = next((batch.num_columns for batch in first), 0)
    most = max(2_000, min(100_000, CELLS // max(width, 1)))
    columns: dict[str, Column] = {}
    while True:
        rows = _Pass(source, columns, strict)
        frame, step, _ = sample(rows.frames(), most)
        if frame is None:
            raise Fault("there is a header, and no row below it")
        if not rows.changed:  # else what was counted before is of another reading
            rows.check_one_table()
            typed = {name: _typed(frame[name], column.kind) for name, column in columns.items()}
            frame = frame.assign(**typed)
            if not order.settle(columns, frame, dates):
                return Table(source, rows.counts, columns, rows.facts, frame, step, rows.absent)


class _Pass:
    """One pass over all rows."""

    def __init__(self, source: Source, columns: dict[str, Column], strict: bool) -> None:
        self.source, self.columns, self.strict = source, columns, strict
        self.facts: dict[str, Facts] = {}
        self.counts: dict[str, int] = {}
        self.absent: dict[str, list[str]] = defaultdict(list)
        self.changed = False  # a column is new, or is read in another way than the rows before

    def frames(self) -> Iterator[pd.DataFrame]:
        """The rows of all files, typed and counted."""
        for file in self.source.files:
            self.counts[file] = 0
            for batch in self.source.batches(file):
                names = batch.schema.names
                self._add_columns(file, names)
                nothing = pa.nulls(batch.num_rows)
                arrays = [
                    self._typed(file, name, batch.column(name) if name in names else nothing)
                    for name in self.columns
                ]
                self.counts[file] += batch.num_rows
                yield pa.RecordBatch.from_arrays(arrays, list(self.columns)).to_pandas()

    def _add_columns(self, file: str, names: list[str]) -> None:
        if again := {name for name in names if names.count(name) > 1}:
            raise Fault(f"{file} has more than one column {min(again)!r}")
        new = [name for name in names if name not in self.columns]
        self.changed |= bool(new and self.columns)
        self.columns.update((name, Column(name)) for name in new)
        for name in self.columns:
            if name not in names and file not in self.absent[name]:
                self.absent[name].append(file)

    def check_one_table(self) -> None:
        """Raise Fault if the files are hardly of one table, or write a name in two ways."""
        self.absent = {name: files for name, files in self.absent.items() if files}
        names: dict[str, str] = {}
        for name in self.columns:
            other = names.setdefault(name.strip().casefold(), name)
            if other != name and {name, other} & {*self.absent}:
                file = self.absent.get(other, self.absent.get(name, [""]))[0]
                raise Fault(f"column {name!r} is {other!r} elsewhere, see {file}: give it one name")
        shared = [name for name in self.columns if name not in self.absent]
        if 2 * len(shared) < len(self.columns):
            name, (file, *_) = next(iter(self.absent.items()))
            raise Fault(
                f"the files have {len(shared)} of {len(self.columns)} columns in common, and "
                f"{file} has no {name!r}: are they one table? Adopt one of them, or join them"
            )

    def _typed(self, file: str, name: str, values: Any) -> Any:
        facts, column = self.facts.setdefault(name, Facts()), self.columns[name]
        before = (column.kind, column.reading)
        try:
            while (typed := column.typed(values)) is None:
                pass
        except TypeError as error:
            if not self.strict:
                column.native, column.mixed = "", True
                return self._typed(file, name, values)
            raise Fault(
                f"{file}: column {name!r}, from row {self.counts[file]} on, is of {error}: give it "
                "one plain type, or leave it out of the source"
            ) from None
        if facts.rows > facts.missing and before != (column.kind, column.reading):
            self.changed = True
        if not self.changed:
            facts.add(typed)
        return typed


def _typed(values: Any, kind: str) -> Any:
    if kind in ("whole number", "number"):
        return pd.to_numeric(values)
    if kind == "truth":
        return values.astype("float64" if values.isna().any() else "bool")
    return pd.to_datetime(values) if kind == "moment" else values.astype("str")
