from typing import Any

import pandas as pd
import pytest
from flights import utc
from frames import SETTINGS

import ingest
from kit.base import Fault
from params import Params

TABLE = pd.DataFrame({"year": 2013, "month": [1, 10, 2, 1, 11], "flight": [1, 2, 3, 4, 5]})


def test_months_are_named_so_that_their_names_sort_by_time() -> None:
    names = ["2013-01", "2013-10", "2013-02", "2013-01", "2013-11"]
    assert ingest.month_of(TABLE).tolist() == names


def test_months_arrive_up_to_and_including_the_one_named() -> None:
    months = [month for month, _ in ingest.by_month(TABLE, "2013-10")]
    assert months == ["2013-01", "2013-02", "2013-10"]


@pytest.mark.parametrize("through", ["2012-12", "2013-12", "2013-03"])
def test_a_month_without_data_is_refused_with_the_months_there_are(through: str) -> None:
    with pytest.raises(Fault, match=f"ingest.through is '{through}'.* 2013-01 to 2013-11"):
        ingest.by_month(TABLE, through)


def test_a_month_has_its_own_rows_in_their_order() -> None:
    cut = dict(ingest.by_month(TABLE, "2013-10"))
    assert {month: frame["flight"].tolist() for month, frame in cut.items()} == {
        "2013-01": [1, 4],
        "2013-02": [3],
        "2013-10": [2],
    }


def test_time_hour_becomes_a_time_in_utc() -> None:
    table = pd.DataFrame({"time_hour": ["2013-01-01T10:00:00Z", "2013-07-01T09:00:00Z"]})
    expected = utc("2013-01-01 10:00", "2013-07-01 09:00").rename("time_hour")
    pd.testing.assert_series_equal(ingest.typed(table)["time_hour"], expected)


BAD = {"2013-13": "ingest.through", "2013-10-01": "ingest.through", 0: "prepare.weather_lag_hours"}


@pytest.mark.parametrize("value", BAD)
def test_a_month_no_calendar_has_and_weather_of_the_future_are_refused(value: Any) -> None:
    content = SETTINGS.model_dump()
    section, key = BAD[value].split(".")
    content[section][key] = value
    with pytest.raises(Fault, match=rf"{BAD[value]} is {value!r}: (should be a month|input)"):
        Params.check(content)
