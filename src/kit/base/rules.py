"""Rules for the columns of a table, for a schema of pandera's."""

import pandera.pandas as pa

KNOWN = "known"  # in a column's metadata: the texts of one that may grow


def number(low: float, high: float, *, missing: bool = False) -> pa.Column:
    """A number from low to high, float64."""
    return pa.Column("float64", pa.Check.in_range(low, high), nullable=missing)


def whole(low: int, high: int) -> pa.Column:
    """A whole number from low to high, int64, which cannot be missing."""
    return pa.Column("int64", pa.Check.in_range(low, high))


def text(longest: int, *, shortest: int = 1, missing: bool = False) -> pa.Column:
    """A text of at most so many characters."""
    return pa.Column("str", pa.Check.str_length(shortest, longest), nullable=missing)


def one_of(*names: str, missing: bool = False, grows: bool = False) -> pa.Column:
    """One of these texts; where the column ``grows``, another of at most 200 characters too.

    An encoder has a place for such a one. ``validate`` tells of it.
    """
    if grows:
        rule = pa.Check.str_length(1, 200)
        return pa.Column("str", rule, nullable=missing, metadata={KNOWN: names})
    return pa.Column("str", pa.Check.isin(names), nullable=missing)


def truth(*, missing: bool = False) -> pa.Column:
    """True or false; as 1 or 0 where some are missing, float64."""
    return pa.Column("float64" if missing else "bool", nullable=missing)


def moment(*, utc: bool = False, missing: bool = False) -> pa.Column:
    """A moment in time, in microseconds; without a zone, a local one."""
    return pa.Column("datetime64[us, UTC]" if utc else "datetime64[us]", nullable=missing)
