"""`strata adopt` finds a table's names and columns, however its files and sheets have them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from strata.core.errors import Fault
from strata_adopt import sources
from strata_adopt.header import find_header
from strata_adopt.plan import Options, Plan, observe, propose
from strata_adopt.scan import Table, scan
from strata_adopt.writing import render

ROWS = 60
RNG = np.random.default_rng(0)
VISITS = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, ROWS),
        "sex": ["m", "f"] * (ROWS // 2),
        "date": pd.date_range("2024-01-01", periods=ROWS).strftime("%d.%m.%Y"),
        "dose": RNG.random(ROWS).round(3),
    }
)
NAMES = list(VISITS)
GROUPS = ["Person", None, "Visit", None]
ABOVE: dict[
    str, Any
] = {  # the rows above the data, the numbers of those with the names, and the names
    "names": ([NAMES], [0], NAMES),
    "groups": ([GROUPS, NAMES], [1], NAMES),
    "title": ([["Visits of May"], [], NAMES], [2], NAMES),
    "title and groups": ([["Visits"], GROUPS, NAMES], [2], NAMES),
    "units": (
        [NAMES, ["years", "text", "day", "mg"]],
        [0, 1],
        ["age years", "sex text", "date day", "dose mg"],
    ),
    "years": ([["2020", "2021", "2022", "2023"]], [0], ["2020", "2021", "2022", "2023"]),
    "merged downwards": (
        [["age", "sex", "Visit", None], [None, None, "date", "dose"]],
        [0, 1],
        ["age", "sex", "Visit date", "Visit dose"],
    ),
    "no name for one": ([[None, "sex", "date", "dose"]], [0], ["Unnamed: 0", *NAMES[1:]]),
}


def write(path: Path, above: list[list[Any]], frame: pd.DataFrame = VISITS) -> Path:
    """A sheet or a text file with rows above the data of a frame."""
    cells = [[*row, *[None] * (len(frame.columns) - len(row))] for row in above]
    both = pd.DataFrame([*cells, *frame.to_numpy(dtype=object).tolist()])
    if path.suffix == ".xlsx":
        both.to_excel(path, index=False, header=False)
    else:
        both.to_csv(path, index=False, header=False, sep=";")
    return path


def proposed(table: Table, target: str, **options: Any) -> Plan:
    return propose(table, Options(target, **options), observe(table, target))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plan], dict[str, Any]]:
    """What the code that is written for a plan defines: schema.py, ingest.py and frames.py."""
    monkeypatch.syspath_prepend(str(ROOT / "src"))

    def define(plan: Plan) -> dict[str, Any]:
        texts, names = render(plan, ROOT), dict[str, Any](__name__="written")
        exec(texts["src/schema.py"], names)
        names["schema"] = SimpleNamespace(**names)
        for name in ("src/ingest.py", "tests/frames.py"):
            exec(texts[name].replace("import schema\n", ""), names)
        return names

    return define


Written = Callable[[Plan], dict[str, Any]]


def ingested(code: dict[str, Any], folder: Path) -> pd.DataFrame:
    """What the code reads from a folder, checked."""
    code["SOURCE"] = folder
    return pd.concat(
        [pd.DataFrame(code["schema"].RAW.validate(part)) for _, part in code["tables"]()]
    )


@pytest.mark.parametrize("name", ["table.csv", "table.xlsx"])
@pytest.mark.parametrize("case", ABOVE)
def test_names_are_found_where_they_are(
    tmp_path: Path, case: str, name: str, written: Written
) -> None:
    above, _, names = ABOVE[case]
    if case == "merged downwards" and name == "table.csv":
        names = ["age", "sex", "Visit date", "dose"]  # a text file has no merged cells
    table = scan(sources.from_files(str(write(tmp_path / name, above))))
    assert list(table.columns) == names
    assert table.rows == ROWS
    assert table.columns[names[3]].kind == "number"
    code = written(proposed(table, names[3]))
    read = ingested(code, tmp_path)
    assert read[names[3]].tolist() == VISITS["dose"].tolist()
    assert read[names[0]].tolist() == VISITS["age"].tolist()
    code["write_source"](tmp_path)  # the small table of the tests is read in the same way
    assert ingested(code, tmp_path)[names[3]].notna().all()


@pytest.mark.parametrize("case", ABOVE)
def test_the_rows_of_the_names_are_told_by_the_values_below(case: str) -> None:
    above, rows, _ = ABOVE[case]
    assert find_header([*above, *VISITS.to_numpy(dtype=object).tolist()]) == rows


TEXTS = {  # tables whose first row has the names, whatever looks otherwise
    "all text": [["name", "town"], ["Ann", "Rome"], ["Bob", "Oslo"], ["Cid", "Bern"]],
    "a mark first": [["name", "age"], ["Ann", "k.A."], *[["Bob", "31"]] * 9],
    "missing first": [["name", "age"], ["Ann", ""], *[["Bob", "31"]] * 9],
    "an index": [["", "bought"], *[[str(n), "yes"] for n in range(9)]],
    "one column": [["age"], *[["31"]] * 9],
    "one row": [["age", "sex"], ["31", "m"]],
    "nothing": [],
}


@pytest.mark.parametrize("case", TEXTS)
def test_the_first_row_has_the_names_unless_another_plainly_does(case: str) -> None:
    assert find_header(TEXTS[case]) == [0]


def test_the_user_names_the_rows_and_files_agree_on_them(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", [GROUPS, NAMES])
    asked = sources.from_files(str(path), header=[1, 2])
    assert list(scan(asked).columns) == ["Person age", "sex", "Visit date", "dose"]
    table = scan(sources.from_files(str(path)))
    assert "the columns are named in row 2" in proposed(table, "dose").remarks[0]
    write(tmp_path / "two.csv", [NAMES])
    with pytest.raises(Fault, match=r"two.csv is written otherwise than one.csv"):
        sources.from_files(str(tmp_path))


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_column_that_only_a_late_file_has_is_missing_before(
    tmp_path: Path, ending: str, written: Written
) -> None:
    more: dict[str, Any] = {
        "tall": RNG.integers(0, 9, ROWS),
        "paid": RNG.choice([True, False], ROWS),
        "how": RNG.choice(["card", "cash"], ROWS),
        "when": pd.date_range("2024-01-01", periods=ROWS, tz=None if ending == "xlsx" else "CET"),
    }
    files: list[dict[str, Any]] = [{}, {}, more]
    for number, extra in enumerate(files):
        frame = VISITS.assign(**extra)
        path = tmp_path / f"{number}.{ending}"
        if ending == "csv":
            frame.to_csv(path, index=False)
        elif ending == "xlsx":
            frame.to_excel(path, index=False)
        else:
            frame.to_parquet(path)
    table = scan(sources.from_files(str(tmp_path)))
    assert {name: len(files) for name, files in table.absent.items()} == dict.fromkeys(more, 2)
    plan = proposed(table, "dose", drop=("tall",))
    fields = {field.name: field for field in plan.fields}
    assert f"not in 0.{ending} and 1 more files: read as missing there" in fields["how"].remarks
    assert fields["tall"].role == "left out"
    read = ingested(written(plan), tmp_path)
    assert read["tall"].isna().sum() == 2 * ROWS
    assert read["tall"].dropna().tolist() == more["tall"].tolist()
    assert read["how"].dropna().tolist() == more["how"].tolist()
    assert read["when"].notna().sum() == ROWS
    with pytest.raises(Fault, match=rf"0.{ending} has no column 'tall', which is the target"):
        proposed(table, "tall")


@pytest.mark.parametrize("first", ["number", "text"])
def test_a_column_of_numbers_in_one_sheet_and_texts_in_another_is_text(
    tmp_path: Path, first: str, written: Written
) -> None:
    names = ("1.xlsx", "2.xlsx") if first == "number" else ("2.xlsx", "1.xlsx")
    VISITS.to_excel(tmp_path / names[0], index=False)
    texts = [f"about {n}" for n in VISITS["age"]]
    VISITS.assign(age=texts).to_excel(tmp_path / names[1], index=False)
    table = scan(sources.from_files(str(tmp_path)))
    assert table.columns["age"].kind == "text"
    read = ingested(written(proposed(table, "dose")), tmp_path)
    assert {*read["age"]} == {*map(str, VISITS["age"]), *texts}


BAD = {  # a column, a bad cell, and what ingest says of it
    "age": ("old", "column age: a whole number: 1 rows fail it: 'old' in row 7"),
    "dose": ("much", "column dose: a number: 1 rows fail it: 'much' in row 7"),
    "date": ("soon", "column date: a moment written as ISO8601: 1 rows fail it: 'soon' in row 7"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_cell_of_a_sheet_is_named_with_its_column_and_row(
    tmp_path: Path, name: str, written: Written
) -> None:
    path = tmp_path / "table.xlsx"
    frame = VISITS.assign(date=pd.to_datetime(VISITS["date"], format="%d.%m.%Y"))
    frame.to_excel(path, index=False)
    code = written(proposed(scan(sources.from_files(str(path))), "dose"))
    frame = frame.astype({name: "object"})
    frame.loc[7, name], what = BAD[name]
    frame.to_excel(path, index=False)
    with pytest.raises(Exception, match=what):  # a Fault of the kit
        ingested(code, tmp_path)
