from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flights import FEATURIZE, OUTCOMES, OWN_YAML, prepared, raw_flights
from frames import COMMITTED
from hypothesis import given
from hypothesis import strategies as st
from pandas.tseries.holiday import USFederalHolidayCalendar

import featurize
from kit.base import FEATURES, partitions, read, write
from kit.learn import feature_names
from kit.params import Data


def features(flights: pd.DataFrame) -> pd.DataFrame:
    return featurize.compute_features(prepared(flights), FEATURIZE)


PREPARED = prepared()
WHOLE = features(raw_flights())


def test_the_features_of_a_flight() -> None:
    row = WHOLE.iloc[0]
    assert row["departure_minute"] == 5 * 60 + 15
    assert row["arrival_minute"] == 8 * 60 + 19
    assert row["block_minutes"] == 3 * 60 + 4
    assert row["day_of_week"] == 1  # a Tuesday
    assert row["holiday_offset"] == 0  # New Year's Day
    assert row["temp"] == 39
    # Wind from 270 degrees comes from the west.
    assert row["wind_east"] == pytest.approx(-10.4)
    assert row["wind_north"] == pytest.approx(0, abs=1e-5)
    assert row["disrupted"] == 0


def test_a_flight_over_midnight_has_a_positive_duration() -> None:
    assert WHOLE["block_minutes"].tolist()[1] == 75  # 23:45 to 01:00


def test_what_is_missing_stays_missing() -> None:
    assert WHOLE["wind_gust"].isna().all()
    assert WHOLE["wind_east"].isna().tolist() == [False, True, True, True]
    assert WHOLE["temp"].isna().tolist() == [False, False, True, True]
    assert WHOLE["dest_lat"].isna().tolist() == [False, False, True, False]


def test_numbers_are_small_floats() -> None:
    numbers = WHOLE.drop(columns=["date", "flight", "origin", "carrier", "dest", "disrupted"])
    assert set(numbers.dtypes) == {np.dtype("float32")}


def test_no_outcome_is_a_feature() -> None:
    names = feature_names(WHOLE, Data(**COMMITTED["data"]))
    assert not {*OUTCOMES, "disrupted", "date", "flight"} & set(names)
    assert {"origin", "carrier", "dest", "departure_minute", "temp"} <= set(names)


def test_the_label_changes_no_feature() -> None:  # nor an outcome, which prepare leaves out
    names = feature_names(WHOLE, Data(**COMMITTED["data"]))
    changed = featurize.compute_features(
        PREPARED.assign(**{"disrupted": 1 - PREPARED["disrupted"]}), FEATURIZE
    )
    pd.testing.assert_frame_equal(changed[names], WHOLE[names])


@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_rows_keep_their_number_order_and_index(rows: list[int]) -> None:
    frame = featurize.compute_features(PREPARED.iloc[rows], FEATURIZE)
    pd.testing.assert_frame_equal(frame, WHOLE.iloc[rows])


@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_columns_have_the_features_that_rows_have(rows: list[int]) -> None:
    some = PREPARED.iloc[rows].drop(columns="disrupted")
    columns = featurize.of_columns({str(name): some[name].to_numpy() for name in some})
    for name, values in featurize.of_rows(some).items():
        np.testing.assert_array_equal(columns[str(name)], values.to_numpy())


CLOCKS = st.tuples(st.integers(0, 23), st.integers(0, 59))


@given(times=st.lists(CLOCKS, min_size=1))
def test_minutes_count_from_midnight(times: list[tuple[int, int]]) -> None:
    clock = np.array([hour * 100 + minute for hour, minute in times])
    minutes = featurize.minute_of_day(clock)
    assert minutes.tolist() == [hour * 60 + minute for hour, minute in times]
    assert set(minutes) <= set(range(1440))


def test_midnight_is_minute_0_under_both_its_names() -> None:
    assert featurize.minute_of_day(np.array([0, 2400])).tolist() == [0, 0]


def offsets(days: list[date], window: int) -> list[int]:
    offset = featurize.holiday_offset(np.array(days, "datetime64[D]"), window)
    return [int(days) for days in offset]


def test_known_days_around_holidays() -> None:
    days = [
        *(date(2013, 7, 3), date(2013, 7, 4), date(2013, 7, 5)),
        date(2013, 11, 27),  # the day before Thanksgiving
        date(2013, 12, 24),
        date(2013, 12, 29),  # four days after Christmas, three before New Year
        date(2013, 8, 1),
    ]
    assert offsets(days, 7) == [-1, 0, 1, -1, -1, -3, 7]


def test_a_day_alone_finds_a_holiday_seven_weeks_away() -> None:
    assert offsets([date(2013, 4, 8)], 60) == [49]  # as far from Presidents' as Memorial Day
    assert offsets([date(2013, 4, 9)], 60) == [-48]


HOLIDAYS = [day.date() for day in USFederalHolidayCalendar().holidays("1999-06-01", "2036-06-01")]
DAYS = st.lists(st.dates(date(2000, 1, 1), date(2035, 12, 31)), min_size=1, max_size=20)


@given(days=DAYS, window=st.integers(1, 60))
def test_an_offset_is_the_distance_to_the_nearest_of_all_holidays(
    days: list[date], window: int
) -> None:
    def offset(day: date) -> int:
        nearest = min(HOLIDAYS, key=lambda holiday: (abs(day - holiday), holiday))
        return max(-window, min(window, (day - nearest) // timedelta(days=1)))

    found = offsets(days, window)
    assert found == [offset(day) for day in days]
    assert all(-window <= value <= window for value in found)


def test_every_month_gets_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(OWN_YAML, encoding="utf-8")
    for month in ("2013-01", "2013-02"):
        write(featurize.PREPARED / f"{month}.parquet", PREPARED)
    assert featurize.main() == "8 rows in 2 partitions"
    assert partitions(FEATURES) == ["2013-01", "2013-02"]
    pd.testing.assert_frame_equal(read(FEATURES / "2013-01.parquet"), WHOLE)
