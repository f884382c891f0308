from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from flights import OUTCOMES, prepared, raw_airports, raw_flights, raw_weather
from hypothesis import given
from hypothesis import strategies as st

import schema
from kit.base import Fault, validate, write

FILE = Path("raw/2013-01.parquet")


def said(frame: pd.DataFrame, rules: pa.DataFrameSchema = schema.RAW_FLIGHTS) -> list[str]:
    """The lines of the Fault of a bad frame, without the name of the file."""
    with pytest.raises(Fault) as fault:
        validate(frame, rules, FILE)
    lines = str(fault.value).splitlines()
    assert all(line.startswith(f"{FILE}: ") for line in lines)
    return [line.removeprefix(f"{FILE}: ") for line in lines]


@pytest.mark.parametrize(
    ("frame", "rules"),
    [
        (raw_flights(), schema.RAW_FLIGHTS),
        (raw_weather(), schema.RAW_WEATHER),
        (raw_airports(), schema.RAW_AIRPORTS),
        (prepared(), schema.PREPARED),
    ],
    ids=["flights", "weather", "airports", "prepared"],
)
def test_good_data_passes_unchanged(frame: pd.DataFrame, rules: pa.DataFrameSchema) -> None:
    pd.testing.assert_frame_equal(validate(frame.copy(), rules, FILE), frame)


TIME = "a time of day as HHMM, 0000 to 2400"
BAD_FLIGHTS: list[tuple[str, Any, str]] = [
    ("distance", ["1400", "187", "300", "1400"], "type: must be int64, is str"),
    ("flight", [1.0, 2.0, 3.0, 4.5], "type: must be int64, is float64"),
    ("carrier", [1, 2, 3, 4], "type: must be string[pyarrow], is int64"),
    (
        "time_hour",
        raw_flights()["time_hour"].dt.tz_localize(None),
        "type: must be datetime64[us, UTC], is datetime64[us]",
    ),
    (
        "distance",
        [1400, 0, -3, 20000],
        "in_range(1, 12000): 3 rows fail it: 0 in row 1, -3 in row 2, 20000 in row 3",
    ),
    ("sched_dep_time", [515, 2401, 600, 900], f"{TIME}: 1 rows fail it: 2401 in row 1"),
    ("dep_time", [1260.0, 2400.0, np.nan, 0.0], f"{TIME}: 1 rows fail it: 1260.0 in row 0"),
    ("origin", ["EWR", None, "LGA", "EWR"], "not_nullable: 1 rows fail it: nan in row 1"),
    ("carrier", ["UA", "JBU", "AA", "UA"], "str_length(1, 2): 1 rows fail it: 'JBU' in row 1"),
    (
        "arr_delay",
        [11.0, np.inf, np.nan, np.nan],
        "in_range(-240, 4320): 1 rows fail it: inf in row 1",
    ),
]


@pytest.mark.parametrize(("column", "values", "line"), BAD_FLIGHTS)
def test_a_bad_column_is_told_with_its_check_count_and_examples(
    column: str, values: Any, line: str
) -> None:
    assert said(raw_flights().assign(**{column: values})) == [f"column {column}: {line}"]


def test_no_more_than_three_examples_are_shown() -> None:
    many = pd.concat([raw_flights().assign(flight=10 + n) for n in range(300)], ignore_index=True)
    assert said(many.assign(distance=0)) == [
        "column distance: in_range(1, 12000): 1,200 rows fail it: "
        "0 in row 0, 0 in row 1, 0 in row 2"
    ]


def test_each_fault_has_a_line_and_a_missing_column_just_one() -> None:
    twice = pd.concat([raw_flights(), raw_flights()], ignore_index=True)
    bad = twice.assign(distance=0, sched_arr_time=9999).drop(columns=["dest", "flight"])
    assert sorted(line.split(": ")[:2] for line in said(bad)) == [
        ["column dest", "missing"],
        ["column distance", "in_range(1, 12000)"],
        ["column flight", "missing"],
        ["column sched_arr_time", TIME],
    ]


def test_a_flight_given_twice_is_counted_and_shown() -> None:
    twice = pd.concat([raw_flights(), raw_flights().iloc[[0, 1, 0]]], ignore_index=True)
    assert said(twice) == [
        "columns year, month, day, carrier, flight, origin: unique: 3 rows repeat one: "
        "[2013, 1, 1, 'UA', 1545, 'EWR']; [2013, 1, 1, 'B6', 7, 'JFK']; "
        "[2013, 1, 1, 'UA', 1545, 'EWR']"
    ]


