"""Check, join, clean and label the raw data: a month in, a month out.

In:  data/raw (see ingest.py).
Out: data/prepared/MONTH.parquet, a scheduled flight a row, in the order of the raw data, with
     what was known an hour or more before its departure, and the label ``disrupted``:
     arrived ``late_minutes`` or more late (15 is the threshold of the US Department of
     Transportation), or cancelled, or diverted. Columns and units: schema.PREPARED, ingest.py.

What is only known afterwards (actual times, delays, time in the air) goes no further than here.
So does the tail number: it is missing just when a flight is cancelled.
"""

from functools import partial
from pathlib import Path

import pandas as pd

import schema
from kit.base import build_partitions, partitions, read, read_checked, run, validate
from params import Params, Prepare

RAW = Path("data/raw")
AIRPORTS = RAW / "airports.parquet"
PREPARED = Path("data/prepared")
HOUR = ["origin", "time_hour"]  # they name an hour of weather


def disrupted(flights: pd.DataFrame, late_minutes: int) -> pd.Series:
    """Label each flight, int8: 1 where it was cancelled, diverted or this late, else 0."""
    cancelled, diverted = flights["dep_time"].isna(), flights["arr_delay"].isna()
    return (cancelled | diverted | (flights["arr_delay"] >= late_minutes)).astype("int8")


def clean_weather(weather: pd.DataFrame, max_wind_mph: float) -> pd.DataFrame:
    """Make the readings of a broken wind sensor missing (one in 2013 says 1,048 mph)."""
    winds = weather[["wind_speed", "wind_gust"]]
    return weather.assign(**winds.where(winds <= max_wind_mph))


def join_weather(flights: pd.DataFrame, weather: pd.DataFrame, lag_hours: int) -> pd.DataFrame:
    """Add to each flight the weather at its origin ``lag_hours`` before its scheduled hour.

    The join is on UTC, since a local hour happens twice when summer time ends. Where no weather
    was recorded the columns are missing. Rows keep their number and order.
    """
    known = weather[[*HOUR, *schema.WEATHER]]
    known = known.assign(time_hour=known["time_hour"] + pd.Timedelta(hours=lag_hours))
    return flights.merge(known, on=HOUR, how="left", validate="many_to_one")


def join_airports(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Add where each flight's destination lies, in degrees; missing for an unlisted airport."""
    places = airports[["faa", "lat", "lon"]].set_axis(["dest", "dest_lat", "dest_lon"], axis=1)
    return flights.merge(places, on="dest", how="left", validate="many_to_one")


def join_and_label(
    flights: pd.DataFrame, weather: pd.DataFrame, airports: pd.DataFrame, settings: Prepare
) -> pd.DataFrame:
    """Join, clean and label a month of flights; the columns are those of schema.PREPARED."""
    weather = clean_weather(weather, settings.max_wind_mph)
    joined = join_weather(flights, weather, settings.weather_lag_hours)
    joined = join_airports(joined, airports)
    joined["date"] = pd.to_datetime(joined[["year", "month", "day"]]).astype("datetime64[us]")
    joined["disrupted"] = disrupted(joined, settings.late_minutes)
    return joined[list(schema.PREPARED.columns)]


def inputs(month: str) -> list[Path]:
    """The files that a month is made of; its first flights see the weather of the month before."""
    before = RAW / "weather" / f"{pd.Period(month) - 1}.parquet"
    own = [RAW / table / f"{month}.parquet" for table in ("flights", "weather")]
    return [*own, AIRPORTS, *([before] if before.exists() else [])]


def prepared(month: str, settings: Prepare) -> pd.DataFrame:
    """Read, check and prepare a month; the airports, which all share, are checked by ``main``."""
    flights_path, weather_path, airports, *before = inputs(month)
    flights = schema.read_month(flights_path, schema.RAW_FLIGHTS)
    weather = schema.read_month(weather_path, schema.RAW_WEATHER)
    recent = pd.concat([*map(read, before), weather]).drop_duplicates(HOUR, keep="last")
    frame = join_and_label(flights, recent, read(airports), settings)
    return validate(frame, schema.PREPARED, PREPARED / f"{month}.parquet")


def main() -> str:
    read_checked(AIRPORTS, schema.RAW_AIRPORTS)
    rule = partial(prepared, settings=Params.load(Prepare))
    return build_partitions("prepare", PREPARED, partitions(RAW / "flights"), rule, inputs)


if __name__ == "__main__":
    run("prepare", main)
