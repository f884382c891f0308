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
from collections.abc import Mapping
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


def minute_of_day(clock: np.ndarray) -> np.ndarray:
    """Turn local times written as HHMM (0 to 2400) into minutes since midnight (0 to 1439)."""
    minutes: np.ndarray = (clock // 100 * 60 + clock % 100) % DAY
    return minutes


@functools.lru_cache(maxsize=64)
def holidays_of(first: int, last: int) -> np.ndarray:
    """The US federal holidays observed in these years, datetime64[D]; kept, as they take 30 ms."""
    holidays = USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31")
    return np.asarray(holidays, "datetime64[D]")


def holiday_offset(days: np.ndarray, window_days: int) -> np.ndarray:
    """Days from the nearest US federal holiday (of two the earlier) to each day, datetime64[D]:
    negative before it, and at most ``window_days``."""
    years = days.astype("datetime64[Y]").astype(int) + 1970
    holidays = holidays_of(int(years.min()) - 1, int(years.max()) + 1)
    after = np.searchsorted(holidays, days)  # the first that is not before it
    since = (days - holidays[after - 1]).astype(int)
    until = (days - holidays[after]).astype(int)  # negative, or 0 on a holiday
    nearest = np.where(since <= -until, since, until)
    return np.asarray(nearest.clip(-window_days, window_days))


def numbers_of(flights: Mapping[str, np.ndarray], settings: Featurize) -> dict[str, np.ndarray]:
    """The features that are numbers, float32, of columns of prepared flights.

    By NumPy, which for a single row, as the service has it, takes a fiftieth of pandas' time.
    """
    departure = minute_of_day(flights["sched_dep_time"])
    arrival = minute_of_day(flights["sched_arr_time"])
    angle, speed = np.deg2rad(flights["wind_dir"]), flights["wind_speed"]
    days = flights["date"].astype("datetime64[D]")
    features = {
        **{name: flights[name] for name in AS_THEY_ARE},
        "departure_minute": departure,
        "arrival_minute": arrival,
        "block_minutes": (arrival - departure) % DAY,
        "day_of_week": (days.astype(int) + 3) % 7,  # 1970 began on a Thursday
        "holiday_offset": holiday_offset(days, settings.holiday_window_days),
        "wind_east": speed * np.sin(angle),
        "wind_north": speed * np.cos(angle),
    }
    return {name: values.astype("float32") for name, values in features.items()}


def compute_features(prepared: pd.DataFrame, settings: Featurize) -> pd.DataFrame:
    """Compute the features of each flight; rows keep their number and order."""
    flights = {str(name): column.to_numpy() for name, column in prepared.items()}
    numbers = pd.DataFrame(numbers_of(flights, settings), prepared.index)
    names = prepared[["date", "flight", "origin", "carrier", "dest"]]
    return pd.concat([names, numbers, prepared.filter(["disrupted"])], axis=1)


settings_of_rows = functools.cache(lambda: Params.load(Featurize))  # the service asks often


def of_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The features of rows that are to be scored, which have no label: see predict.py."""
    return compute_features(rows, settings_of_rows())


def of_columns(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same, of columns and as columns: what the service takes, where a project has it."""
    return {**rows, **numbers_of(rows, settings_of_rows())}


def main() -> str:
    function = functools.partial(compute_features, settings=Params.load(Featurize))
    return build_table("featurize", PREPARED, FEATURES, function)


if __name__ == "__main__":
    run("featurize", main)
