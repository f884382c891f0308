"""Check, join, clean and label the raw data: a month in, a month out.

In:  data/raw (see ingest.py).
Out: data/prepared/MONTH.parquet, a scheduled flight a row, in the order of the raw data, with
     what was known an hour or more before its departure, and the label ``disrupted``:
     arrived ``late_minutes`` or more late (15 is the threshold of the US Department of
     Transportation), or cancelled, or diverted. Columns and units: schema.PREPARED, ingest.py.

What is only known afterwards (actual times, delays, time in the air) goes no further than here.
So does the tail number: it is missing just when a flight is cancelled.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from pandera.pandas import DataFrameSchema

import params
import schema
from checks import validate
from keys import TARGET
from partitions import partitions, progress, read, write_all
from stage import run

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
HOUR = ["origin", "time_hour"]  # what makes an hour of weather one


def disrupted(flights: pd.DataFrame, late_minutes: int) -> pd.Series:
    """Label each flight, int8: 1 where it was cancelled, diverted or this late, else 0."""
    cancelled = flights["dep_time"].isna()
    diverted_or_cancelled = flights["arr_delay"].isna()
    late = flights["arr_delay"] >= late_minutes
    return (cancelled | diverted_or_cancelled | late).astype("int8")


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


def prepare(
    flights: pd.DataFrame,
    weather: pd.DataFrame,
    airports: pd.DataFrame,
    settings: params.Prepare,
) -> pd.DataFrame:
    """Join, clean and label a month of flights; the columns are those of schema.PREPARED."""
    weather = clean_weather(weather, settings.max_wind_mph)
    joined = join_weather(flights, weather, settings.weather_lag_hours)
    joined = join_airports(joined, airports)
    joined["date"] = pd.to_datetime(joined[["year", "month", "day"]]).astype("datetime64[us]")
    joined[TARGET] = disrupted(joined, settings.late_minutes)
    return joined[list(schema.PREPARED.columns)]


def main() -> str:
    settings = params.load(params.Prepare)
    path = RAW / "airports.parquet"
    airports = validate(read(path), schema.RAW_AIRPORTS, path)
    names = partitions(RAW / "flights")

    def raw(table: str, month: str, rules: DataFrameSchema) -> pd.DataFrame:
        path = RAW / table / f"{month}.parquet"
        return schema.of_month(validate(read(path), rules, path), month, path)

    def prepared() -> Iterator[tuple[str, pd.DataFrame]]:
        before = pd.DataFrame()  # the first hours of a month see the weather of the last
        for month in progress(names, "prepare"):
            weather = raw("weather", month, schema.RAW_WEATHER)
            flights = raw("flights", month, schema.RAW_FLIGHTS)
            recent = pd.concat([before, weather]).drop_duplicates(HOUR, keep="last")
            frame = prepare(flights, recent, airports, settings)
            yield month, validate(frame, schema.PREPARED, PREPARED / f"{month}.parquet")
            before = weather

    rows = write_all(PREPARED, prepared())
    return f"{rows:,} flights of {len(names)} months"


if __name__ == "__main__":
    run("prepare", main)
