"""`strata adopt` reads tables of all kinds, finds what spoils projects, and writes good Python."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from adoption import GOOD, RNG, ROWS, adopted, proposal, table
from dvc.utils.hydra import apply_overrides
from hostile import check_text, shape
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT, copy_tracked
from pyarrow import parquet
from ruamel.yaml import YAML

from strata.compare.paired import Columns, columns_of
from strata.core.errors import Fault
from strata_adopt import sources
from strata_adopt.adopt import check_ready, formatted
from strata_adopt.code import literal
from strata_adopt.editing import add_pins, demo_files, drop_pins, edit_settings
from strata_adopt.facts import Column
from strata_adopt.plan import Plan
from strata_adopt.readings import Reading
from strata_adopt.scan import scan
from strata_adopt.writing import READINGS, RULES, render


def kinds(folder: Path, text: str | bytes, name: str = "table.csv") -> dict[str, str]:
    """The kinds of the columns of a text."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {name: column.kind for name, column in table(path).columns.items()}


READ = {  # texts of a column, and as what they are read
    ("1", "2", ""): Reading("whole number"),
    ("1", "2.5", "NA"): Reading("number"),
    ("-1e3", "+.5"): Reading("number"),
    ("1,5", "1.234,50"): Reading("number", decimal=","),
    ("1.5 kg", "20 kg"): Reading("number", after=" kg"),
    ("€ 1,50", "€ 3"): Reading("number", before="€ ", decimal=","),
    ("1", "?", "2"): Reading("number", marks=frozenset({"?"})),
    ("true", "False"): Reading("truth"),
    ("2024-05-01", "2024-12-31"): Reading("moment", format="ISO8601"),
    ("2024-05-01T10:00:00Z", "2024-05-02T10:00:00Z"): Reading(
        "moment", format="ISO8601", zoned=True
    ),
    ("31.12.2024", "01.02.2024"): Reading("moment", format="%d.%m.%Y"),
    ("12/31/2024", "01/02/2024"): Reading("moment", format="%m/%d/%Y"),
    ("01/02/2024", "12/31/2024"): Reading("moment", format="%m/%d/%Y"),  # the second tells
    ("007", "123"): Reading("text"),
    ("12345678901234567890", "1"): Reading("text"),
    ("1.5 kg", "20 lb"): Reading("text"),
    ("a", "1"): Reading("text"),
    ("2024-05-01", "soon"): Reading("text"),
}


@pytest.mark.parametrize("texts", READ)
@pytest.mark.parametrize("batch", [1, 10])
def test_a_column_is_read_in_the_strictest_way_that_fits_all_of_it(
    texts: tuple[str, ...], batch: int
) -> None:
    column = Column("c")
    for _ in range(3):  # as scanned does, until no reading is given up
        for at in range(0, len(texts), batch):
            while column.typed(pa.array(texts[at : at + batch])) is None:
                pass
    assert column.reading == READ[texts]


@given(values=st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1))
def test_numbers_come_back_as_they_were(values: list[float]) -> None:
    for texts in ([f"{v}" for v in values], [f"{v:.3f} kg".replace(".", ",") for v in values]):
        column = Column("c")
        found = None
        while found is None:
            found = column.typed(pa.array(texts))
        assert [float(value.as_py()) for value in found] == pytest.approx(values)


def test_a_type_that_only_a_late_row_shows_is_found(tmp_path: Path) -> None:
    lines = ["a,b,c", *["1,1,2020-01-01"] * 150_000, "1.5,x,2020-01-02 10:00"]
    assert kinds(tmp_path, "\n".join(lines)) == {"a": "number", "b": "text", "c": "moment"}
    found = table(tmp_path / "table.csv")
    assert found.rows == 150_001
    assert found.facts["a"].high == 1.5
    assert found.facts["b"].counts == {"1": 150_000, "x": 1}


