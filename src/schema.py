"""What the data must be, checked where it enters ``prepare`` and where it leaves.

``RAW_*`` hold for each partition that arrives; they allow columns they do not name. ``PREPARED``
is strict: what it does not name, an outcome of the flight above all, cannot pass to the features.
"""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from kit.base import read_checked, refuse
from kit.base.rules import moment, number, text, whole

CLOCK = pa.Check(
    lambda values: values.between(0, 2400) & (values % 100 < 60),
    error="a time of day as HHMM, 0000 to 2400",
)

RAW_FLIGHTS = pa.DataFrameSchema(
    {
        "year": pa.Column(int),
        "month": pa.Column(int),
        "day": pa.Column(int),
        "sched_dep_time": pa.Column(int, CLOCK),
        "sched_arr_time": pa.Column(int, CLOCK),
        "dep_time": pa.Column(float, CLOCK, nullable=True),  # missing: cancelled
        "arr_delay": number(-240, 4320, missing=True),  # missing: cancelled or diverted
        "carrier": text(2),
        "flight": whole(1, 9999),
        "origin": text(3),
        "dest": text(3),
        "distance": whole(1, 12000),
        "time_hour": moment(utc=True),
    },
    unique=["year", "month", "day", "carrier", "flight", "origin"],
)

WEATHER = {
    "temp": number(-60, 130, missing=True),
    "dewp": number(-80, 100, missing=True),
    "humid": number(0, 100, missing=True),
    "wind_dir": number(0, 360, missing=True),
    "wind_speed": number(0, 250, missing=True),
    "wind_gust": number(0, 250, missing=True),
    "precip": number(0, 15, missing=True),
    "pressure": number(870, 1090, missing=True),
    "visib": number(0, 100, missing=True),
}

RAW_WEATHER = pa.DataFrameSchema(
    {
        "origin": text(3),
        "year": pa.Column(int),
        "month": pa.Column(int),
        "day": pa.Column(int),
        "time_hour": moment(utc=True),
        # A broken sensor's wind is not bad data: prepare makes it missing.
        **WEATHER
        | {
            "wind_speed": number(0, float("inf"), missing=True),
            "wind_gust": number(0, float("inf"), missing=True),
        },
    },
    unique=["origin", "time_hour"],
)

RAW_AIRPORTS = pa.DataFrameSchema(
    {
        "faa": pa.Column("str", pa.Check.str_length(3, 3), unique=True),
        "lat": number(-90, 90),
        "lon": number(-180, 180),
    }
)

PREPARED = pa.DataFrameSchema(
    {
        "date": moment(),
        "origin": text(3),
        "carrier": text(2),
        "flight": pa.Column(int),
        "dest": text(3),
        "sched_dep_time": pa.Column(int, CLOCK),
        "sched_arr_time": pa.Column(int, CLOCK),
        "distance": pa.Column(int),
        "dest_lat": number(-90, 90, missing=True),
        "dest_lon": number(-180, 180, missing=True),
        **WEATHER,
        "disrupted": pa.Column("int8", pa.Check.isin([0, 1])),
    },
    strict=True,
    ordered=True,
    unique=["date", "origin", "carrier", "flight"],
)

# What a flight must have when it is to be scored; what it has besides is ignored.
ROWS = pa.DataFrameSchema(
    {name: column for name, column in PREPARED.columns.items() if name != "disrupted"},
    strict="filter",
)


def read_month(path: Path, rules: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a raw table. Raises Fault if it breaks a rule, or a row is not of its file's month."""
    frame, month = read_checked(path, rules), pd.Period(path.stem, freq="M")
    days = frame[["year", "month", "day"]]
    inside = (days["year"] == month.year) & (days["month"] == month.month)
    strange = days[~inside | ~days["day"].between(1, month.days_in_month)]
    refuse(strange, f"a day of {path.stem}", path)
    return frame
