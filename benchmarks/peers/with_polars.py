"""prepare and featurize in polars: the same features of each month, in a lazy query."""

from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
from pandas.tseries.holiday import USFederalHolidayCalendar

from params import Featurize, Params, Prepare

RAW, OUT = Path("data/raw"), Path("peer")
prepare, featurize = Params.load(Prepare), Params.load(Featurize)
HOUR = ["origin", "time_hour"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
NUMBERS = ["distance", "dest_lat", "dest_lon", *WEATHER]
MADE = ["departure_minute", "arrival_minute", "block_minutes", "day_of_week", "holiday_offset"]
WINDS = ["wind_east", "wind_north"]


def minute(clock: str) -> pl.Expr:
    return (pl.col(clock) // 100 * 60 + pl.col(clock) % 100) % 1440


def days(first: date, last: date) -> pl.LazyFrame:
    """How far each day is from the nearest holiday; of two equally near the earlier one."""
    around = pd.Timedelta(days=60)
    found = USFederalHolidayCalendar().holidays(first - around, last + around)
    holidays = pl.DataFrame({"holiday": [each.date() for each in found]})
    every = pl.DataFrame({"day": pl.date_range(first, last, eager=True)})
    apart = (pl.col("day") - pl.col("holiday")).dt.total_days()
    window = featurize.holiday_window_days
    return (
        every.join(holidays, how="cross")
        .with_columns(holiday_offset=apart)
        .sort("day", pl.col("holiday_offset").abs(), "holiday")
        .unique("day", keep="first", maintain_order=True)
        .select("day", pl.col("holiday_offset").clip(-window, window))
        .lazy()
    )


def hours(files: list[Path]) -> pl.LazyFrame:
    """The weather, under the hour in which it is known; where two files have it, the last one's."""
    most = prepare.max_wind_mph
    winds = [pl.when(pl.col(w) <= most).then(pl.col(w)) for w in ("wind_speed", "wind_gust")]
    lag = pl.duration(hours=prepare.weather_lag_hours)
    return (
        pl.concat([pl.scan_parquet(path) for path in files])
        .unique(HOUR, keep="last", maintain_order=True)
        .select(*HOUR, "wind_dir", *WEATHER)
        .with_columns(*winds, time_hour=pl.col("time_hour") + lag)
    )


def features(flights: Path, weather: pl.LazyFrame, holidays: pl.LazyFrame) -> pl.LazyFrame:
    places = pl.scan_parquet(RAW / "airports.parquet").select(
        dest="faa", dest_lat="lat", dest_lon="lon"
    )
    day = pl.date("year", "month", "day")
    angle, wind = pl.col("wind_dir").radians(), pl.col("wind_speed")
    late = pl.col("arr_delay") >= prepare.late_minutes
    cancelled = pl.col("dep_time").is_null() | pl.col("arr_delay").is_null()
    return (
        pl.scan_parquet(flights)
        .with_columns(
            day=day,
            departure_minute=minute("sched_dep_time"),
            arrival_minute=minute("sched_arr_time"),
        )
        .join(weather, on=HOUR, how="left")
        .join(places, on="dest", how="left")
        .join(holidays, on="day", how="left")
        .with_columns(
            block_minutes=(pl.col("arrival_minute") - pl.col("departure_minute")) % 1440,
            day_of_week=pl.col("day").dt.weekday() - 1,
            wind_east=wind * angle.sin(),
            wind_north=wind * angle.cos(),
        )
        .select(
            pl.col("day").cast(pl.Datetime("us")).alias("date"),
            *("flight", "origin", "carrier", "dest"),
            *(pl.col(name).cast(pl.Float32) for name in [*NUMBERS, *MADE, *WINDS]),
            disrupted=(cancelled | late).cast(pl.Int8),
        )
    )


def main() -> None:
    OUT.mkdir(exist_ok=True)
    months = sorted(path.stem for path in (RAW / "flights").glob("*.parquet"))
    first, last = pd.Period(months[0]).start_time.date(), pd.Period(months[-1]).end_time.date()
    holidays = days(first, last)
    for month in months:
        weather = [RAW / f"weather/{name}.parquet" for name in (pd.Period(month) - 1, month)]
        known = hours([path for path in weather if path.exists()])
        found = features(RAW / f"flights/{month}.parquet", known, holidays)
        found.sink_parquet(OUT / f"{month}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