def test_encodings_separators_and_quotes(tmp_path: Path) -> None:
    text = 'größe;preis\n"1,5";"a;b"\n2,5;"c\nd"\n'
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        assert kinds(tmp_path, text.encode(encoding)) == {"größe": "number", "preis": "text"}
    assert kinds(tmp_path, text.replace(";", "\t"), "table.tsv")["größe"] == "number"


def test_blank_and_repeated_names_are_told_apart_as_pandas_does(tmp_path: Path) -> None:
    text = ",a,a\n1,2,3\n4,5,6\n"
    assert list(kinds(tmp_path, text)) == list(pd.read_csv(tmp_path / "table.csv").columns)


REFUSED = {  # a text, and what is said of it
    "": "table.csv is empty",
    "a,b\n": "there is a header, and no row below it",
    "a,b\n1,2\n3\n": "table.csv: line 3 has 1 values, and the header 2 names",
    "a,b\0\n1,2\n": "table.csv is no text",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Fault) as fault:
        kinds(tmp_path, text)
    assert REFUSED[text] in str(fault.value)


def test_a_quote_that_never_ends_is_found_with_its_line(tmp_path: Path) -> None:
    lines = ["a,b", *["1,x"] * 69_998, '2,"broken', *["1,x"] * 50_000]
    with pytest.raises(Fault, match="line 70000: a quote is opened, and never closed"):
        kinds(tmp_path, "\n".join(lines))
    lines[69_999] = '2,"broken"b,'
    with pytest.raises(Fault, match="line 70000"):
        kinds(tmp_path, "\n".join(lines))


