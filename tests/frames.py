"""Small tables in the shapes that the stages pass on, and params of their own.

A test needs no value of the repository's params.yaml: it is there to be changed.
"""

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from ruamel.yaml import YAML

import params

OUTCOMES = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"]

PARAMS_YAML = """
ingest:
  through: "2013-10"
prepare:
  late_minutes: 15
  weather_lag_hours: 1
  max_wind_mph: 150.0
featurize:
  holiday_window_days: 7
split:
  validation_months: 1
  test_months: 1
train:
  model: hist_gradient_boosting
  seed: 0
  hist_gradient_boosting:
    learning_rate: 0.1
    max_iter: 5
    max_leaf_nodes: 4
    min_samples_leaf: 5
    max_features: 0.5
    l2_regularization: 0.0
  logistic_regression:
    C: 1.0
    max_iter: 100
  random_forest:
    n_estimators: 4
    max_depth: 3
    min_samples_leaf: 5
    max_features: 0.75
evaluate:
  seed: 0
  bootstrap_samples: 20
  threshold: 0.5
  calibration_bins: 5
  importance_rows: 40
  importance_repeats: 2
"""
SETTINGS = params.check(YAML(typ="safe", pure=True).load(PARAMS_YAML))


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


def features(month: str = "2013-01", flights: int = 60, seed: int = 0) -> pd.DataFrame:
    """A month of flights of which those at night are disrupted more often than not."""
    rng = np.random.default_rng(seed)
    night = rng.random(flights) < 0.5
    names = pd.DataFrame(
        {
            "date": (pd.Timestamp(month) + pd.to_timedelta(np.arange(flights) % 28, unit="D")),
            "flight": np.arange(1, flights + 1),
            "origin": rng.choice(["EWR", "JFK", "LGA"], flights),
            "carrier": rng.choice(["AA", "UA"], flights),
            "dest": rng.choice(["BOS", "IAH", "ORD"], flights),
        }
    )
    numbers = pd.DataFrame(
        {
            "distance": rng.choice([187.0, 733.0, 1400.0], flights),
            "departure_minute": np.where(night, 1380.0, 600.0),
            "wind_gust": np.where(rng.random(flights) < 0.5, np.nan, 30.0),
        }
    )
    disrupted = (rng.random(flights) < np.where(night, 0.8, 0.2)).astype("int8")
    return pd.concat([names, numbers.astype("float32")], axis=1).assign(disrupted=disrupted)
