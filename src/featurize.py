"""Turn what was known before departure into features: a month in, a month out.

In:  data/prepared/MONTH.parquet (see prepare.py).
Out: data/features/MONTH.parquet, the same flights in the same order:
     date, flight     with origin and carrier the key of a flight (schema.KEY); not features
     origin, carrier, dest                            text
     departure_minute, arrival_minute                 minutes since local midnight, scheduled
     block_minutes    from one to the other by the clocks of the two places, modulo a day
     distance         miles
     day_of_week      Monday is 0
     holiday_offset   days since (negative: until) the nearest US federal holiday
     dest_lat, dest_lon                               degrees
     wind_east, wind_north                            mph, the way the wind blows from
     temp, dewp, humid, wind_speed, wind_gust, precip, pressure, visib   as in ingest.py
     disrupted        the label, 0 or 1, where it is known
Numbers are float32. Missing values stay missing: the model knows what to do with them.
"""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

import params
from keys import TARGET
from making import make_all
from partitions import partitions, read
from stage import run

PREPARED = Path("data/prepared")
FEATURES = Path("data/features")

AS_THEY_ARE = [
    *("distance", "dest_lat", "dest_lon", "temp", "dewp", "humid"),
    *("wind_speed", "wind_gust", "precip", "pressure", "visib"),
]
DAY = 24 * 60


def minute_of_day(clock: pd.Series) -> pd.Series:
    """Turn local times written as HHMM (0 to 2400) into minutes since midnight (0 to 1439)."""
    return (clock // 100 * 60 + clock % 100) % DAY


def holiday_offset(dates: pd.Series, window_days: int) -> pd.Series:
    """Days from the nearest US federal holiday to each date, cut off at ``window_days``.

    Negative before the holiday. Between two equally near, the earlier one counts.
    """
    around = pd.Timedelta(days=60)  # no day is more than seven weeks from a holiday
    first, last = dates.min() - around, dates.max() + around
    holidays = USFederalHolidayCalendar().holidays(first, last).to_numpy()
    days = dates.drop_duplicates()
    apart = (days.to_numpy()[:, None] - holidays[None, :]) / np.timedelta64(1, "D")
    nearest = apart[np.arange(len(days)), np.abs(apart).argmin(axis=1)]
    offsets = pd.Series(nearest.clip(-window_days, window_days), index=days.to_numpy())
    return dates.map(offsets)


def featurize(prepared: pd.DataFrame, settings: params.Featurize) -> pd.DataFrame:
    """Compute the features of each flight; rows keep their number and order."""
    departure = minute_of_day(prepared["sched_dep_time"])
    arrival = minute_of_day(prepared["sched_arr_time"])
    angle = np.deg2rad(prepared["wind_dir"])
    numbers = prepared[AS_THEY_ARE].assign(
        departure_minute=departure,
        arrival_minute=arrival,
        block_minutes=(arrival - departure) % DAY,
        day_of_week=prepared["date"].dt.day_of_week,
        holiday_offset=holiday_offset(prepared["date"], settings.holiday_window_days),
        wind_east=prepared["wind_speed"] * np.sin(angle),
        wind_north=prepared["wind_speed"] * np.cos(angle),
    )
    names = prepared[["date", "flight", "origin", "carrier", "dest"]]
    return pd.concat([names, numbers.astype("float32"), prepared.filter([TARGET])], axis=1)


def of_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The features of rows that are to be scored, which have no label: see predict.py."""
    return featurize(rows, params.load(params.Featurize))


def inputs(month: str) -> list[Path]:
    """The one file that a month is made of."""
    return [PREPARED / f"{month}.parquet"]


def features(month: str, settings: params.Featurize) -> pd.DataFrame:
    """Read a month, and compute its features."""
    (path,) = inputs(month)
    return featurize(read(path), settings)


def main() -> str:
    months = partitions(PREPARED)
    make = functools.partial(features, settings=params.load(params.Featurize))
    rows = make_all("featurize", FEATURES, months, make, inputs)
    return f"{rows:,} flights of {len(months)} months"


if __name__ == "__main__":
    run("featurize", main)