def test_nested_values_and_mixed_types_are_refused_by_name(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [[1], [2]]}), tmp_path / "nested.parquet")
    with pytest.raises(Fault, match=r"column 'a'.*list"):
        table(tmp_path / "nested.parquet")
    (tmp_path / "nested.jsonl").write_text('{"a": {"b": 1}}\n{"a": {"b": 2}}\n')
    with pytest.raises(Fault, match="column 'a' is nested"):
        table(tmp_path / "nested.jsonl")
    (tmp_path / "mixed.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    assert table(tmp_path / "mixed.jsonl").columns["a"].kind == "text"


def test_files_of_a_folder_are_one_table_or_refused(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.csv").write_text("a,b\n1,2\n")
    (folder / "deep/two.csv").write_text("b,a\n2,x\n")
    found = table(folder)
    assert found.counts == {"deep-two.csv": 1, "one.csv": 1}
    assert found.columns["a"].kind == "text"
    assert scan(sources.from_files(f"{folder}/*.csv")).rows == 1
    (folder / "three.csv").write_text("c,d\n1,2\n")
    with pytest.raises(Fault, match=r"0 of 4 columns in common, and deep-two.csv has no"):
        table(folder)
    (folder / "three.csv").write_text("a,B\n1,2\n")
    with pytest.raises(Fault, match=r"column 'B' is 'b' elsewhere, see three.csv"):
        table(folder)
    (folder / "three.csv").unlink()
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(Fault, match="leads out of"):
        table(folder)


@pytest.mark.parametrize("source", ["nowhere.csv", "picture.png", "mixed", "*.none"])
def test_what_cannot_be_read_is_said(tmp_path: Path, source: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "mixed").mkdir()
    for name in ("a.csv", "b.parquet"):
        (tmp_path / "mixed" / name).write_bytes(b"a\n1\n")
    with pytest.raises(Fault, match=r"no such file|no table that can be read|more than one format"):
        table(tmp_path / source)


def test_a_database_that_is_down_or_says_no_is_one_line(tmp_path: Path) -> None:
    for address, query in (
        (f"sqlite:///{tmp_path / 'no/such.db'}", "SELECT 1"),
        (f"sqlite:///{tmp_path / 'a.db'}", "SELECT * FROM nothing"),
        ("nonsense", "SELECT 1"),
        ("postgresql://localhost:1/x", "SELECT 1"),
    ):
        with pytest.raises(Fault) as fault:
            sources.from_query(address, query, tmp_path)
        assert "\n" not in str(fault.value)


def test_a_password_is_taken_from_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fault, match="does not go on a command line") as fault:
        sources.from_query("postgresql://me:geheim@localhost/x", "SELECT 1", tmp_path)
    assert "geheim" not in str(fault.value)
    monkeypatch.delenv("SHOP", raising=False)
    with pytest.raises(Fault, match="SHOP is not set"):
        sources.from_query("env:SHOP", "SELECT 1", tmp_path)
    monkeypatch.setenv("SHOP", f"sqlite:///{tmp_path / 'geheim.db'}")
    found = sources.from_query("env:SHOP", "SELECT 1 AS a", tmp_path)
    assert (found.variable, found.url) == ("SHOP", "")
    assert "geheim" not in repr(found)


WORDS = np.array(["the", "door", "of", "my", "house", "is", "red", "and", "old", "now"])
TRAPS: dict[str, Any] = {  # a column, and why it is left out
    "leak": (np.where(GOOD["bought"] == "yes", 5.0, 1.0) + RNG.random(ROWS), "alone predicts"),
    "constant": (["EUR"] * ROWS, "constant"),
    "void": ([None] * ROWS, "empty"),
    "name": ([f"Person {n}" for n in range(ROWS)], "an identifier"),
    "twin": (np.where(GOOD["shop"] == "north", 1, 2), "the same as shop"),
    "e_mail": (RNG.choice([f"{n}@b" for n in range(100)], ROWS), "personal data"),
    "ends": (pd.date_range("2090-01-01", periods=ROWS, freq="h"), "moments in the future"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_what_spoils_a_project_is_left_out_and_said(tmp_path: Path, name: str) -> None:
    values, why = TRAPS[name]
    frame = GOOD.assign(**{"customer_no": np.arange(ROWS), name: values})
    found = {each.name: each for each in adopted(tmp_path, frame).fields}
    assert found[name].role == "left out"
    assert why in found[name].why
    assert found["customer_no"].role == "key"
    assert {found[name].role for name in ("size", "shop")} == {"feature"}


def test_a_key_that_repeats_is_said_and_mended(tmp_path: Path) -> None:
    frame = GOOD.assign(id=np.arange(ROWS))
    frame.loc[5, "id"] = 6
    found = adopted(tmp_path, frame)
    assert found.repeats == "key"
    labels = frame["bought"].to_list()
    clash = int(labels[5] != labels[6])
    assert any(f"repeats of the id of another row: 1, {clash} of them" in r for r in found.remarks)
    found = adopted(tmp_path, GOOD, key=("shop",))
    assert found.repeats == "key"


def test_a_time_column_holds_out_the_newest_and_a_group_whole_ones(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=ROWS).strftime("%d.%m.%Y")
    found = adopted(tmp_path, GOOD.assign(sold=days, customer_id=np.arange(ROWS) % 50))
    assert (found.by, found.period, found.validation, found.test) == ("time", "month", 3, 4)
    assert found.partition == "month"
    full = pd.date_range(end="2022-12-31", periods=ROWS).strftime("%d.%m.%Y")
    many = pd.concat([GOOD.assign(sold=full)] * 12, ignore_index=True)
    found = adopted(tmp_path, many)  # with which one month tells enough, as monitoring needs it
    assert (found.period, found.validation, found.test) == ("month", 1, 1)
    found = adopted(tmp_path, GOOD.assign(customer_id=np.arange(ROWS) % 50))
    assert (found.by, found.of("group")[0].name) == ("group", "customer_id")
    found = adopted(tmp_path, GOOD.assign(customer_id=np.arange(ROWS) % 50), group="")
    assert found.by == "stratified"


NO_MODEL: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "one row": (GOOD.head(1), {}, "1 row with a 'bought': too few"),
    "one class": (GOOD.assign(bought="yes"), {}, "'bought' is 'yes' in all rows"),
    "no target": (GOOD, {"target": "bougth"}, "no column 'bougth'; did you mean 'bought'"),
    "no column": (GOOD, {"drop": ("prize",)}, "no column 'prize'"),
    "no feature": (GOOD[["bought"]].assign(x=1), {}, "no column is left to predict from"),
    "two roles": (GOOD, {"time": "shop", "group": "shop"}, "cannot be time and group"),
    "no class": (GOOD, {"positive": "maybe"}, "no 'bought' is 'maybe'; there are"),
    "no moment": (GOOD, {"time": "shop"}, "'shop' is text, and no moment"),
    "no number": (GOOD, {"task": "regression"}, "'bought' is text, no number"),
    "one frequent class": (
        GOOD.assign(bought=np.where(np.arange(ROWS) < 12, ["a", "b", "c"] * 133 + ["a"], "d")),
        {},
        "'bought' has 1 class of 10 rows or more, where two are needed",
    ),
    "names": (GOOD.assign(bought=[f"n{n}" for n in range(ROWS)]), {}, "too many to be classes"),
}


@pytest.mark.parametrize("name", NO_MODEL)
def test_what_no_model_can_come_of_is_refused(tmp_path: Path, name: str) -> None:
    frame, options, said = NO_MODEL[name]
    with pytest.raises(Fault) as fault:
        adopted(tmp_path, frame, **options)
    assert said in str(fault.value)


def test_the_positive_class_is_the_one_that_says_yes_or_the_rarer(tmp_path: Path) -> None:
    assert adopted(tmp_path, GOOD).positive == "yes"
    assert adopted(tmp_path, GOOD, positive="no").positive == "no"
    assert adopted(tmp_path, GOOD.assign(bought=GOOD["bought"] == "no")).positive is True
    rare = np.where(np.arange(ROWS) < 50, "seldom", "often")
    assert adopted(tmp_path, GOOD.assign(bought=rare)).positive == "seldom"


def test_classes_of_few_rows_are_left_out_and_said(tmp_path: Path) -> None:
    kind = GOOD["bought"].where(np.arange(ROWS) > 3, "odd").where(np.arange(ROWS) < 300, "third")
    found = adopted(tmp_path, GOOD.assign(bought=kind))
    assert (found.task, found.rare) == ("multiclass", ["odd"])
    assert any("prepare: odd" in remark for remark in found.remarks)


@pytest.mark.parametrize("own", [None, "python fetch.py"])
def test_the_demo_s_way_of_taking_new_data_goes_and_the_user_s_own_stays(
    tmp_path: Path, own: str | None
) -> None:
    found = adopted(tmp_path, GOOD)
    text = edit_settings((ROOT / "pyproject.toml").read_text(encoding="utf-8"), found, "one")
    assert "arrive" not in tomllib.loads(text)["tool"]["strata"]["retrain"]
    if own:
        text = text.replace("[tool.strata.retrain]", f'[tool.strata.retrain]\narrive = "{own}"')
    again = edit_settings(text, found, "two")  # a second table
    assert tomllib.loads(again)["tool"]["strata"]["retrain"].get("arrive") == own


def columns_for(folder: Path, found: Plan, predictions: list[str]) -> Columns:
    """What the tools take the columns of an adopted project's predictions for."""
    settings = edit_settings((ROOT / "pyproject.toml").read_text(encoding="utf-8"), found, "one")
    assert "columns" not in tomllib.loads(settings)["tool"]["strata"]["report"]
    texts = {"pyproject.toml": settings, "params.yaml": render(found, ROOT)["params.yaml"]}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return columns_of(folder, pd.DataFrame(columns=predictions))


def test_what_the_columns_are_stands_in_params_yaml_alone(tmp_path: Path) -> None:
    named = GOOD.assign(no=np.arange(ROWS) + 1000, worth=np.arange(ROWS) + 0.5)
    found = adopted(tmp_path, named, key=("no",), weight="worth")
    assert columns_for(tmp_path, found, ["no", "probability"]) == Columns(
        ["no"], "bought", ["probability"], None, "split", "worth", "yes"
    )
    days = pd.date_range("2022-01-01", periods=ROWS).strftime("%d.%m.%Y")
    found = adopted(tmp_path, named.assign(date=days), "size", key=("no",))
    regression = Columns(["no"], "size", ["prediction"], "date", "split")
    assert columns_for(tmp_path, found, ["no", "date", "prediction"]) == regression
    kind = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]
    found = adopted(tmp_path, named.assign(kind=kind), "kind", key=("no",))
    names = [f"probability_{each}" for each in "abc"]
    classes = Columns(["no"], "kind", names, None, "split", any_classes=True)
    assert columns_for(tmp_path, found, ["no", "kind", *names]) == classes


HOSTILE = [
    *("with space", 'with "quotes"', "it's", "größe", "__class__", "=1+1", "index", "split"),
    *("partition", "a|b", "back\\slash", "{{ x }}", "line\nbreak", "%d", "name", "class", "row"),
    *("![x](http://127.0.0.1)", "\\![x](http://127.0.0.1)", "<img src=x>", "`code", "\u202e"),
]
TARGET = "the 'target` ![x](http://127.0.0.1) <img src=x>"


@pytest.mark.parametrize("name", ["table.csv", "table.parquet", "table.jsonl", "table.xlsx"])
def test_hostile_names_come_out_as_good_python_and_yaml(tmp_path: Path, name: str) -> None:
    hostile = [each for each in HOSTILE if name != "table.xlsx" or each != "=1+1"]
    frame = GOOD.assign(**{name: RNG.normal(size=ROWS).round(2) for name in hostile})
    frame = frame.rename(columns={"bought": TARGET})
    path = tmp_path / name
    {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        ".xlsx": lambda: frame.to_excel(path, index=False),
    }[path.suffix]()
    found = proposal(table(path), TARGET)
    texts = render(found, ROOT)
    for file, text in texts.items():
        if file.endswith(".py"):
            ast.parse(text)
        if file.endswith(".yaml"):
            assert YAML(typ="safe", pure=True).load(text)
        if file.endswith(".md"):
            check_text(text)
            parts, _ = shape(text)
            assert not [part for part in parts if re.search("image|<img|127.0.0.1", part)]
    frames: dict[str, Any] = {}
    exec(texts["tests/frames.py"].replace("import schema\n", ""), frames)
    assert set(frames["source"]()) == set(frame)
    params = YAML(typ="safe", pure=True).load(texts["params.yaml"])
    assert params["data"]["target"] == TARGET
    assert "split_" in texts["src/schema.py"]


LONG = "How satisfied are you, all in all, " * 4


@pytest.mark.parametrize("more", [[], HOSTILE, [LONG]], ids=["plain", "hostile", "long"])
def test_what_is_written_passes_the_hook_that_lints(tmp_path: Path, more: list[str]) -> None:
    plan = adopted(tmp_path, GOOD.assign(**dict.fromkeys(more, GOOD["shop"]), same=1))
    texts = formatted(render(plan, ROOT), ROOT)
    code = [file for file in texts if file.endswith(".py")]
    for file in code:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(texts[file], encoding="utf-8")
    assert more or not any("noqa" in texts[file] for file in code)
    config = str(ROOT / "pyproject.toml")
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", config]
    # The order of imports depends on what else is there.
    done = subprocess.run(
        [*ruff, "--ignore=I001", "."], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["the demo", "names", "hostile", "long"])
def test_dvc_writes_params_as_they_are_and_changes_but_a_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    if name != "the demo":
        target = {"names": "bought", "hostile": TARGET, "long": "very long words " * 9}[name]
        hostile = ["no", "null", "1e3", "2024-01", *HOSTILE] if name == "hostile" else []
        frame = GOOD.assign(**dict.fromkeys(hostile, GOOD["shop"]))
        plan = adopted(tmp_path, frame.rename(columns={"bought": target}), target)
        text = render(plan, ROOT)["params.yaml"]
        assert YAML(typ="safe", pure=True).load(text)["data"]["target"] == target
    assert "# a column that says how much a row counts" in text
    for setting, changed in (("train.seed=0", 0), ("train.seed=1", 1)):
        path.write_text(text, encoding="utf-8")
        apply_overrides(path, [setting])
        both = zip(text.split("\n"), path.read_text("utf-8").split("\n"), strict=True)
        assert sum(old != new for old, new in both) == changed


def test_a_lock_gets_a_package_and_what_it_needs_and_loses_the_demos() -> None:
    def pins(*names: str) -> str:
        return "# made\n" + "".join(f"{name} \\\n    --hash=sha256:1\n" for name in names)

    two = ("numpy==2.0 ; python_version < '3'", "numpy==2.1 ; python_version >= '3'")
    larger = pins("et-xmlfile==2.0", *two, "openpyxl==3.1", "other==1", "zoo==1")
    own = drop_pins(pins(*two, "old-demo==1", "zoo==1"), ["old-demo"])
    found = add_pins(own, larger, ["openpyxl"])
    assert found == pins("et-xmlfile==2.0", *two, "openpyxl==3.1", "zoo==1")


def test_columns_are_read_by_functions_of_the_kit(tmp_path: Path) -> None:
    frame = GOOD.assign(number=np.arange(ROWS) % 9, truth=[True, False] * (ROWS // 2))
    frame.to_parquet(tmp_path / "table.parquet")
    texts = render(proposal(table(tmp_path / "table.parquet")), ROOT)
    code, rules = texts["src/ingest.py"], texts["src/schema.py"]
    assert '"number": wholes(table["number"]),' in code
    assert '"truth": truths(table["truth"]),' in code
    names = "choose, names_of_rows, numbers, texts, truths, wholes"
    assert f"from kit.base.readings import {names}\n" in code
    assert "from kit.base.rules import number, one_of, text, truth, whole\n" in rules


TARGETS = {"binary": "bought", "multiclass": "kind", "regression": "size"}


@pytest.mark.parametrize("task", TARGETS)
def test_a_project_is_short_enough_to_be_read(tmp_path: Path, task: str) -> None:
    frame = GOOD.assign(
        kind=RNG.choice(["a", "b", "c"], ROWS),
        sold=pd.date_range("2020-01-01", periods=ROWS).strftime("%d.%m.%Y"),
        **{f"x{n}": RNG.normal(size=ROWS).round(3) for n in range(20)},
    )
    texts = render(adopted(tmp_path, frame, TARGETS[task]), ROOT)
    written_now = {name for name in texts if name.startswith("src/")}
    others = {f"src/{path.name}" for path in (ROOT / "src").glob("*.py")} - {"src/arrive.py"}
    lines = [len((ROOT / name).read_text().splitlines()) for name in others - written_now]
    texts = formatted(texts, ROOT)
    lines += [len(texts[name].splitlines()) for name in written_now]
    assert sum(lines) <= 550
    assert len(texts["dvc.yaml"].splitlines()) <= 150
    for plot in YAML(typ="safe").load(texts["dvc.yaml"])["plots"]:
        ((title, axes),) = plot.items()
        assert (ROOT / f".dvc/plots/{axes['template']}.json").is_file(), title


def test_stages_of_before_the_kit_are_not_written_over(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "pyproject.toml", "src/params.py", "src/partitions.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(Fault, match=r"had no src/kit.*docs/template.md says how to move to it"):
        check_ready(tmp_path)
    (tmp_path / "src/partitions.py").unlink()
    with pytest.raises(Fault, match=r"has no src/kit/base/build\.py: adopt works in a repository"):
        check_ready(tmp_path)


def test_the_owner_s_code_is_not_checked_strictly(tmp_path: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    plan = adopted(tmp_path, GOOD)
    settings = tomllib.loads(edit_settings(edit_settings(text, plan, "one"), plan, "two"))
    assert "strict" not in settings["tool"]["mypy"]
    assert settings["tool"]["mypy"]["ignore_missing_imports"]


def test_the_formatter_runs_before_the_pipeline() -> None:
    """After it, what a hook formats makes dvc.lock stale."""
    dry = ["make", "--dry-run", "--assume-old=.venv/.ready", "repro", "CI="]
    recipe = subprocess.check_output(dry, cwd=ROOT, text=True)
    assert recipe.index("ruff format") < recipe.index("strata repro")


def test_the_changes_of_the_template_go_with_its_demo(tmp_path: Path) -> None:
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        (tmp_path / name).touch()
    assert demo_files(tmp_path) == ["CHANGELOG.md"]


def test_every_door_of_a_project_leads_somewhere(tmp_path: Path) -> None:
    copy_tracked(ROOT, tmp_path)
    for name in demo_files(ROOT):
        (tmp_path / name).unlink(missing_ok=True)  # what was never added is in no copy
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.ready").touch()
    make = ["make", "--no-print-directory"]  # which `make test` has a make below it print
    said = subprocess.check_output([*make, "help"], cwd=tmp_path, text=True)
    doors = {line.split()[0] for line in said.splitlines()}
    assert {"repro", "test", "lint", "storage"} <= doors
    for door in doors:
        recipe = subprocess.check_output([*make, "--dry-run", door], cwd=tmp_path, text=True)
        for path in re.findall(r"python (?:-m )?([a-z][\w./]*)", recipe):
            assert (tmp_path / path).exists() or find_spec(path), f"make {door}: {path}"


def test_what_is_written_calls_what_the_kit_has() -> None:
    for name, called in (("readings", READINGS), ("rules", RULES)):
        code = ast.parse((ROOT / f"src/kit/base/{name}.py").read_text(encoding="utf-8"))
        assert {*called} <= {each.name for each in code.body if isinstance(each, ast.FunctionDef)}


def test_a_column_without_a_value_stays_of_its_type(tmp_path: Path) -> None:
    frame = GOOD.assign(void=np.nan, nothing=None)
    frame.to_parquet(tmp_path / "table.parquet")
    texts = render(proposal(table(tmp_path / "table.parquet")), ROOT)
    assert '"void": number(0, 1, missing=True),' in texts["src/schema.py"]
    assert '"nothing": text(10, missing=True),' in texts["src/schema.py"]
    assert '"void": np.full(rows, np.nan),' in texts["tests/frames.py"]


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_value_is_written_as_python_reads_it(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value


@pytest.mark.thorough
def test_a_large_table_is_looked_at_in_little_memory(tmp_path: Path) -> None:
    """A text of 60 MB takes less than three times its size more than a small one."""
    block = GOOD.to_csv(index=False, header=False)
    with (tmp_path / "large.csv").open("w") as file:
        file.write("size,shop,bought\n")
        for _ in range(10_000):
            file.write(block)
    assert (tmp_path / "large.csv").stat().st_size > 50e6
    small = tmp_path / "small.csv"
    GOOD.to_csv(small, index=False)
    assert peak(tmp_path / "large.csv") - peak(small) < 180e6


def peak(path: Path) -> float:
    """The most memory, in bytes, that a process needs to look at a table."""
    code = (
        "import resource, sys\n"
        "from strata_adopt import sources, scan\n"
        "scan.scan(sources.from_files(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return float(subprocess.check_output([sys.executable, "-c", code, path])) * unit
