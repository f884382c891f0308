"""Small tables of flights in the shapes that the stages before training pass on."""

import numpy as np
import pandas as pd
import yaml
from frames import PARAMS_YAML
from hypothesis import strategies as st

import prepare
from params import Featurize, Prepare

OUTCOMES = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"]
PREPARE = Prepare(late_minutes=15, weather_lag_hours=1, max_wind_mph=150.0)
FEATURIZE = Featurize(holiday_window_days=7)
OWN_YAML = yaml.safe_dump(
    yaml.safe_load(PARAMS_YAML) | {"prepare": dict(PREPARE), "featurize": dict(FEATURIZE)}
)


def utc(*times: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(times), utc=True).as_unit("us"))


def raw_flights() -> pd.DataFrame:
    """On time, exactly 15 minutes late, cancelled, diverted; New York is 5 hours behind UTC."""
    return pd.DataFrame(
        {
            "year": 2013,
            "month": 1,
            "day": [1, 1, 2, 31],
            "dep_time": [517.0, 2359.0, np.nan, 905.0],
            "sched_dep_time": [515, 2345, 600, 900],
            "dep_delay": [2.0, 14.0, np.nan, 5.0],
            "arr_time": [830.0, 115.0, np.nan, 1240.0],
            "sched_arr_time": [819, 100, 700, 1200],
            "arr_delay": [11.0, 15.0, np.nan, np.nan],
            "carrier": ["UA", "B6", "AA", "UA"],
            "flight": [1545, 7, 1141, 99],
            "tailnum": ["N14228", "N804JB", None, "N24211"],
            "origin": ["EWR", "JFK", "LGA", "EWR"],
            "dest": ["IAH", "BOS", "XXX", "IAH"],
            "air_time": [227.0, 40.0, np.nan, np.nan],
            "distance": [1400, 187, 300, 1400],
            "time_hour": utc(
                "2013-01-01 10:00", "2013-01-02 04:00", "2013-01-02 11:00", "2013-01-31 14:00"
            ),
        }
    )


def any_outcomes() -> st.SearchStrategy[pd.DataFrame]:
    """The same flights with all that is only known afterwards replaced by anything."""
    numbers = st.lists(st.floats() | st.just(np.nan), min_size=4, max_size=4)
    texts = st.lists(st.none() | st.text(), min_size=4, max_size=4)
    columns = {name: texts if name == "tailnum" else numbers for name in OUTCOMES}
    return st.fixed_dictionaries(columns).map(
        lambda outcomes: raw_flights().assign(**{k: pd.Series(v) for k, v in outcomes.items()})
    )


def raw_weather() -> pd.DataFrame:
    """An hour before the first flight and its own hour at EWR; an hour before the second at JFK."""
    return pd.DataFrame(
        {
            "origin": ["EWR", "EWR", "JFK"],
            "year": 2013,
            "month": 1,
            "day": [1, 1, 1],
            "temp": [39.0, 40.0, 28.0],
            "dewp": 26.1,
            "humid": 59.4,
            "wind_dir": [270.0, 270.0, np.nan],
            "wind_speed": [10.4, 1048.4, 0.0],
            "wind_gust": np.nan,
            "precip": 0.0,
            "pressure": 1012.0,
            "visib": 10.0,
            "time_hour": utc("2013-01-01 09:00", "2013-01-01 10:00", "2013-01-02 03:00"),
        }
    )


def raw_airports() -> pd.DataFrame:
    return pd.DataFrame({"faa": ["IAH", "BOS"], "lat": [29.98, 42.36], "lon": [-95.34, -71.01]})


def prepared(flights: pd.DataFrame | None = None) -> pd.DataFrame:
    """These flights, or all of ``raw_flights``, as `prepare` passes them on."""
    flights = raw_flights() if flights is None else flights
    return prepare.join_and_label(flights, raw_weather(), raw_airports(), PREPARE)
