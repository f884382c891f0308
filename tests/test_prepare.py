from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flights import OWN_YAML, any_outcomes, prepared, raw_airports, raw_flights, raw_weather, utc
from hypothesis import given
from hypothesis import strategies as st

import prepare
import schema
from kit.base import Fault, partitions, read, validate, write


def test_on_time_late_cancelled_and_diverted() -> None:
    assert prepare.disrupted(raw_flights(), 15).tolist() == [0, 1, 1, 1]
    assert prepare.disrupted(raw_flights(), 16).tolist() == [0, 0, 1, 1]
    assert prepare.disrupted(raw_flights(), 11).tolist() == [1, 1, 1, 1]


def test_a_cancelled_flight_is_disrupted_whatever_its_delay_says() -> None:
    flights = raw_flights().assign(dep_time=np.nan, arr_delay=-20.0)
    assert prepare.disrupted(flights, 15).tolist() == [1, 1, 1, 1]


def test_flights_keep_their_number_order_and_key() -> None:
    frame = prepared()
    assert frame["flight"].tolist() == [1545, 7, 1141, 99]
    assert frame["date"].dt.strftime("%m-%d").tolist() == ["01-01", "01-01", "01-02", "01-31"]
    validate(frame, schema.PREPARED, Path("2013-01.parquet"))


def test_a_label_stays_with_its_flight_under_any_index() -> None:
    moved = raw_flights().set_axis([3, 0, 0, 2])
    assert prepared(moved)["disrupted"].tolist() == prepared()["disrupted"].tolist()


def test_the_weather_is_that_of_the_origin_an_hour_before() -> None:
    temp = prepared()["temp"]
    assert temp.tolist()[:2] == [39.0, 28.0]
    assert temp.isna().tolist() == [False, False, True, True]


def test_the_hour_that_happens_twice_has_its_weather_twice() -> None:
    # On 3 November 2013, 01:00 in New York was 05:00 in UTC and an hour later 06:00.
    later, hours = (
        utc(*(f"2013-11-03 {hour}:00" for hour in pair)) for pair in (("06", "07"), ("05", "06"))
    )
    flights = raw_flights().head(2).assign(origin="EWR", time_hour=later)
    weather = raw_weather().head(2).assign(temp=[50.0, 49.0], time_hour=hours)
    assert prepare.join_weather(flights, weather, 1)["temp"].tolist() == [50.0, 49.0]


def test_a_destination_not_on_the_list_has_no_place() -> None:
    frame = prepared()
    assert frame["dest_lat"].fillna(0).tolist() == [29.98, 42.36, 0, 29.98]
    assert frame["dest_lon"].fillna(0).tolist() == [-95.34, -71.01, 0, -95.34]


def test_a_wind_beyond_belief_is_missing_and_no_other_reading_changes() -> None:
    weather = raw_weather().assign(wind_gust=[150.0, 151.0, np.nan])
    cleaned = prepare.clean_weather(weather, 150.0)
    assert cleaned["wind_speed"].fillna(-1).tolist() == [10.4, -1, 0.0]
    assert cleaned["wind_gust"].fillna(-1).tolist() == [150.0, -1, -1]
    others = weather.columns.drop(["wind_speed", "wind_gust"])
    pd.testing.assert_frame_equal(cleaned[others], weather[others])


KNOWN = prepared().drop(columns="disrupted")


@given(changed=any_outcomes())
def test_no_outcome_changes_anything_but_the_label(changed: pd.DataFrame) -> None:
    found = prepared(changed).drop(columns="disrupted")
    pd.testing.assert_frame_equal(found, KNOWN)


HOURS = pd.date_range("2013-01-01", periods=48, freq="h", tz="UTC", unit="us")


def hourly_weather(temp: list[float]) -> pd.DataFrame:
    hours = raw_weather().iloc[[0] * len(HOURS)].reset_index(drop=True)
    return hours.assign(time_hour=HOURS, temp=temp)


@given(
    lag=st.integers(1, 24),
    hour=st.integers(24, 47),
    later=st.lists(st.floats(), min_size=48, max_size=48),
)
def test_no_weather_after_the_lag_changes_anything(lag: int, hour: int, later: list[float]) -> None:
    flights = raw_flights().head(1).assign(time_hour=HOURS[[hour]])
    temp = [float(i) for i in range(48)]
    known = hour - lag
    for weather in (temp, temp[: known + 1] + later[known + 1 :]):
        joined = prepare.join_weather(flights, hourly_weather(weather), lag)
        assert joined["temp"].tolist() == [known]


# The stage itself, on two months of these few flights.


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder data/raw of a project whose January and February are good."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(OWN_YAML, encoding="utf-8")
    folder = tmp_path / "data" / "raw"
    write(folder / "airports.parquet", raw_airports())
    write(folder / "flights" / "2013-01.parquet", raw_flights())
    write(folder / "weather" / "2013-01.parquet", raw_weather())
    february = {"month": 2, "day": 1}
    hours = utc("2013-02-01 05:00", "2013-02-01 12:00", "2013-02-01 13:00", "2013-02-01 14:00")
    flights = raw_flights().assign(**february, time_hour=hours)
    weather = raw_weather().assign(**february, time_hour=hours[1:].to_numpy())
    write(folder / "flights" / "2013-02.parquet", flights)
    write(folder / "weather" / "2013-02.parquet", weather)
    return folder


def test_every_month_is_prepared(raw: Path) -> None:
    assert prepare.main() == "8 rows in 2 partitions"
    assert partitions(prepare.PREPARED) == ["2013-01", "2013-02"]
    frame = read(prepare.PREPARED / "2013-02.parquet")
    assert list(frame) == list(schema.PREPARED.columns)


def test_the_first_hour_of_a_month_sees_the_last_of_the_month_before(raw: Path) -> None:
    last = raw_weather().assign(
        day=31, temp=-4.0, time_hour=utc("2013-02-01 02:00", "2013-02-01 03:00", "2013-02-01 04:00")
    )
    write(raw / "weather" / "2013-01.parquet", last.assign(origin="EWR"))
    prepare.main()
    assert read(prepare.PREPARED / "2013-02.parquet")["temp"][0] == -4.0


def test_a_bad_month_is_named_and_the_good_outputs_stay(raw: Path) -> None:
    prepare.main()
    good = {path: path.read_bytes() for path in prepare.PREPARED.iterdir()}
    write(raw / "flights" / "2013-02.parquet", raw_flights())
    with pytest.raises(Fault) as fault:
        prepare.main()
    assert str(fault.value) == (
        "data/raw/flights/2013-02.parquet: columns year, month, day: a day of 2013-02: "
        "4 rows fail it: 2013-1-1 in row 0, 2013-1-1 in row 1, 2013-1-2 in row 2"
    )
    assert {path: path.read_bytes() for path in prepare.PREPARED.iterdir()} == good


@pytest.mark.parametrize(
    "name", ["flights/2013-02.parquet", "weather/2013-02.parquet", "airports.parquet"]
)
def test_a_file_that_is_empty_truncated_or_missing_is_named(raw: Path, name: str) -> None:
    write(raw / name, read(raw / name).head(0))
    with pytest.raises(Fault, match=f"data/raw/{name}: no rows"):
        prepare.main()
    (raw / name).write_bytes((raw / name).read_bytes()[:-100])
    with pytest.raises(Fault, match=f"data/raw/{name}: cannot be read as Parquet"):
        prepare.main()
    (raw / name).unlink()
    if "flights" not in name:  # a month without its flights has not arrived
        with pytest.raises(Fault, match=f"data/raw/{name}: not found"):
            prepare.main()
