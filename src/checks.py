"""Holds a frame against a schema, and says in the words of params.yaml's contract what is wrong."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from stage import Fault

EXAMPLES = 3  # bad values shown for each failed check


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    """Return the frame as it is, or raise Fault: a line for each check that failed.

    A line names the file, the column, the check, how many rows failed it, and examples.
    """
    if frame.empty:
        raise Fault(f"{path}: no rows: leave it out until it has some")
    try:
        return schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        lines = [f"{path}: {line}" for line in _describe(errors.failure_cases, frame, schema)]
        raise Fault("\n".join(lines)) from None


def _describe(cases: pd.DataFrame, frame: pd.DataFrame, schema: pa.DataFrameSchema) -> list[str]:
    lines: list[str] = []
    for (column, check), failed in cases.groupby(["column", "check"], sort=False, dropna=False):
        if check == "column_in_dataframe":
            lines.extend(f"column {name}: missing" for name in failed["failure_case"])
        elif check == "column_in_schema":
            lines.extend(f"column {name}: not allowed here" for name in failed["failure_case"])
        elif check == "column_ordered":
            lines.append(f"columns: order: must be {', '.join(map(str, schema.columns))}")
        elif check == "multiple_fields_uniqueness":
            if not set(schema.unique or []) <= set(frame):
                continue  # said already: a column is missing
            again = frame[frame.duplicated(schema.unique)]
            examples = "; ".join(map(str, again[schema.unique].head(EXAMPLES).to_numpy().tolist()))
            what = ", ".join(map(str, schema.unique or []))
            lines.append(f"columns {what}: unique: {len(again):,} rows repeat one: {examples}")
        elif str(check).startswith("dtype("):
            expected = schema.columns[column].dtype
            lines.append(f"column {column}: type: must be {expected}, is {frame[column].dtype}")
        elif failed["index"].isna().all():
            continue  # the check itself failed, on values of that wrong type
        else:
            some = failed.head(EXAMPLES)
            examples = ", ".join(
                f"{value!r} in row {row}"
                for value, row in zip(some["failure_case"], some["index"], strict=True)
            )
            lines.append(f"column {column}: {check}: {len(failed):,} rows fail it: {examples}")
    return list(dict.fromkeys(lines))
