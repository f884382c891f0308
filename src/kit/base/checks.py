"""Holds a frame against a schema, and says in the words of params.yaml's contract what is wrong."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from kit.base.rules import KNOWN
from kit.base.stage import Fault
from kit.base.tables import read

EXAMPLES = 3  # bad values shown for each failed check
SHOWN = 80  # characters of a bad value
GAP = "there"  # the rule that a missing value breaks


class Failure(NamedTuple):
    """A value that breaks a rule; without a row, the column as a whole does."""

    row: int | None
    column: str
    value: Any
    rule: str

    @property
    def shown(self) -> str:
        value = self.value.item() if isinstance(self.value, np.generic) else self.value
        return repr(value)[:SHOWN]

    def __str__(self) -> str:
        found = "missing" if self.rule == GAP else f"{self.shown}: must be {self.rule}"
        return f"{self.column} is {found}"


def hold(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, list[Failure]]:
    """The frame as the schema has it, and what is wrong with it, in pandera's order."""
    try:
        return schema.validate(frame, lazy=True), []
    except SchemaErrors as errors:
        cases = errors.failure_cases
    names = ("index", "column", "failure_case", "check")
    found = (Failure(*case) for case in zip(*(cases[name] for name in names), strict=True))
    return frame, [each._replace(row=None) if pd.isna(each.row) else each for each in found]


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    """Return the frame as it is, or raise Fault: a line for each check that failed.

    A line names the file, the column, the check, how many rows failed it, and examples. New texts
    of a column that may grow are told on the standard error.
    """
    if frame.empty:
        raise Fault(f"{path}: no rows: leave it out until it has some")
    frame, found = hold(frame, schema)
    if found:
        raise Fault("\n".join(f"{path}: {line}" for line in _describe(found, frame, schema)))
    for name, column in schema.columns.items():
        if known := (column.metadata or {}).get(KNOWN):
            new = sorted({*frame[name].dropna().unique()}.difference(known))
            if new:
                some = ", ".join(map(repr, new[:EXAMPLES]))
                print(f"{path}: column {name}: {len(new)} new: {some}", file=sys.stderr)
    return frame


def _describe(found: list[Failure], frame: pd.DataFrame, schema: pa.DataFrameSchema) -> list[str]:
    failed: dict[tuple[str, str], list[Failure]] = {}
    for each in found:
        failed.setdefault((each.column, each.rule), []).append(each)
    said = {"column_in_dataframe": "missing", "column_in_schema": "not allowed here"}
    mistyped = {column for column, rule in failed if rule.startswith("dtype(")}
    lines: list[str] = []
    for (column, rule), some in failed.items():
        if rule in said:
            lines.extend(f"column {each.value}: {said[rule]}" for each in some)
        elif rule == "column_ordered":
            lines.append(f"columns: order: must be {', '.join(map(str, schema.columns))}")
        elif rule == "multiple_fields_uniqueness":
            if not set(schema.unique or []) <= set(frame):
                continue  # said already: a column is missing
            again = frame[frame.duplicated(schema.unique)]
            examples = "; ".join(map(str, again[schema.unique].head(EXAMPLES).to_numpy().tolist()))
            what = ", ".join(map(str, schema.unique or []))
            lines.append(f"columns {what}: unique: {len(again):,} rows repeat one: {examples}")
        elif rule.startswith("dtype("):
            expected = schema.columns[column].dtype
            lines.append(f"column {column}: type: must be {expected}, is {frame[column].dtype}")
        elif some[0].row is not None:
            examples = ", ".join(f"{each.shown} in row {each.row}" for each in some[:EXAMPLES])
            lines.append(f"column {column}: {rule}: {len(some):,} rows fail it: {examples}")
        elif column not in mistyped:  # else the check failed on values of that wrong type
            lines.append(f"column {column}: {rule}: fails: {some[0].value}")
    return list(dict.fromkeys(lines))


def read_checked(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a file, and hold it against a schema. Raises Fault as ``read`` and ``validate`` do."""
    return validate(read(path), schema, path)


def refuse(bad: pd.DataFrame | pd.Series, what: str, path: Path | None = None) -> None:
    """Raise Fault if there is a row in ``bad``, the values that are not what they should be."""
    if not len(bad):
        return
    table = bad.to_frame() if isinstance(bad, pd.Series) else bad
    some = table.head(EXAMPLES)
    rows = zip(some.index, some.to_numpy().tolist(), strict=True)
    columns = ", ".join(map(str, table.columns))
    examples = ", ".join(
        f"{repr(values[0]) if len(values) == 1 else '-'.join(map(str, values))} in row {row}"
        for row, values in rows
    )
    plural = "s" * (table.shape[1] > 1)
    where = f"{path}: " if path else ""
    raise Fault(f"{where}column{plural} {columns}: {what}: {len(bad):,} rows fail it: {examples}")
