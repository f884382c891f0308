from pathlib import Path

import pandas as pd
import pytest
from frames import utc

import ingest
from partitions import months, write_months
from stage import Fault

TABLE = pd.DataFrame(
    {
        "year": 2013,
        "month": [1, 10, 2, 1, 11],
        "flight": [1, 2, 3, 4, 5],
    }
)


def test_months_are_named_so_that_their_names_sort_by_time() -> None:
    assert ingest.month_of(TABLE).tolist() == [
        *("2013-01", "2013-10", "2013-02", "2013-01", "2013-11")
    ]


def test_months_arrive_up_to_and_including_the_one_named() -> None:
    assert ingest.arrived(ingest.month_of(TABLE), "2013-10") == ["2013-01", "2013-02", "2013-10"]


@pytest.mark.parametrize("through", ["2012-12", "2013-12", "2013-03"])
def test_a_month_without_data_is_refused_with_the_months_there_are(through: str) -> None:
    with pytest.raises(Fault, match=f"ingest.through is '{through}'.* 2013-01 to 2013-11"):
        ingest.arrived(ingest.month_of(TABLE), through)


def test_a_month_has_its_own_rows_in_their_order() -> None:
    cut = dict(ingest.by_month(TABLE, "2013-10", "flights"))
    assert {month: frame["flight"].tolist() for month, frame in cut.items()} == {
        "2013-01": [1, 4],
        "2013-02": [3],
        "2013-10": [2],
    }


def test_a_new_month_adds_one_file_and_changes_no_other(tmp_path: Path) -> None:
    write_months(tmp_path, ingest.by_month(TABLE, "2013-10", "flights"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_months(tmp_path, ingest.by_month(TABLE, "2013-11", "flights"))
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.items() - before.items() == {
        ("2013-11.parquet", after["2013-11.parquet"]),
    }
    assert before.items() <= after.items()


def test_a_month_taken_back_leaves_no_file_behind(tmp_path: Path) -> None:
    write_months(tmp_path, ingest.by_month(TABLE, "2013-11", "flights"))
    write_months(tmp_path, ingest.by_month(TABLE, "2013-02", "flights"))
    assert months(tmp_path) == ["2013-01", "2013-02"]


def test_time_hour_becomes_a_time_in_utc() -> None:
    table = pd.DataFrame({"time_hour": ["2013-01-01T10:00:00Z", "2013-07-01T09:00:00Z"]})
    expected = utc("2013-01-01 10:00", "2013-07-01 09:00").rename("time_hour")
    pd.testing.assert_series_equal(ingest.typed(table)["time_hour"], expected)
