"""What the values of a column are, over all of its rows, in memory that does not grow."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from strata_adopt.readings import MISSING, TEXT, Reading, readings

MANY = 1000  # distinct values that are counted; of more it is only known that they are many
HEAD = 200  # values by which the possible readings are told


@dataclass
class Column:
    """A column as the source has it: its name, and how it is read.

    ``native`` is the kind of one that has a type already; else ``possible`` are the readings that
    fit all that was seen, the strictest first. ``mixed`` says that some of its values have a type,
    and others are texts; ``chosen`` why of two orders of day and month that fit it is read in this.
    """

    name: str
    native: str = ""
    possible: list[Reading] = field(default_factory=list)
    chosen: str = ""
    mixed: bool = False

    @property
    def reading(self) -> Reading:
        """How it is read."""
        return self.possible[0] if self.possible else TEXT

    @property
    def kind(self) -> str:
        """whole number, number, truth, moment or text."""
        return self.native or self.reading.kind

    @property
    def either(self) -> list[Reading]:
        """Of dates, the readings in each order of day and month that fits all of them."""
        shape = self.reading.shape
        return [reading for reading in self.possible if shape and reading.shape == shape]

    def choose(self, order: str, why: str) -> bool:
        """Read dates in this order; returns whether that is another one than before."""
        before, (now,) = self.reading, [each for each in self.either if each.order == order]
        self.possible = [now, *(each for each in self.possible if each not in self.either)]
        self.chosen = f"either order fits, read {order}{':' if why.startswith('so') else ','} {why}"
        return now != before

    def typed(self, values: Any) -> Any:
        """Values with their type, None if they do not fit: the reading is another from now on.

        Raises TypeError if they are nested, or of no type that a table has.
        """
        if pa.types.is_null(values.type):
            return values
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            if not (self.mixed or self.possible):
                return self._native(values)
            self.mixed = True
            texts = [None if value is None else str(value) for value in values.to_pylist()]
            values = pa.array(texts, pa.string())
        if self.native:  # of numbers or moments so far: what is mixed is read as a text
            self.native, self.mixed = "", True
            return None
        trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
        marks = pa.array([*MISSING, *self.reading.marks, None], pa.string())
        present = pc.invert(pc.is_in(trimmed, marks))
        texts = trimmed.filter(present)
        if len(texts) == 0:
            return pa.nulls(len(values))
        if not self.possible:
            self.possible = readings(texts.slice(0, HEAD).to_pylist())
        typed = self.reading.typed(texts)
        if typed is None:
            self.possible.pop(0)
        elif isinstance(typed, Reading):
            self.possible[0] = typed
        else:
            for other in self.either[1:]:
                if other.typed(texts) is None:
                    self.possible.remove(other)
            return pc.replace_with_mask(pa.nulls(len(values), typed.type), present, typed)
        return None

    def _native(self, values: Any) -> Any:
        kind = native_kind(values.type)
        if kind is None:
            raise TypeError(str(values.type))
        if {kind, self.native} == {"whole number", "number"}:
            kind = "number"
        if self.native and kind != self.native:
            raise TypeError(f"{self.native} first, then {kind}")
        self.native = kind
        if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
            return pc.if_else(pc.is_nan(values), None, values)
        return values


def native_kind(kind: Any) -> str | None:
    """What a type of pyarrow's is; None where it is nothing that a table of features has."""
    if pa.types.is_integer(kind):
        return "whole number"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "moment"
    return None


@dataclass
class Facts:
    """What was counted of a column.

    ``low`` and ``high`` are of numbers and moments; ``counts`` of distinct values, None where they
    are more than MANY; ``longest`` in characters.
    """

    rows: int = 0
    missing: int = 0
    low: Any = None
    high: Any = None
    counts: Counter[Any] | None = field(default_factory=Counter)
    longest: int = 0

    def add(self, values: Any) -> None:
        """Take in a batch of typed values."""
        self.rows += len(values)
        self.missing += values.null_count
        values = values.drop_null()
        if len(values) == 0:
            return
        if pa.types.is_string(values.type):
            self.longest = max(self.longest, pc.max(pc.utf8_length(values)).as_py())
        elif not pa.types.is_boolean(values.type):
            low, high = pc.min_max(values).as_py().values()
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if self.counts is None:
            return
        if len(distinct := pc.value_counts(values)) <= MANY:
            for pair in distinct.to_pylist():
                self.counts[pair["values"]] += pair["counts"]
        if len(distinct) > MANY or len(self.counts) > MANY:
            self.counts = None
