"""One look at all rows of a table: what its columns are, how many rows, a sample of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strata.core.errors import Fault
from strata_adopt.facts import Column, Facts
from strata_adopt.sources import Source
from strata_adopt.tables import sampled

CELLS = 3_000_000  # that a sample has at most


@dataclass(frozen=True)
class Table:
    """A table: its columns and what was counted of each, by name; and a sample of its rows.

    ``sample`` is a frame of every ``step``-th row; ``counts`` the rows of each file.
    """

    source: Source
    counts: dict[str, int]
    columns: dict[str, Column]
    facts: dict[str, Facts]
    sample: Any
    step: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())


def scanned(source: Source) -> Table:
    """Read all rows of a source. Raises Fault if they are not one table."""
    columns: dict[str, Column] = {}
    while True:
        scan = _Scan(source, columns)
        parts = scan.frames()
        most = max(2_000, min(100_000, CELLS // max(scan.width(), 1)))
        frame, step, count = sampled(parts, most)
        if not count or frame is None:
            raise Fault("there is a header, and no row below it")
        if not scan.changed:  # else what was counted before is of another reading
            sample = frame.assign(
                **{name: _as_kind(frame[name], column.kind) for name, column in columns.items()}
            )
            return Table(source, scan.counts, columns, scan.facts, sample, step)


class _Scan:
    """One pass over all rows."""

    def __init__(self, source: Source, columns: dict[str, Column]) -> None:
        self.source, self.columns = source, columns
        self.facts: dict[str, Facts] = {}
        self.counts: dict[str, int] = {}
        self.changed = False  # a column that was read in one way is now read in another

    def width(self) -> int:
        """How many columns the first file has."""
        for batch in self.source.batches(next(iter(self.source.files))):
            return int(batch.num_columns)
        return 0

    def frames(self) -> Iterator[Any]:
        """The rows of all files, typed and counted, as frames."""
        import pyarrow as pa

        for name in self.source.files:
            self.counts[name] = 0
            for batch in self.source.batches(name):
                self._same_columns(name, list(batch.schema.names))
                typed = [self._typed(name, one, batch.column(one)) for one in self.columns]
                self.counts[name] += batch.num_rows
                frame = pa.RecordBatch.from_arrays(typed, list(self.columns)).to_pandas()
                yield frame

    def _same_columns(self, name: str, names: list[str]) -> None:
        if again := {one for one in names if names.count(one) > 1}:
            raise Fault(f"{name} has more than one column {min(again)!r}")
        for one in names if not self.columns else []:
            self.columns[one] = Column(one)
        if strange := [one for one in names if one not in self.columns]:
            raise Fault(f"{name} has a column {strange[0]!r}, which the first file has not")
        if absent := [one for one in self.columns if one not in names]:
            raise Fault(f"{name} has no column {absent[0]!r}, which the first file has")

    def _typed(self, name: str, one: str, values: Any) -> Any:
        facts, column = self.facts.setdefault(one, Facts()), self.columns[one]
        known = (column.kind, column.reading)
        try:
            typed = None
            while typed is None:
                typed = column.typed(values)
        except TypeError as error:
            raise Fault(
                f"{name}: column {one!r}, from row {self.counts[name]} on, is of {error}: give it "
                "one plain type, or leave it out of the source"
            ) from None
        if facts.rows > facts.missing and known != (column.kind, column.reading):
            self.changed = True
        if not self.changed:
            facts.add(typed)
        return typed


def _as_kind(values: Any, kind: str) -> Any:
    import pandas as pd

    if kind in ("whole number", "number"):
        return pd.to_numeric(values)
    if kind == "truth":
        return values.astype("float64" if values.isna().any() else "bool")
    if kind == "moment":
        return pd.to_datetime(values)
    return values.astype("str")
