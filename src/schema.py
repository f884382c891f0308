"""What the data must be, checked where it enters ``prepare`` and where it leaves.

``RAW_*`` hold for each partition that arrives; they allow columns they do not name. ``PREPARED``
is strict: what it does not name, an outcome of the flight above all, cannot pass to the features.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from keys import KEY, TARGET
from stage import Fault

EXAMPLES = 3  # strange days that are shown
UTC = pd.DatetimeTZDtype("us", "UTC")


def _clock(values: pd.Series) -> pd.Series:
    return values.between(0, 2400) & (values % 100 < 60)


def _range(low: float, high: float) -> pa.Column:
    return pa.Column(float, pa.Check.in_range(low, high), nullable=True)


def _text(length: int) -> pa.Column:
    return pa.Column("str", pa.Check.str_length(1, length))


CLOCK = pa.Check(_clock, error="a time of day as HHMM, 0000 to 2400")

RAW_FLIGHTS = pa.DataFrameSchema(
    {
        "year": pa.Column(int),
        "month": pa.Column(int),
        "day": pa.Column(int),
        "sched_dep_time": pa.Column(int, CLOCK),
        "sched_arr_time": pa.Column(int, CLOCK),
        "dep_time": pa.Column(float, CLOCK, nullable=True),  # missing: cancelled
        "arr_delay": _range(-240, 4320),  # missing: cancelled or diverted
        "carrier": _text(2),
        "flight": pa.Column(int, pa.Check.in_range(1, 9999)),
        "origin": _text(3),
        "dest": _text(3),
        "distance": pa.Column(int, pa.Check.in_range(1, 12000)),
        "time_hour": pa.Column(UTC),
    },
    unique=["year", "month", "day", "carrier", "flight", "origin"],
)

WEATHER = {
    "temp": _range(-60, 130),
    "dewp": _range(-80, 100),
    "humid": _range(0, 100),
    "wind_dir": _range(0, 360),
    "wind_speed": _range(0, 250),
    "wind_gust": _range(0, 250),
    "precip": _range(0, 15),
    "pressure": _range(870, 1090),
    "visib": _range(0, 100),
}

RAW_WEATHER = pa.DataFrameSchema(
    {
        "origin": _text(3),
        "year": pa.Column(int),
        "month": pa.Column(int),
        "day": pa.Column(int),
        "time_hour": pa.Column(UTC),
        # A broken sensor's wind is not bad data: prepare makes it missing.
        **WEATHER | {"wind_speed": _range(0, float("inf")), "wind_gust": _range(0, float("inf"))},
    },
    unique=["origin", "time_hour"],
)

RAW_AIRPORTS = pa.DataFrameSchema(
    {
        "faa": pa.Column("str", pa.Check.str_length(3, 3), unique=True),
        "lat": pa.Column(float, pa.Check.in_range(-90, 90)),
        "lon": pa.Column(float, pa.Check.in_range(-180, 180)),
    }
)

PREPARED = pa.DataFrameSchema(
    {
        "date": pa.Column("datetime64[us]"),
        "origin": _text(3),
        "carrier": _text(2),
        "flight": pa.Column(int),
        "dest": _text(3),
        "sched_dep_time": pa.Column(int, CLOCK),
        "sched_arr_time": pa.Column(int, CLOCK),
        "distance": pa.Column(int),
        "dest_lat": _range(-90, 90),
        "dest_lon": _range(-180, 180),
        **WEATHER,
        TARGET: pa.Column("int8", pa.Check.isin([0, 1])),
    },
    strict=True,
    ordered=True,
    unique=KEY,
)

# What a flight must have when it is to be scored; what it has besides is ignored.
ROWS = pa.DataFrameSchema(
    {name: column for name, column in PREPARED.columns.items() if name != TARGET}, strict="filter"
)


def of_month(frame: pd.DataFrame, month: str, path: Path) -> pd.DataFrame:
    """Return the frame as it is, or raise Fault if a row is not of a day of its file's month."""
    period = pd.Period(month, freq="M")
    inside = (frame["year"] == period.year) & (frame["month"] == period.month)
    strangers = frame[~inside | ~frame["day"].between(1, period.days_in_month)]
    if len(strangers):
        days = strangers[["year", "month", "day"]].head(EXAMPLES)
        examples = ", ".join(
            f"{'-'.join(map(str, day))} in row {row}"
            for row, day in zip(days.index, days.to_numpy().tolist(), strict=True)
        )
        raise Fault(
            f"{path}: columns year, month, day: a day of {month}: "
            f"{len(strangers):,} rows fail it: {examples}"
        )
    return frame
