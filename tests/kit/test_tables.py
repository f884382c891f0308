from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.base import Fault, files, tables

FRAME = pd.DataFrame({"number": [1, 2], "figure": [39.0, np.nan], "name": ["a", "b"]})

TABLES = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=5)), min_size=1
).map(lambda rows: pd.DataFrame(rows, columns=["number", "figure", "name"]))


@given(table=TABLES)
def test_equal_frames_give_equal_bytes_and_come_back_equal(
    table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    tables.write(folder / "a.parquet", table)
    tables.write(folder / "b.parquet", table.copy())
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(tables.read(folder / "a.parquet"), table)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows beyond 100 bytes, as if the disk were full."""
    resource = pytest.importorskip("resource", reason="only Unix can limit the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    path, text = tmp_path / "2013-01.parquet", tmp_path / "metrics.json"
    tables.write(path, FRAME)
    files.write_text(text, "{}\n")
    with full_disk():
        with pytest.raises(OSError, match="File too large"):
            tables.write(path, FRAME.assign(number=3))
        with pytest.raises(OSError, match="File too large"):
            files.write_text(text, "[" + "0, " * 100)
    pd.testing.assert_frame_equal(tables.read(path), FRAME)
    assert text.read_text(encoding="utf-8") == "{}\n"


def test_text_has_the_same_line_ends_everywhere(tmp_path: Path) -> None:
    files.write_text(tmp_path / "new" / "roc.csv", "fpr,tpr\n0,±\n")
    assert (tmp_path / "new" / "roc.csv").read_bytes() == "fpr,tpr\n0,±\n".encode()


def test_rows_are_numbered_from_0_whatever_index_the_file_was_written_with(
    tmp_path: Path,
) -> None:
    FRAME.set_index(pd.Index([5, 5])).to_parquet(tmp_path / "own.parquet")
    pd.testing.assert_frame_equal(tables.read(tmp_path / "own.parquet"), FRAME)


def test_partitions_are_the_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("north", "all", "2012"):
        tables.write(tmp_path / "any" / f"{name}.parquet", FRAME)
    assert tables.partitions(tmp_path / "any") == ["2012", "all", "north"]
    for name in ("2013-02", "2012-12", "2013-01"):
        tables.write(tmp_path / f"{name}.parquet", FRAME)
    (tmp_path / "2013-03.part").write_bytes(b"PAR1")  # a broken write
    assert tables.partitions(tmp_path) == ["2012-12", "2013-01", "2013-02"]


def test_a_month_that_is_skipped_is_a_fault_that_names_it(tmp_path: Path) -> None:
    for name in ("2012-11", "2013-02"):
        tables.write(tmp_path / f"{name}.parquet", FRAME)
    with pytest.raises(Fault, match="no file for 2012-12, 2013-01, between"):
        tables.partitions(tmp_path)


def test_what_is_missing_is_a_fault_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="raw: no data here; `dvc repro` makes it"):
        tables.partitions(tmp_path / "raw")
    with pytest.raises(Fault, match=r"2013-01.parquet: not found; `dvc repro` makes it"):
        tables.read(tmp_path / "2013-01.parquet")


@pytest.mark.parametrize("kept", [0, 5, 200, -1], ids=str)
def test_a_truncated_file_is_a_fault_of_one_line(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "2013-01.parquet"
    tables.write(path, FRAME)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Fault, match=r"2013-01.parquet: cannot be read as Parquet: ") as fault:
        tables.read(path)
    assert len(str(fault.value).splitlines()) == 1


ODD = pd.DataFrame(
    {
        "b.c": ["x", None, "y"],
        "a": pd.Categorical(["u", "v", "u"]),
        "moment": pd.to_datetime(["2013-01-01", "NaT", "2013-01-03"]).tz_localize("UTC"),
        "whole": pd.array([1, None, 3], dtype="Int64"),
        "list": [[1], [], None],
        "flag": [True, False, True],
        "nothing": [None, None, None],
    }
)


@pytest.mark.parametrize(
    "frame",
    [ODD, ODD.set_index("a"), ODD.set_index(pd.Index([7, 8, 9])), ODD[::-1], ODD[:0]],
    ids=["plain", "named index", "index", "reversed", "empty"],
)
@pytest.mark.parametrize("columns", [None, ["moment"], ["whole", "b.c"]], ids=str)
def test_a_file_is_read_as_pandas_reads_it(
    tmp_path: Path, frame: pd.DataFrame, columns: list[str] | None
) -> None:
    path = tmp_path / "odd.parquet"
    frame.to_parquet(path)
    by_pandas = pd.read_parquet(path, columns=columns).reset_index(drop=True)
    pd.testing.assert_frame_equal(tables.read(path, columns), by_pandas)
    bare = pq.read_table(path).replace_schema_metadata(None)  # as other programs write it
    pq.write_table(bare, path)
    by_pandas = pd.read_parquet(path, columns=columns)
    pd.testing.assert_frame_equal(tables.read(path, columns), by_pandas)


def test_a_column_that_a_file_has_not_is_a_fault_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "2013-01.parquet"
    tables.write(path, FRAME)
    with pytest.raises(Fault, match=r"2013-01.parquet: has no column gone, lost$"):
        tables.read(path, [FRAME.columns[0], "gone", "lost"])


def test_two_columns_of_one_name_are_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "2013-01.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    for columns in (None, ["a"]):
        with pytest.raises(Fault, match=r"2013-01.parquet: has more than one column a$"):
            tables.read(path, columns)


def test_a_folder_holds_just_the_months_given(tmp_path: Path) -> None:
    tables.write_all(tmp_path, [("2013-01", FRAME), ("2013-02", FRAME)])
    rows = tables.write_all(tmp_path, [("2013-02", FRAME), ("2013-03", FRAME)])
    assert rows == 4
    assert {path.name for path in tmp_path.iterdir()} == {"2013-02.parquet", "2013-03.parquet"}


def test_a_fault_halfway_takes_no_old_month_away(tmp_path: Path) -> None:
    tables.write_all(tmp_path, [("2013-01", FRAME), ("2013-02", FRAME)])

    def parts() -> Iterator[tuple[str, pd.DataFrame]]:
        yield "2013-01", FRAME
        raise Fault("2013-02 is bad")

    with pytest.raises(Fault, match="2013-02 is bad"):
        tables.write_all(tmp_path, parts())
    assert tables.partitions(tmp_path) == ["2013-01", "2013-02"]
