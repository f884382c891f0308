"""What a few bytes of others can stand for is refused in one line, by the limits of the tools."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
import zoo
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT, Project, Strata

from strata.core import frames, limits, parquet_pages, trust
from strata.core.errors import Fault
from strata.core.limits import Limit
from strata.dvc.revision import parsed

PAGE = ROOT / "docs/security.md"
BEGIN, END = "<!-- limits -->\n", "<!-- limits end -->\n"


def test_the_page_has_the_limits() -> None:
    rows = [f"| {limit.most:,} | {limit.what} | {limit.protects} |" for limit in limits.TABLE]
    table = "\n".join(["| at most | | protects |", "| --: | --- | --- |", *rows, ""])
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown == table
    assert set(limits.TABLE) == {each for each in vars(limits).values() if type(each) is Limit}


def branch(project: Project, name: str, files: dict[str, str | bytes]) -> None:
    """A branch with some files, as it would be fetched."""
    project.run("git", "switch", "--quiet", "--create", name, "v1")
    for path, text in files.items():
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        (project.path / path).write_bytes(data)
    project.run("git", "add", "--all", "--force", *files)
    project.run("git", "commit", "--quiet", "--no-verify", "--message", name)
    project.run("git", "switch", "--quiet", "--force", "main")


LONG = "9" * 401


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("m.json", f'{{"a": {LONG}}}', "401 digits of a whole number, and at most 250"),
        ("m.json", '{"a": %s}' % ("9" * 5000), "cannot be read: Exceeds the limit"),
        ("m.yaml", f"a: {LONG}", "401 digits"),
        ("m.yaml", f"a: 0x{'f' * 5000}", "5,002 digits"),
        ("m.yaml", f"? {LONG}\n: 1", "401 digits"),
        ("m.toml", f"a = {LONG}", "401 digits"),
        ("m.toml", f"a = 0x{'f' * 5000}", "6,021 digits"),
        ("m.py", f"A = {LONG}", "401 digits"),
        ("m.py", f"A = {{{LONG}: 1}}", "401 digits"),
        ("m.py", f"A = 0x{'f' * 5000}", "6,021 digits"),
        ("m.json", '{"a": ' * 200 + "1" + "}" * 200, "101 levels to which values nest"),
        ("m.json", "[" * 100_000, "m.json of x cannot be read: "),
        ("m.toml", "a = " + "[" * 5_000, "m.toml of x cannot be read: "),
        ("m.py", "A = " + "[" * 5_000, "m.py of x cannot be read: "),
        ("m.py", "A = " + "-" * 100_000 + "1", "m.py of x cannot be read: "),
        ("m.json", "[" + "1," * 500_000 + "1]", "names and values in a file"),
        ("m.yaml", "[" + "1," * 500_001 + "1]", "names and values in a file"),
        ("m.json", " " * 32_000_001, "32,000,001 bytes"),
    ],
)
def test_a_file_of_values_is_read_or_refused_in_one_line(path: str, text: str, why: str) -> None:
    with pytest.raises(Fault) as refused:
        parsed(text.encode(), path, "x")
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path} of x")
    assert why in line


def test_a_long_text_of_digits_is_no_number() -> None:
    assert parsed(f"a: '{LONG}'".encode(), "m.yaml", "x") == {"a": LONG}
    assert parsed(f'a = "{LONG}"'.encode(), "m.toml", "x") == {"a": LONG}


@pytest.mark.slow
@pytest.mark.fault(
    "a revision has whole numbers of 401 and 5,000 digits, floats such as 1e999, metrics without "
    "end, or a file that Git keeps as a thousandth of it",
    "refused in a line with file, size and limit; a float that is none has no value",
)
def test_figures_that_cannot_be_computed_with(versions: Project, strata: Strata) -> None:
    many = ", ".join(f'"m{at}": 1' for at in range(50_001))
    refused: dict[str, tuple[str, dict[str, str | bytes]]] = {
        "digits": ("401 digits", {"metrics/metrics.json": f'{{"test": {{"roc_auc": {LONG}}}}}'}),
        "hex": ("digits of", {"dvc.lock": f"schema: '2.0'\nstages: {{x: 0x{'f' * 5000}}}\n"}),
        "param": ("401 digits", {"params.yaml": f"data: {{months: 2}}\ntrain: {{skill: {LONG}}}"}),
        "many": ("50,001 params, or metrics", {"metrics/metrics.json": f"{{{many}}}"}),
        "spaces": ("bytes of a text file", {"metrics/metrics.json": " " * 32_000_001}),
        "comment": ("bytes of a text file", {"a/dvc.yaml": "#" + " " * 32_000_001}),
    }
    numbers = ("1e999", "-1e999", "NaN", "1e308", "-1e-320", "9" * 250)
    named = ", ".join(f'"m{at}": {each}, "m{at}_se": {each}' for at, each in enumerate(numbers))
    odd = f'{{"test": {{"roc_auc": 1e999, "roc_auc_se": {"9" * 250}, {named}}}}}'
    branch(versions, "odd", {"metrics/metrics.json": odd})
    for name, (why, files) in refused.items():
        branch(versions, name, files)
        said = strata(versions, "report", "--base", name, code=1)
        assert why in said, said
        assert next(iter(files)) in said
    assert "401 digits" in strata(versions, "compare", "digits", "v1", code=1)
    strata(versions, "report", "--base", "odd")
    versions.run("git", "switch", "--quiet", "odd")
    assert "test.m3 " in strata(versions, "status")
    assert "**no value**" in strata(versions, "report", "--base", "main", code=1)


HUNDRED = str(list(range(100)))


@pytest.mark.slow
@pytest.mark.fault(
    "a dvc.yaml whose foreach or matrix, with lists of its own or of any file of values, stands "
    "for 100,000,000 stages, or whose templates for half a gigabyte of text",
    "counted and refused before DVC makes them",
)
def test_stages_are_counted_before_they_are_made(versions: Project, strata: Strata) -> None:
    matrix = "\n    ".join(["matrix:", *(f"  d{at}: {HUNDRED}" for at in range(4))])
    named = "\n    ".join(["matrix:", *(f"  d{at}: ${{big.list}}" for at in range(4))])
    each = "foreach: ${big.list}\n    do: {cmd: 'echo ${item}'}"
    head, tail = "stages:\n  a:\n    ", "\n    cmd: 'echo ${item}'\n"
    lists, vars_ = f"big: {{list: {HUNDRED}}}\n", head + named + tail
    cases: dict[str, dict[str, str | bytes]] = {
        "plain": {"dvc.yaml": head + matrix + tail},
        "below": {"a/b/dvc.yaml": head + matrix + tail},
        "escaped": {"dvc.yaml": head + matrix.replace("matrix", '"m\\x61trix"') + tail},
        "params": {"dvc.yaml": vars_, "params.yaml": lists},
        "vars": {"dvc.yaml": f"vars: [{lists.strip()}]\n{vars_}"},
        "file": {"dvc.yaml": f"vars: [x.txt]\n{vars_}", "x.txt": lists},
        "json": {
            "dvc.yaml": f"vars: [x.json]\n{vars_}",
            "x.json": f'{{"big": {{"list": {HUNDRED}}}}}',
        },
    }
    for name, files in cases.items():
        branch(versions, name, files)
        (line,) = strata(versions, "get", name, "x", "-o", "x", code=1).splitlines()
        assert "dvc.yaml: 100,000,000 stages that foreach and matrix stand for, and at most" in line
    many = f"big: {{list: {list(range(10_001))}}}\n"
    branch(versions, "each", {"dvc.yaml": f"{head}{each}\n", "params.yaml": many})
    assert "10,001 stages" in strata(versions, "get", "each", "x", "-o", "x", code=1)
    one = f"{head}matrix: {{x: {HUNDRED}}}{tail}"
    branch(versions, "sum", {f"{at}/dvc.yaml": one for at in range(101)})
    assert "10,100 stages" in strata(versions, "get", "sum", "x", "-o", "x", code=1)
    long = f"big: {'x' * 1_000_000}\nlist: [a, b]\n"
    times, own = " ".join(["${big}"] * 300), " ".join(["${b}"] * 300)
    for name, text in {
        "texts": f"stages:\n  a:\n    foreach: [1, 2]\n    do:\n      cmd: {times}\n",
        "cmd": f"stages:\n  a:\n    cmd: {times} {times}\n",
        "own": f"stages:\n  a:\n    vars: [b: {'y' * 1_000_000}]\n    cmd: {own}\n",
        "metric": f"metrics:\n- {times} {times}\n",
    }.items():
        branch(versions, name, {"dvc.yaml": text, "params.yaml": long})
        said = strata(versions, "get", name, "x", "-o", "x", code=1)
        assert " characters that the templates of dvc.yaml become" in said
    branch(versions, "few", {"dvc.yaml": one})
    assert "is not an output of few" in strata(versions, "get", "few", "x", "-o", "x", code=1)


@pytest.mark.slow
@pytest.mark.fault(
    "a revision has a .dvcignore with thirty * in a line or a million lines, or a dvc.yaml with a "
    "million `${`, or pins with as many `[`, that nothing closes, or a .dvc/config whose values "
    "stand for billions of bytes",
    "refused in a line before anything takes years over it; pins end with their line",
)
def test_texts_over_which_a_regular_expression_takes_years(
    versions: Project, strata: Strata
) -> None:
    pipeline = versions.read("dvc.yaml").decode()
    long = "a" * 200
    refused: dict[str, tuple[str, dict[str, str | bytes]]] = {
        "stars": ("steps at worst", {".dvcignore": "*a" * 30 + "b\n", long: ""}),
        "names": ("steps at worst", {f"x/{long}/.dvcignore": "a*a*/" * 9 + "b\n", "x/y": ""}),
        "deep": ("steps at worst", {".dvcignore": "**/a/" * 30 + "b\n", "a/" * 60 + "a": ""}),
        "config": ("bytes of a revision's .dvc/config", {".dvc/config": "#" * 100_001}),
        "laughs": ("100 values in", {".dvc/config": f"[core]\nremote = {'%(a)s' * 100}\n"}),
        "lines": ("lines of .dvcignore files", {".dvcignore": "x\n" * 1_000_000}),
        "opened": ("1,000,000 templates", {"dvc.yaml": pipeline + f"x: '{'${' * 1_000_000}'\n"}),
    }
    for name, (why, files) in refused.items():
        branch(versions, name, files)
        (line,) = strata(versions, "get", name, "x", "-o", "x", code=1).splitlines()
        assert why in line, line
    branch(versions, "pins", {"requirements.lock": "a[\n" * 300_000})
    strata(versions, "report", "--base", "pins")


def test_edges_are_counted_before_they_are_made(
    versions: Project, strata: Strata, monkeypatch: pytest.MonkeyPatch
) -> None:
    outs = "".join(f"    - d/x{at}\n" for at in range(10))
    reading = "".join(f"  s{at}:\n    cmd: x\n    deps: [d, d0]\n" for at in range(10))
    text = f"stages:\n  o:\n    cmd: x\n    outs:\n{outs}{reading}"
    branch(versions, "edges", {"dvc.yaml": text})
    lower(monkeypatch, "EDGES", 100)
    assert "not an output" in strata(versions, "get", "edges", "x", "-o", "x", code=1)
    lower(monkeypatch, "EDGES", 99)
    said = strata(versions, "get", "edges", "x", "-o", "x", code=1)
    assert ": dvc.yaml: 100 outputs that stages depend on" in said


def test_a_tag_that_is_large_is_not_read(versions: Project, strata: Strata) -> None:
    head = versions.run("git", "rev-parse", "HEAD").strip()
    said = f"object {head}\ntype commit\ntag x\ntagger a <a@b> 1700000000 +0000\n\n"
    for version, text in (("1", "Short"), ("2", "y" * 100_001)):
        file = versions.path / "tag"
        file.write_text(f"{said}{text}\n-----BEGIN SSH SIGNATURE-----\nx\n")
        oid = versions.run("git", "hash-object", "-t", "tag", "-w", "--literally", "tag").strip()
        versions.run("git", "update-ref", f"refs/tags/tiny@v{version}.0.0", oid)
    strata(versions, "models", "--html", "page.html")
    page = versions.read("page.html").decode()
    assert "Short" in page
    assert "bytes of a tag: too many to be shown" in page
    assert "SIGNATURE" not in page
    assert "yyy" not in page


def test_a_dvcignore_as_people_write_it_passes() -> None:
    text = b"# x\n\n*.py[cod]\n**/.ipynb_checkpoints/**\n*_tmp_*.csv\n/data/*/*.log\n!keep*\n"
    paths = [f"data/some/folder/{at:030}_part.parquet" for at in range(100_000)]
    trust.check_patterns({".dvcignore": text * 5 + b"*old*\n" * 100}, paths)


def lower(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
    """Have one of the limits lower, so that little is needed to pass it."""
    monkeypatch.setattr(limits, name, replace(getattr(limits, name), most=most))


def alike(value: Any, rows: int) -> pa.Array:
    """A column of one value, in no more bytes than that takes."""
    where = pa.nulls(rows, pa.int32()).fill_null(0)
    return pa.DictionaryArray.from_arrays(where, pa.array([value]))


def written(path: Path, **columns: pa.Array) -> Path:
    """A Parquet file of columns, which say nothing of how they were in memory."""
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    return path


def test_a_table_is_read_as_pandas_does(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    kinds = {
        "whole": [1, 2, None],
        "text": ["a", None, "b" * 70_000],
        "bytes": [b"a", b"", None],
        "list": [["a", "a"], [], None],
        "deep": [{"a": ["b"], "c": 1}] * 3,
        "day": [date(2024, 2, 29)] * 3,
        "decimal": [Decimal("1.5")] * 3,
    }
    pq.write_table(pa.table(kinds), path)
    pd.testing.assert_frame_equal(frames.read(path, "x"), pd.read_parquet(path))
    frame = pd.DataFrame({"key": ["a", "b"], "kind": pd.Categorical(["u", "v"]), "value": [1.5, 2]})
    for each in (frame, frame.set_index("key"), frame[frame["value"] > 9], frame[::2]):
        each.to_parquet(path)
        pd.testing.assert_frame_equal(frames.read(path, "x"), pd.read_parquet(path))
        some = frames.read(path.read_bytes(), "x", ["value"])
        pd.testing.assert_frame_equal(some, pd.read_parquet(path, columns=["value"]))
        whole = [batch.to_pandas() for batch in frames.batches(path, "x")]
        assert sum(map(len, whole)) == frames.count(path, "x") == len(each)
    with pytest.raises(Fault, match="x: there is no column other"):
        frames.read(path, "x", ["other"])


def test_a_table_that_would_take_all_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, long = tmp_path / "x.parquet", "x" * 100_000
    lower(monkeypatch, "MEMORY", 50_000_000)
    bombs = {
        "text": alike(long, 1000),
        "bytes": alike(long.encode(), 1000),
        "list": pa.ListArray.from_arrays(pa.array(range(1001), pa.int32()), alike(long, 1000)),
        "struct": pa.StructArray.from_arrays([alike(long, 1000)], ["a"]),
        "fixed": alike(long.encode(), 1000).cast(pa.binary(100_000)),
    }
    for kind, column in bombs.items():
        written(path, **{kind: column, "plain": pa.nulls(1000, pa.int8())})
        assert path.stat().st_size < 200_000
        for read in (frames.read, lambda *asked: list(frames.batches(*asked))):
            with pytest.raises(Fault, match=r"x: 100,\d{3},\d{3} bytes of a table's columns"):
                read(path, "x")
        assert len(frames.read(path, "x", ["plain"])) == 1000
    many = pa.ListArray.from_arrays([0, 10_000], alike(1, 10_000))
    lower(monkeypatch, "MEMORY", 50_000)
    with pytest.raises(Fault, match="x: 80,0"):
        frames.read(written(path, a=many), "x")
    lower(monkeypatch, "ROWS", 9)
    with pytest.raises(Fault, match="x: 10 rows of a table, and at most 9 are read"):
        frames.read(written(path, a=alike(1, 10)), "x")
    lower(monkeypatch, "COLUMNS", 2)
    with pytest.raises(Fault, match="x: 3 columns of a table, and at most 2 are read"):
        frames.names(written(path, a=alike(1, 1), b=alike(1, 1), c=alike(1, 1)), "x")
    lower(monkeypatch, "CSV", 3)
    with pytest.raises(
        Fault, match="x: 4 bytes of a table in CSV, which takes less as Parquet, and at most 3"
    ):
        frames.csv(b"a,b\n", "x")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("kind", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_pages_are_as_large_as_a_true_footer_says(tmp_path: Path, version: str, kind: str) -> None:
    path = tmp_path / "x.parquet"
    rows = pa.table({"a": range(30_000), "b": list(map(str, range(30_000))), "c": [[1]] * 30_000})
    how: Any = {"compression": kind, "data_page_version": version, "write_page_checksum": True}
    pq.write_table(rows, path, row_group_size=20_000, data_page_size=10_000, **how)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    found = list(
        parquet_pages.sizes(
            memoryview(path.read_bytes()), start, start + chunk.total_compressed_size
        )
    )
    assert len(found) > 4
    assert sum(found) <= chunk.total_uncompressed_size < sum(found) + 100 * len(found)
    pd.testing.assert_frame_equal(frames.read(path, "x"), pd.read_parquet(path))


def test_a_footer_that_is_not_true_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    rows = pa.table({"a": ["x" * 10_000_000] * 10})
    pq.write_table(rows, path, compression="zstd", use_dictionary=False, data_page_size=1)
    said = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    data = path.read_bytes().replace(varint(said), varint(9, len(varint(said))))
    path.write_bytes(data)
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 9
    lower(monkeypatch, "MEMORY", 50_000_000)
    for read in (frames.read, lambda *asked: list(frames.batches(*asked))):
        with pytest.raises(Fault, match=r"x: 100,000,0\d\d bytes of a table's columns"):
            read(path, "x")


def varint(value: int, length: int = 0) -> bytes:
    """A whole number above 0 as Thrift writes it, in a length that is longer than it needs."""
    value, found = value << 1, list[int]()
    while value or len(found) < length:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found[:-1], found[-1] & 127])


@given(st.binary(max_size=99), st.integers(0, 10_000), st.integers(0, 60))
def test_any_bytes_are_a_table_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int, cut: int
) -> None:
    whole = pa.BufferOutputStream()
    metadata = {"pandas": json.dumps({"index_columns": ["a"], "columns": [], "column_indexes": []})}
    table = pa.table({"a": ["b", "c"], "d": [[1], [2]]}).replace_schema_metadata(metadata)
    pq.write_table(table, whole)
    data = whole.getvalue().to_pybytes()
    at %= len(data)
    for content in (junk, data[:at] + junk + data[at + cut :]):
        try:
            frames.read(content, "x")
        except Fault as fault:
            (line,) = str(fault).splitlines()
            assert line.startswith("x: ")


@pytest.mark.slow
@pytest.mark.fault(
    "predictions of a revision whose 300 kB stand for a hundred gigabytes, or for 60 million rows",
    "refused by its footer, or before its texts are copied; never read whole",
)
def test_predictions_that_would_take_all_memory(
    versions: Project, strata: Strata, tmp_path: Path
) -> None:
    path = "metrics/predictions.parquet"
    lock = versions.read("dvc.lock").decode()
    old = hashlib.md5(versions.read(path)).hexdigest()
    rows = 100_000
    plain = {name: pa.nulls(rows, pa.int64()).fill_null(0) for name in ("id", "label", "score")}
    texts = written(
        tmp_path / "texts", **plain, day=alike("x" * 1_000_000, rows), split=alike("a", rows)
    )
    many = written(
        tmp_path / "many",
        id=pa.nulls(60_000_000, pa.int8()),
        **{name: pa.nulls(60_000_000, pa.int8()) for name in ("label", "score", "day", "split")},
    )
    said = {
        "texts": " bytes of a table's columns that are needed",
        "many": "60,000,000 rows of a table",
    }
    for file in (texts, many):
        assert file.stat().st_size < 1_000_000
        data = file.read_bytes()
        oid = hashlib.md5(data).hexdigest()
        place = versions.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        branch(versions, file.name, {"dvc.lock": lock.replace(old, oid)})
        why = said[file.name]
        got = strata(versions, "report", "--base", file.name)
        assert why in got, got
        assert why in strata(versions, "compare", file.name, "main")
    assert said["texts"] in strata(versions, "look", path, "--rev", "texts", code=1)
    branch(versions, "git", {path: data})
    assert said["many"] in strata(versions, "report", "--base", "git")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "http"])
@pytest.mark.fault(
    "a remote, a folder or an HTTP server, answers garbage, or another list, for the list of a "
    "folder's files",
    "it is hashed before it is parsed: damaged, in a line",
)
def test_a_remote_that_answers_garbage_for_a_listing(
    project: Project, strata: Strata, tmp_path: Path, kind: str
) -> None:
    project.run("dvc", "remote", "add", "--default", "far", str(tmp_path / "remote"))
    project.run("dvc", "push")
    (listing,) = (tmp_path / "remote").rglob("*.dir")
    good = listing.read_bytes()
    listing.chmod(0o644)
    shutil.rmtree(project.path / "data/raw")
    with zoo.served(tmp_path / "remote") as url:
        if kind == "http":
            project.run("dvc", "remote", "modify", "far", "url", url)
        project.commit("Name a remote")
        other = good.replace(b"2013-01", b"2013-00")
        for data in (b"\xff\xfe\0", b"<html>", b"[1]", b"[" * 100_000, b"null", b"", other):
            tiny.forget(project)
            listing.write_bytes(data)
            said = strata(project, "look", "data/raw", "--rev", "HEAD", code=1)
            assert len(said.splitlines()) == 1
            assert f"{listing.name} is damaged there" in said
            strata(project, "status")
        listing.write_bytes(good)
        strata(project, "look", "data/raw", "--rev", "HEAD")
