"""Turn what was known before departure into features: a month in, a month out.

In:  data/prepared/MONTH.parquet (see prepare.py).
Out: data/features/MONTH.parquet, the same flights in the same order:
     date, flight     with origin and carrier the key of a flight; not features
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

from kit.base import FEATURES, build_table, run
from params import Featurize, Params

PREPARED = Path("data/prepared")

AS_THEY_ARE = [
    *("distance", "dest_lat", "dest_lon", "temp", "dewp", "humid"),
    *("wind_speed", "wind_gust", "precip", "pressure", "visib"),
]
DAY = 24 * 60


def minute_of_day(clock: pd.Series) -> pd.Series:
    """Turn local times written as HHMM (0 to 2400) into minutes since midnight (0 to 1439)."""
    return (clock // 100 * 60 + clock % 100) % DAY


@functools.lru_cache(maxsize=64)
def holidays_of(first: int, last: int) -> np.ndarray:
    """The US federal holidays observed in these years, datetime64[us]; kept, as they take 30 ms."""
    found = USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31")
    return found.to_numpy("datetime64[us]")


def holiday_offset(dates: pd.Series, window_days: int) -> pd.Series:
    """Days from the nearest US federal holiday (of two the earlier) to each date: negative before
    it, and at most ``window_days``."""
    holidays = holidays_of(dates.min().year - 1, dates.max().year + 1)
    days = dates.to_numpy("datetime64[us]")
    after = np.searchsorted(holidays, days)  # the first that is not before it
    since = (days - holidays[after - 1]) / np.timedelta64(1, "D")
    until = (days - holidays[after]) / np.timedelta64(1, "D")  # negative, or 0 on a holiday
    nearest = np.where(since <= -until, since, until).clip(-window_days, window_days)
    return pd.Series(nearest, index=dates.index)


def compute_features(prepared: pd.DataFrame, settings: Featurize) -> pd.DataFrame:
    """Compute the features of each flight; rows keep their number and order."""
    departure = minute_of_day(prepared["sched_dep_time"])
    arrival = minute_of_day(prepared["sched_arr_time"])
    angle, speed = np.deg2rad(prepared["wind_dir"]), prepared["wind_speed"]
    numbers = pd.DataFrame(  # at once, which is quicker for a single row than ``assign``
        {
            **prepared[AS_THEY_ARE],
            "departure_minute": departure,
            "arrival_minute": arrival,
            "block_minutes": (arrival - departure) % DAY,
            "day_of_week": prepared["date"].dt.day_of_week,
            "holiday_offset": holiday_offset(prepared["date"], settings.holiday_window_days),
            "wind_east": speed * np.sin(angle),
            "wind_north": speed * np.cos(angle),
        }
    )
    names = prepared[["date", "flight", "origin", "carrier", "dest"]]
    return pd.concat([names, numbers.astype("float32"), prepared.filter(["disrupted"])], axis=1)


settings_of_rows = functools.cache(lambda: Params.load(Featurize))  # the service asks often


def of_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The features of rows that are to be scored, which have no label: see predict.py."""
    return compute_features(rows, settings_of_rows())


def main() -> str:
    function = functools.partial(compute_features, settings=Params.load(Featurize))
    return build_table("featurize", PREPARED, FEATURES, function)


if __name__ == "__main__":
    run("featurize", main)
