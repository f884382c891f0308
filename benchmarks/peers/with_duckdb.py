"""prepare and featurize in DuckDB: the same features of each month, in a query."""

from pathlib import Path

import duckdb
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from params import Featurize, Params, Prepare

RAW, OUT = Path("data/raw"), Path("peer")
prepare, featurize = Params.load(Prepare), Params.load(Featurize)
WINDOW = featurize.holiday_window_days
DAYS = f"""
CREATE TABLE days AS
SELECT date, greatest(-{WINDOW}, least({WINDOW}, arg_min(apart, 2 * abs(apart) - (apart > 0)::int)))
    AS holiday_offset -- of two holidays equally near the earlier one
FROM (
    SELECT day AS date, date_diff('day', holiday, day) AS apart
    FROM range(DATE '$first', DATE '$last', INTERVAL 1 DAY) AS days(day), holidays
)
GROUP BY date
"""
MONTH = f"""
COPY (
    WITH hours AS (
        SELECT *, epoch_us(time_hour) + {prepare.weather_lag_hours} * 3600000000 AS utc,
            CASE WHEN wind_speed <= {prepare.max_wind_mph} THEN wind_speed END AS wind,
            CASE WHEN wind_gust <= {prepare.max_wind_mph} THEN wind_gust END AS gust
        FROM read_parquet(?, filename = true)
        QUALIFY row_number() OVER (PARTITION BY origin, time_hour ORDER BY filename DESC) = 1
    ), flown AS (
        SELECT *, make_date(year, month, day)::TIMESTAMP AS date, epoch_us(time_hour) AS utc,
            (sched_dep_time // 100 * 60 + sched_dep_time % 100) % 1440 AS departure,
            (sched_arr_time // 100 * 60 + sched_arr_time % 100) % 1440 AS arrival
        FROM read_parquet(?)
    )
    SELECT f.date, flight, f.origin, carrier, f.dest,
        distance::FLOAT AS distance, lat::FLOAT AS dest_lat, lon::FLOAT AS dest_lon,
        temp::FLOAT AS temp, dewp::FLOAT AS dewp, humid::FLOAT AS humid,
        wind::FLOAT AS wind_speed, gust::FLOAT AS wind_gust,
        precip::FLOAT AS precip, pressure::FLOAT AS pressure, visib::FLOAT AS visib,
        departure::FLOAT AS departure_minute, arrival::FLOAT AS arrival_minute,
        ((arrival - departure + 1440) % 1440)::FLOAT AS block_minutes,
        (isodow(f.date) - 1)::FLOAT AS day_of_week, holiday_offset::FLOAT AS holiday_offset,
        (wind * sin(radians(wind_dir)))::FLOAT AS wind_east,
        (wind * cos(radians(wind_dir)))::FLOAT AS wind_north,
        (dep_time IS NULL OR arr_delay IS NULL OR arr_delay >= {prepare.late_minutes})::TINYINT
            AS disrupted
    FROM flown AS f
    LEFT JOIN hours USING (origin, utc)
    LEFT JOIN airports ON airports.faa = f.dest
    LEFT JOIN days ON days.date = f.date
) TO '$out' (FORMAT parquet, COMPRESSION zstd)
"""


def main() -> None:
    OUT.mkdir(exist_ok=True)
    months = sorted(path.stem for path in (RAW / "flights").glob("*.parquet"))
    first, last = pd.Period(months[0]), pd.Period(months[-1]) + 1
    around = pd.Timedelta(days=60)
    found = USFederalHolidayCalendar().holidays(first.start_time - around, last.start_time + around)
    with duckdb.connect() as db:
        db.register("holidays", pd.DataFrame({"holiday": found}))
        days = DAYS.replace("$first", f"{first}-01").replace("$last", f"{last}-01")
        db.execute(days)
        db.execute(f"CREATE TABLE airports AS FROM '{RAW}/airports.parquet'")
        for month in months:
            weather = [RAW / f"weather/{name}.parquet" for name in (pd.Period(month) - 1, month)]
            files = [str(path) for path in weather if path.exists()]
            query = MONTH.replace("$out", f"{OUT}/{month}.parquet")
            db.execute(query, [files, f"{RAW}/flights/{month}.parquet"])


if __name__ == "__main__":
    main()
