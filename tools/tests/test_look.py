"""`strata look` shows tables of all kinds, of the workspace and of revisions."""

import itertools
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata

from strata.core import limits
from strata.core.errors import Fault
from strata_adopt import sources, tables
from strata_adopt.remarks import describe, of_table, task
from strata_adopt.scan import scan


@given(sizes=st.lists(st.integers(0, 60), max_size=20), most=st.integers(1, 50))
def test_every_step_th_row_is_kept_however_the_rows_come(sizes: list[int], most: int) -> None:
    rows = pd.DataFrame({"row": np.arange(sum(sizes))})
    ends = np.cumsum([0, *sizes])
    parts = [rows.iloc[a:b] for a, b in itertools.pairwise(ends)]
    frame, step, count = tables.sample(parts, most)
    assert count == len(rows)
    if frame is None:
        assert count == 0
        return
    assert frame["row"].tolist() == list(range(0, count, step))
    assert len(frame) <= most
    assert step == 1 or count > most * step / 2


ROWS = 400
RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=ROWS)
BOUGHT = np.where(SIGNAL + RNG.normal(size=ROWS) > 0, "yes", "no")
GOOD = pd.DataFrame(
    {
        "size": SIGNAL,
        "shop": RNG.choice(["north", "south"], ROWS),
        "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 300, ROWS), unit="D"),
    }
)
WORDS = np.array(["the", "door", "of", "my", "house", "is", "red", "and", "old", "now"])
TRAPS = {  # a column, and the remark on it
    "leak": (np.where(BOUGHT == "yes", 5.0, 1.0) + RNG.random(ROWS), "alone predicts the target"),
    "leak_in_text": (np.where(BOUGHT == "yes", "paid", "open"), "alone predicts the target"),
    "number": (np.arange(ROWS) + 7000, "an identifier"),
    "code": ([f"K{n}" for n in range(ROWS)], "an identifier"),
    "same": (["EUR"] * ROWS, "constant"),
    "void": ([None] * ROWS, "empty"),
    "sparse": (np.where(np.arange(ROWS) % 4 == 0, SIGNAL, np.nan), "mostly missing"),
    "doubled": (SIGNAL * 2, "almost the same as size"),
    "nearly": (SIGNAL + RNG.normal(scale=1e-4, size=ROWS), "almost the same as size"),
    "shop_number": (np.where(GOOD["shop"] == "north", 1, 2), "the same as shop in other words"),
    "day": (GOOD["when"].dt.strftime("%d.%m.%Y"), "dates as text"),
    "price": ([f"1.{n:03},50" for n in RNG.integers(0, 300, ROWS)], "with a decimal comma"),
    "weight": ([f"{n / 10} kg" for n in RNG.integers(0, 99, ROWS)], "with a unit"),
    "count": ([str(n) for n in RNG.integers(0, 99, ROWS)], "numbers as text"),
    "note": ([" ".join(RNG.choice(WORDS, 7)) for _ in range(ROWS)], "free text"),
    "e_mail": (RNG.choice(["a@b", "c@d"], ROWS), "perhaps personal data"),
    "delivered": (GOOD["when"] + pd.Timedelta(days=36500), "in the future, up to"),
    "odd": (np.array([1, "a"] * (ROWS // 2), dtype=object), "text and other values mixed"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_found(name: str) -> None:
    values, said = TRAPS[name]
    frame = GOOD.assign(**{name: values}, bought=BOUGHT)
    found = {column.name: "; ".join(column.remarks) for column in describe(frame, "bought")}
    assert said in found.pop(name)
    assert found == {"size": "", "shop": "", "when": "", "bought": "the target"}


def test_a_good_table_has_no_remark() -> None:
    frame = GOOD.assign(bought=BOUGHT)
    assert of_table(frame, "bought") == ["task of predicting bought: binary"]
    assert of_table(frame, None) == []


def test_rows_and_the_target_are_looked_at_too() -> None:
    frame = GOOD.assign(kind=np.where(np.arange(ROWS) < 3, "rare", BOUGHT)).astype({"kind": object})
    frame.loc[5, "kind"] = None
    clash = frame.iloc[[10]].assign(kind="else")
    said = of_table(pd.concat([frame, frame.iloc[[20, 21]], clash]), "kind")
    assert said == [
        "repeats of another row: 2; they may fall on both sides of a split",
        "task of predicting kind: multiclass",
        "kind is missing in 1 row: nothing to learn from them",
        "rare classes: rare (3 rows), else (1 row)",
        "1 group of rows that are alike in all else but kind",
    ]
    assert "has one class only" in of_table(GOOD.assign(kind="a"), "kind")[-1]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([0, 1] * 50, "binary"),
        (["a", "b", "c"] * 30, "multiclass"),
        (list(range(5)) * 20, "multiclass"),
        (list(range(100)), "regression"),
        ([1.5, 2.5, 3.5], "regression"),
    ],
)
def test_the_task_is_guessed(values: list[object], what: str) -> None:
    assert task(pd.Series(values)) == what


CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()


@given(
    table=st.dictionaries(
        st.text(max_size=5), st.lists(CELL, min_size=12, max_size=12), min_size=1, max_size=4
    )
)
def test_any_table_can_be_looked_at(table: dict[str, list[object]]) -> None:
    frame = pd.DataFrame(table)
    for target in (None, *frame.columns):
        assert len(describe(frame, target)) == len(frame.columns)
        assert all(isinstance(remark, str) for remark in of_table(frame, target))


FRAME = pd.DataFrame({"name": ["Ä", "b", None], "size": [1.5, np.nan, 2.0]})


def shown(page: Path) -> str:
    """The text of a page, which loads nothing from elsewhere."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|img|iframe)[^>]* src=|<link[^>]* href=|@import|url\(http", text)
    return text


@pytest.mark.slow
def test_files_of_each_format_and_a_folder(
    project: Project, tmp_path: Path, strata: Strata
) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    FRAME.to_csv(tables / "a.csv", index=False)
    FRAME.to_csv(tables / "b.tsv", index=False, sep="\t")
    FRAME.to_json(tables / "c.jsonl", orient="records", lines=True)
    FRAME.to_parquet(tables / "d.parquet")
    FRAME.to_excel(tables / "e.xlsx", index=False)
    FRAME.to_csv(tables / "f.txt", index=False, sep=";", decimal=",", encoding="cp1252")
    for path in sorted(tables.iterdir()):
        assert f"{path}, 3 rows" in strata(project, "look", str(path))
        assert "Ä" in shown(project.path / ".dvc/tmp/look.html")
    page = tmp_path / "all.html"
    said = strata(project, "look", str(tables / "*.[ct][st]v"), "--output", str(page), code=1)
    assert "b.tsv is written otherwise than a.csv" in said
    (tables / "b.tsv").rename(tables / "b.csv").write_bytes((tables / "a.csv").read_bytes())
    assert ", 6 rows" in strata(project, "look", str(tables / "*.csv"), "--output", str(page))
    shown(page)
    with sqlite3.connect(tmp_path / "a.db") as bank:
        FRAME.to_sql("people", bank)
    bank.close()
    address = f"sqlite:///{tmp_path / 'a.db'}"
    asked = ("look", address, "--query", "SELECT name FROM people")
    assert f"{address}, 3 rows" in strata(project, *asked)
    assert "a database needs --query" in strata(project, "look", address, code=1)
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_the_same_of_a_revision(versions: Project, strata: Strata) -> None:
    said = strata(versions, "look", "metrics/months.csv", "--rev", "v1")  # Git's
    assert said.startswith("metrics/months.csv of v1, 2 rows\ncolumn ")
    shown(versions.path / ".dvc/tmp/look.html")
    assert "data/raw of v1, 800 rows" in strata(versions, "look", "data/raw", "--rev", "v1")
    assert "v1 has no data/none" in strata(versions, "look", "data/none", "--rev", "v1", code=1)


@pytest.mark.slow
def test_what_it_says_of_a_target(project: Project, tmp_path: Path, strata: Strata) -> None:
    path = tmp_path / "t.csv"
    GOOD.assign(**{"x\x1b[31m": TRAPS["leak"][0]}, bought=BOUGHT).to_csv(path, index=False)
    said = strata(project, "look", str(path), "--target", "bought")
    assert "x\\x1b[31m" in said
    assert "alone predicts the target (balanced accuracy 1.00): is it known in time?" in said
    assert "task of predicting bought: binary" in said
    assert "\x1b" not in said
    assert "no column 'sold'; there are size, shop" in strata(
        project, "look", str(path), "--target", "sold", code=1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv: line 3 has 1 values, and the header 2 names"),
        ("a.parquet", b"PAR1", "a.parquet: cannot be read: "),
        ("a.xlsx", b"PK", "a.xlsx: cannot be read: it is no workbook"),
        ("a.csv", b"a,b\n", "there is a header, and no row below it"),
        ("a.png", b"", "is no table that can be read"),
        ("", b"", "nope: no such file"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    name: str, content: bytes, said: str, project: Project, tmp_path: Path, strata: Strata
) -> None:
    path = tmp_path / (name or "nope")
    if name:
        path.write_bytes(content)
    found = strata(project, "look", str(path), code=1)
    assert said in found
    assert len(found.splitlines()) == 1
    assert not (project.path / ".dvc/tmp/look.html").exists()


@pytest.mark.slow
def test_a_path_of_a_revision_is_one_of_the_repository(
    versions: Project, tmp_path: Path, strata: Strata
) -> None:
    for path in (str(tmp_path), "..", "../other", "data/../../x"):
        said = strata(versions, "look", path, "--rev", "v1", code=1)
        assert f"{path} is outside of the repository" in said
        assert len(said.splitlines()) == 1
    whole = str(versions.path / "data/raw")
    assert "800 rows" in strata(versions, "look", whole, "--rev", "v1")
    assert "800 rows" in strata(versions, "look", "models/../data/raw", "--rev", "v1")
    versions.run("dvc", "config", "--local", "cache.type", "symlink")
    versions.run("dvc", "checkout", "--relink", "--quiet")
    path = "metrics/predictions.parquet"
    assert (versions.path / path).is_symlink()
    assert f"{path} of v1, 800 rows" in strata(versions, "look", path, "--rev", "v1")


def test_nested_columns_and_those_of_odd_types_are_shown_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    frame = pd.DataFrame({"a": [[1], [2, 3]], "b": [b"x", b"y"], "c": [1.5, None]})
    frame.to_parquet(path)
    table = scan(sources.from_named("odd", {"odd.parquet": path}), strict=False)
    assert {name: column.kind for name, column in table.columns.items()} == {
        "a": "text", "b": "text", "c": "number"
    }  # fmt: skip
    assert len(describe(table.sample, None)) == 3


def test_a_workbook_is_not_unpacked_beyond_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY", replace(limits.MEMORY, most=1_000_000))
    path = tmp_path / "bomb.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as parts:
        parts.writestr("x.xml", bytes(2_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(Fault, match=r"bomb\.xlsx: "):
        sources.from_named("bomb", {"bomb.xlsx": path})
