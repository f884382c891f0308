"""Columns of a source, read as what they are. What is no such thing is refused, never guessed at.

Each function takes a column, and returns it with the type that rules.py has of the same name. It
raises Fault, with the column, the value and its row, where a value does not fit.
"""

from collections.abc import Collection

import pandas as pd

from kit.base.checks import refuse
from kit.base.stage import Fault


def choose(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The table with just these columns. Raises Fault if it has not all of them, or others too."""
    for name in [name for name in table if name not in names]:
        raise Fault(f"column {name}: new; say in schema.py and ingest.py what it is")
    for name in [name for name in names if name not in table]:
        raise Fault(f"column {name}: missing")
    return table[names]


def names_of_rows(table: pd.DataFrame) -> pd.Series:
    """A name for each row of a table without a key: a hash of its values, and a number, by which
    rows that are alike differ.

    So it keeps its name, and with it its side of a split, whatever rows come before it.
    """
    hashed = pd.util.hash_pandas_object(table, index=False)
    return hashed.map("{:016x}-".format) + hashed.groupby(hashed).cumcount().astype("str")


def texts(table: pd.DataFrame, missing: Collection[str] = ()) -> pd.DataFrame:
    """All columns as texts, without the space around them; what is in ``missing`` is missing."""
    bare: pd.DataFrame = table.astype("str").apply(lambda column: column.str.strip())
    return bare.mask(bare.isin(list(missing)))


def numbers(
    values: pd.Series,
    *,
    missing: Collection[str] = (),
    before: str = "",
    after: str = "",
    decimal: str = ".",
) -> pd.Series:
    """Numbers, which may have the same text before or after them, such as a unit.

    With a decimal comma a point parts thousands. What is in ``missing`` is missing.
    """
    values = values.mask(values.isin(list(missing)))
    bare = values
    if before or after:
        bare = bare.str.removeprefix(before).str.removesuffix(after)
    if decimal == ",":
        bare = bare.str.replace(".", "").str.replace(",", ".")
    found = pd.to_numeric(bare, errors="coerce").astype("float64")
    refuse(values[found.isna() & values.notna()], "a number")
    return found


def wholes(values: pd.Series) -> pd.Series:
    """Whole numbers, of which none is missing."""
    found = pd.to_numeric(values, errors="coerce")
    refuse(values[found.isna() | (found % 1 != 0)], "a whole number")
    # Beside a single one with a point all are floats, which are exact up to 2**53.
    most = 2**53 if found.dtype.kind == "f" else 2**63
    refuse(values[found.abs() >= most], f"a whole number below {most}")
    return found.astype("int64")


def truths(values: pd.Series, *, missing: bool = False) -> pd.Series:
    """True and false, as truths or as texts; as 1 and 0 if some may be ``missing``."""
    found = values.astype("str").str.lower().map({"true": True, "false": False})
    refuse(values[found.isna() & (values.notna() | (not missing))], "true or false")
    return found.astype("float64" if missing else "bool")


def moments(values: pd.Series, form: str, *, utc: bool = False) -> pd.Series:
    """Moments, each written in the form that ``strptime`` knows, or as ``ISO8601``."""
    found = pd.to_datetime(values, format=form, errors="coerce", utc=utc)
    refuse(values[found.isna() & values.notna()], f"a moment written as {form}")
    return found.astype("datetime64[us, UTC]" if utc else "datetime64[us]")
