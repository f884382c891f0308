from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import SETTINGS, features
from hypothesis import given
from hypothesis import strategies as st

from kit import params
from kit.base import Fault, write
from kit.learn import Rows, read_splits, split

DATA = SETTINGS.data.model_copy(update={"key": ["id"], "target": "label"})
SIZES = st.floats(0.1, 0.4)


def how(by: str, column: str | None = None, **others: Any) -> params.Split:
    usual = {"period": None, "validation": 0.25, "test": 0.25, "through": None, "seed": 0}
    return params.Split(by=by, column=column, **usual | others)  # type: ignore[arg-type]


def sides(names: pd.Series, units: pd.Series) -> pd.Series:
    """The number of splits that each unit is in."""
    return names.groupby(units.to_numpy()).nunique()


@given(
    days=st.lists(st.integers(0, 900), min_size=30, max_size=80),
    period=st.sampled_from(list(split.PERIODS)),
    held=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_by_time_no_moment_is_on_two_sides_and_only_the_oldest_train(
    days: list[int], period: str, held: tuple[int, int]
) -> None:
    rows = pd.DataFrame({"when": pd.Timestamp("2012-01-01") + pd.to_timedelta(days, unit="D")})
    setting = how("time", "when", period=period, validation=held[0], test=held[1])
    units = rows["when"].dt.to_period(split.PERIODS[period])
    try:
        names = split.assign(rows, setting, DATA)
    except Fault:
        assert units.nunique() <= sum(held)
        return
    assert (sides(names, units) == 1).all()
    of = {name: rows["when"][names == name] for name in split.NAMES}
    assert of["train"].max() < of["validation"].min()
    assert of["validation"].max() < of["test"].min()
    assert [units[names == name].nunique() for name in split.NAMES[1:]] == list(held)


@given(
    groups=st.lists(st.integers(0, 40), min_size=60, max_size=100),
    order=st.randoms(),
    seed=st.integers(0, 5),
)
def test_no_group_is_on_two_sides_whatever_the_order_of_rows(
    groups: list[int], order: Any, seed: int
) -> None:
    rows = pd.DataFrame({"group": groups})
    if rows["group"].nunique() < 4:
        return  # too few to give each split one
    names = split.assign(rows, how("group", "group", seed=seed), DATA)
    assert (sides(names, rows["group"]) == 1).all()
    shuffled = list(rows.index)
    order.shuffle(shuffled)
    again = split.assign(rows.loc[shuffled], how("group", "group", seed=seed), DATA)
    pd.testing.assert_series_equal(again.sort_index(), names)
    count = rows["group"].nunique()
    held = rows["group"][names == "test"].nunique()
    assert abs(held - count / 4) <= 1


@given(validation=SIZES, test=SIZES, seed=st.integers(0, 2**32 - 1))
def test_a_random_split_has_the_shares_asked_for(validation: float, test: float, seed: int) -> None:
    rows = pd.DataFrame({"id": np.arange(200)})
    setting = how("random", validation=validation, test=test, seed=seed)
    counts = split.assign(rows, setting, DATA).value_counts()
    assert counts["test"] == pytest.approx(200 * test, abs=1)
    assert counts["validation"] == pytest.approx(200 * validation, abs=1.5)


def test_another_seed_is_another_split() -> None:
    rows = pd.DataFrame({"id": np.arange(200)})
    names = [split.assign(rows, how("random", seed=seed), DATA) for seed in (0, 1)]
    assert 0.2 < (names[0] != names[1]).mean() < 0.8


def test_a_stratified_split_keeps_the_shares_of_the_classes() -> None:
    rows = pd.DataFrame({"id": np.arange(400), "label": ["rare"] * 40 + ["usual"] * 360})
    names = split.assign(rows, how("stratified"), DATA)
    for name, share in (("train", 0.5), ("validation", 0.25), ("test", 0.25)):
        counts = rows["label"][names == name].value_counts()
        assert counts.to_dict() == {"usual": 360 * share, "rare": 40 * share}


def test_a_column_can_say_it() -> None:
    said = ["train", "test", "validation", "train"]
    assert split.assign(pd.DataFrame({"s": said}), how("column", "s"), DATA).tolist() == said
    with pytest.raises(Fault, match="that column says 'holdout'; there are train, validation"):
        split.assign(pd.DataFrame({"s": [*said, "holdout"]}), how("column", "s"), DATA)


def test_a_split_without_rows_is_a_fault_that_says_what_to_change() -> None:
    rows = pd.DataFrame({"group": [1, 1, 1]})
    with pytest.raises(Fault, match="split by group: no row is left for "):
        split.assign(rows, how("group", "group"), DATA)
    days = pd.DataFrame({"day": pd.to_datetime(["2013-01-01", "2013-02-01", "2013-03-01"])})
    with pytest.raises(Fault) as fault:
        split.assign(days, how("time", "day", period="month", validation=2, test=1), DATA)
    assert str(fault.value) == (
        "params.yaml: split holds out 3 months, and there are 3: none is left to train on; "
        "lower split.validation and split.test, or bring more data"
    )


def test_what_is_no_moment_is_a_fault() -> None:
    setting = how("time", "day", period="month", validation=1, test=1)
    for values, said in (
        (["2013-01-01", "2013-02-01"], "split.column is 'day', which is of str, not of moments"),
        (
            pd.to_datetime(["2013-01-01", "NaT"]),
            "day, by which rows are split, is missing",
        ),
    ):
        with pytest.raises(Fault, match=said):
            split.assign(pd.DataFrame({"day": values}), setting, DATA)
    days = pd.to_datetime(["2013-01-01", "2013-02-01", "2013-03-01"], utc=True)
    assert split.assign(pd.DataFrame({"day": days}), setting, DATA).tolist() == list(split.NAMES)


def test_no_day_of_validation_or_test_or_later_is_loaded_to_train(tmp_path: Path) -> None:
    for month in ("2013-03", "2013-01", "2012-12", "2013-02"):
        write(tmp_path / f"{month}.parquet", features(month, rows=30))
    rows = read_splits(SETTINGS.split, SETTINGS.data, tmp_path)
    parts = {name: some.frame() for name, some in rows.items()}
    assert {name: frame["partition"].unique().tolist() for name, frame in parts.items()} == {
        "train": ["2012-12", "2013-01"],
        "validation": ["2013-02"],
        "test": ["2013-03"],
    }
    assert parts["train"]["date"].max() < parts["validation"]["date"].min()
    assert parts["validation"]["date"].max() < parts["test"]["date"].min()
    train = rows["train"]
    assert len(train) == len(parts["train"]) == 60
    some = pd.concat(train.sample(10).parts(["id"]))
    assert list(some) == ["id", "partition"]
    assert some["id"].tolist() == [*range(1, 31, 3), *range(1, 31, 3)]
    assert [len(frame) for frame in train.every(7).parts()] == [5, 5]


BY_DAY = {"period": "day", "validation": 1, "test": 1}
SPLITS = [
    how("time", "date", **BY_DAY),
    how("time", "date", **BY_DAY, through="1970-01-05"),  # the days 0 to 4
    how("group", "group"),
    how("column", "said"),
    how("random"),
    how("stratified"),
]
Row = tuple[int, int, str]  # a day, a group and a split
ROWS = st.tuples(st.integers(0, 6), st.integers(0, 9), st.sampled_from(split.NAMES))
PARTITIONS = st.lists(st.lists(ROWS, min_size=3, max_size=9), min_size=1, max_size=4)
Key = tuple[str, int]  # of a row: its partition, and its number among all rows


def written(folder: Path, table: list[list[Row]]) -> tuple[list[Key], list[Key]]:
    """Write the partitions of a table; the keys of the rows of days 0 to 4, and of all."""
    keys: list[Key] = []
    early: list[Key] = []
    for number, rows in enumerate(table):
        name = f"part-{number}"
        ids = range(len(keys), len(keys) + len(rows))
        frame = pd.DataFrame(rows, columns=["day", "group", "said"]).assign(id=ids)
        frame["date"] = pd.Timestamp(0) + pd.to_timedelta(frame["day"], unit="D")
        frame["label"] = frame["group"] % 2
        write(folder / f"{name}.parquet", frame)
        keys += [(name, key) for key in ids]
        early += [(name, key) for key, (day, *_) in zip(ids, rows, strict=True) if day < 5]
    return early, keys


def keys_of(rows: Rows) -> list[Key]:
    frame = rows.frame()
    return list(zip(frame["partition"], frame["id"].tolist(), strict=True))


@given(
    table=PARTITIONS,
    setting=st.sampled_from(SPLITS),
    step=st.integers(1, 5),
    most=st.integers(1, 5),
    few=st.none() | st.integers(1, 3),
)
def test_the_splits_share_no_row_and_leave_none_out_and_some_rows_are_rows_in_order(
    table: list[list[Row]],
    setting: params.Split,
    step: int,
    most: int,
    few: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    early, every = written(folder, table)
    try:
        splits = read_splits(setting, DATA, folder)
    except Fault:
        return  # a split has no row
    found = {name: keys_of(rows) for name, rows in splits.items()}
    together = [key for keys in found.values() for key in keys]
    assert len(together) == len(set(together))
    assert sorted(together) == (early if setting.through else every)
    for name, rows in splits.items():
        keys = found[name]
        assert keys == sorted(keys)
        assert len(rows) == len(keys) > 0
        assert [part["partition"].nunique() for part in rows.parts(["id"])] == [1] * len(rows.masks)
        for some in (rows.every(step), rows.sample(most), rows.sample(most, few)):
            kept = keys_of(some)
            assert kept == [key for key in keys if key in set(kept)]
            assert len(some) == len(kept) > 0
        assert len(rows.every(1)) == len(rows)
        sizes = Counter(part for part, _ in keys)
        thinned = Counter(part for part, _ in keys_of(rows.every(step)))
        assert thinned == {part: -(-size // step) for part, size in sizes.items()}
        sampled = Counter(part for part, _ in keys_of(rows.sample(most)))
        assert sampled.keys() == sizes.keys()
        assert max(sampled.values()) <= most
        fewer = Counter(part for part, _ in keys_of(rows.sample(most, few)))
        assert len(fewer) <= (few or len(sizes))
        assert fewer.items() <= sampled.items()


def test_what_came_after_through_is_in_no_split() -> None:
    days = pd.to_datetime(["2013-01-31", "2013-02-01", "2013-03-01", "2013-04-01", "2013-05-09"])
    of = {"period": "month", "validation": 1, "test": 1}
    found = split.assign(
        pd.DataFrame({"day": days}), how("time", "day", through="2013-03", **of), DATA
    )
    assert found.tolist()[:3] == list(split.NAMES)
    assert found.isna().tolist() == [False] * 3 + [True] * 2
    with pytest.raises(Fault, match=r"split\.through is 'soon', which is no month"):
        split.assign(pd.DataFrame({"day": days}), how("time", "day", through="soon", **of), DATA)
    with pytest.raises(ValueError, match="do not go together"):
        how("random", through="2013-03")
