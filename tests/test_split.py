from pathlib import Path

import pytest
from frames import PARAMS_YAML, features
from hypothesis import given
from hypothesis import strategies as st

import params
import split
from partitions import write
from stage import Fault

MONTH = st.builds("{:04}-{:02}".format, st.integers(1987, 2030), st.integers(1, 12))
SIZES = st.builds(
    lambda validation, test: params.Split(validation_months=validation, test_months=test),
    st.integers(1, 3),
    st.integers(1, 3),
)


@given(names=st.lists(MONTH, min_size=7, max_size=30, unique=True), sizes=SIZES)
def test_all_months_are_divided_and_only_the_oldest_train(
    names: list[str], sizes: params.Split
) -> None:
    parts = split.split_months(names, sizes)
    assert [month for part in parts.values() for month in part] == sorted(names)
    assert max(parts["train"]) < min(parts["validation"])
    assert max(parts["validation"]) < min(parts["test"])
    assert len(parts["validation"]) == sizes.validation_months
    assert len(parts["test"]) == sizes.test_months


@given(names=st.lists(MONTH, max_size=7, unique=True), sizes=SIZES)
def test_months_are_divided_just_when_one_is_left_to_train_on(
    names: list[str], sizes: params.Split
) -> None:
    try:
        parts = split.split_months(names, sizes)
    except Fault:
        assert len(names) <= sizes.validation_months + sizes.test_months
    else:
        assert parts["train"]


def test_too_few_months_are_a_fault_that_says_what_to_change() -> None:
    sizes = params.Split(validation_months=2, test_months=1)
    with pytest.raises(Fault) as fault:
        split.split_months(["2013-01", "2013-02", "2013-03"], sizes)
    assert str(fault.value) == (
        "params.yaml: split holds out 3 months, and there are 3: "
        "none is left to train on; lower split.* or raise ingest.through"
    )


def test_no_day_of_validation_or_test_or_later_is_loaded_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML, encoding="utf-8")
    for month in ("2013-03", "2013-01", "2012-12", "2013-02"):
        write(split.FEATURES / f"{month}.parquet", features(month, rows=30))
    parts = split.load("train", "validation", "test")
    assert {name: frame["month"].unique().tolist() for name, frame in parts.items()} == {
        "train": ["2012-12", "2013-01"],
        "validation": ["2013-02"],
        "test": ["2013-03"],
    }
    assert parts["train"]["date"].max() < parts["validation"]["date"].min()
    assert parts["validation"]["date"].max() < parts["test"]["date"].min()
    assert parts["train"].index.tolist() == list(range(60))
    assert list(split.load("test")) == ["test"]