def test_an_empty_month_is_refused() -> None:
    assert said(raw_flights().head(0)) == ["no rows: leave it out until it has some"]


def test_raw_data_may_have_columns_of_its_own() -> None:
    validate(raw_flights().assign(gate="B32"), schema.RAW_FLIGHTS, FILE)


def test_an_hour_of_weather_given_twice_is_refused() -> None:
    twice = pd.concat([raw_weather(), raw_weather().head(1)], ignore_index=True)
    (line,) = said(twice, schema.RAW_WEATHER)
    assert line.startswith("columns origin, time_hour: unique: 1 rows repeat one: ['EWR', ")


def test_impossible_weather_is_refused_and_a_broken_wind_sensor_is_not() -> None:
    weather = raw_weather().assign(humid=[59.0, 101.0, -1.0], wind_speed=[0.0, 1048.0, np.nan])
    assert said(weather, schema.RAW_WEATHER) == [
        "column humid: in_range(0, 100): 2 rows fail it: 101.0 in row 1, -1.0 in row 2"
    ]


def test_an_airport_listed_twice_is_refused() -> None:
    airports = raw_airports().assign(faa="BOS", lat=[42.36, 91.0])
    assert said(airports, schema.RAW_AIRPORTS) == [
        "column faa: field_uniqueness: 2 rows fail it: 'BOS' in row 0, 'BOS' in row 1",
        "column lat: in_range(-90, 90): 1 rows fail it: 91.0 in row 1",
    ]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_outcome_gets_past_prepare(outcome: str) -> None:
    frame = prepared().assign(**{outcome: raw_flights()[outcome]})
    assert said(frame, schema.PREPARED) == [f"column {outcome}: not allowed here"]


def test_prepared_columns_are_refused_in_another_order() -> None:
    names = list(schema.PREPARED.columns)
    moved = prepared()[[names[1], names[0], *names[2:]]]
    assert said(moved, schema.PREPARED) == [f"columns: order: must be {', '.join(names)}"]


def test_a_check_of_a_whole_column_is_told() -> None:
    late = pa.Check(lambda values: bool(values.mean() > 99), error="late on average")
    rules = pa.DataFrameSchema({"arr_delay": pa.Column(float, late, nullable=True)})
    assert said(raw_flights(), rules) == ["column arr_delay: late on average: fails: False"]


def test_a_label_is_0_or_1() -> None:
    frame = prepared().assign(disrupted=np.array([0, 1, 2, -1], dtype="int8"))
    assert said(frame, schema.PREPARED) == [
        "column disrupted: isin([0, 1]): 2 rows fail it: 2 in row 2, -1 in row 3"
    ]


def test_a_prepared_flight_has_a_key_of_its_own() -> None:
    key = ["date", "origin", "carrier", "flight"]
    frame = prepared().assign(**{name: prepared()[name].iloc[0] for name in key})
    (line,) = said(frame, schema.PREPARED)
    assert line.startswith("columns date, origin, carrier, flight: unique: 3 rows repeat one: ")


def test_a_day_of_another_month_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "2013-01.parquet"
    write(path, raw_flights())
    pd.testing.assert_frame_equal(schema.read_month(path, schema.RAW_FLIGHTS), raw_flights())
    write(path, raw_flights().assign(month=[1, 2, 1, 1], day=[1, 2, 2, 32]))
    with pytest.raises(Fault) as fault:
        schema.read_month(path, schema.RAW_FLIGHTS)
    assert str(fault.value) == (
        f"{path}: columns year, month, day: a day of 2013-01: "
        "2 rows fail it: 2013-2-2 in row 1, 2013-1-32 in row 3"
    )


ANYTHING = st.sampled_from(
    [None, -1, 0, 1.5, np.nan, np.inf, "", "words", True, pd.Timestamp("2013-01-01"), b"x"]
)


@given(
    column=st.sampled_from(list(raw_flights())), values=st.lists(ANYTHING, min_size=4, max_size=4)
)
def test_whatever_a_column_holds_it_passes_or_is_a_fault_with_a_line(
    column: str, values: list[Any]
) -> None:
    frame = raw_flights().assign(**{column: pd.Series(values, dtype=object)})
    for table in (frame, frame.infer_objects()):
        try:
            validate(table, schema.RAW_FLIGHTS, FILE)
        except Fault as fault:
            for line in str(fault).splitlines():
                assert f"column {column}: " in line or "columns year, month" in line
