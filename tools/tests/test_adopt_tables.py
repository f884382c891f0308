"""What `strata adopt` shows of a table is what the code that it writes reads."""

import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adoption import GOOD, adopted, table
from generated import check, ingested, modules
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from strangers import STRANGERS
from tables import CASES, Case

from strata.core.errors import Fault
from strata_adopt import commands, sources
from strata_adopt.plan import Options, observe, propose
from strata_adopt.scan import scan

Random = np.random.Generator
CLASSES = [f"class {letter}" for letter in "abcdefghijklmnopqrs"]


def late(rng: Random, rows: int) -> Any:
    """Numbers that are whole, but for the last ones."""
    return [*map(str, rng.integers(0, 90, rows - 5)), *rng.normal(30, 9, 5).round(1).astype(str)]


def marked(mark: str) -> Callable[[Random, int], Any]:
    return lambda rng, rows: np.where(rng.random(rows) < 0.2, mark, rng.normal(size=rows).round(3))


def dates(form: str, *, whole_days: bool = True) -> Callable[[Random, int], Any]:
    def moments(rng: Random, rows: int) -> Any:
        step = pd.Timedelta(days=1) if whole_days else pd.Timedelta(minutes=1)
        steps = pd.to_timedelta(rng.integers(0, 900, rows) * step)
        return (pd.Timestamp("2021-03-14") + steps).strftime(form)

    return moments


COLUMNS: dict[str, Callable[[Random, int], Any]] = {
    "whole": lambda rng, rows: rng.integers(-50, 2_000, rows),
    "few wholes": lambda rng, rows: rng.integers(0, 4, rows),
    "large": lambda rng, rows: rng.integers(-(2**62), 2**62, rows),
    "count": lambda rng, rows: np.arange(1, rows + 1),
    "decimal": lambda rng, rows: rng.normal(size=rows).round(2),
    "tiny": lambda rng, rows: rng.normal(scale=1e-9, size=rows),
    "late decimal": late,
    "missing": marked(""),
    "wholes, some missing": lambda rng, rows: np.where(
        rng.random(rows) < 0.2, "NA", rng.integers(0, 99, rows).astype(str)
    ),
    "marked": marked("?"),
    "minus": marked("-"),
    "word": marked("k.A."),
    "rooms": lambda rng, rows: rng.choice(["1", "2", "3", "suite"], rows),
    "comma": lambda rng, rows: [f"{n:.2f}".replace(".", ",") for n in rng.normal(size=rows)],
    "thousands": lambda rng, rows: [f"1.{n:03},50" for n in rng.integers(0, 999, rows)],
    "unit": lambda rng, rows: [f"{n} kg" for n in rng.integers(0, 99, rows)],
    "money": lambda rng, rows: [f"$ {n:.2f}" for n in rng.random(rows) * 99],
    "truth": lambda rng, rows: rng.random(rows) < 0.5,
    "truth, some missing": lambda rng, rows: rng.choice(["true", "False", ""], rows),
    "yes": lambda rng, rows: rng.choice(["yes", "no"], rows),
    "text": lambda rng, rows: [f"item {n}" for n in rng.integers(0, 60, rows)],
    "code": lambda rng, rows: [f"{n:05}" for n in rng.integers(0, 60, rows)],
    "sparse": lambda rng, rows: np.where(rng.random(rows) < 0.9, "", "here"),
    "void": lambda rng, rows: [""] * rows,
    "same": lambda rng, rows: ["EUR"] * rows,
    "classes": lambda rng, rows: rng.choice(CLASSES, rows),
    "iso": dates("%Y-%m-%d"),
    "iso, minutes": dates("%Y-%m-%dT%H:%M:%S", whole_days=False),
    "zoned": dates("%Y-%m-%dT%H:%M:%SZ", whole_days=False),
    "dots": dates("%d.%m.%Y"),
    "slashes": dates("%m/%d/%Y %H:%M", whole_days=True),
    "words": lambda rng, rows: [
        " ".join(rng.choice(["red", "door", "of", "my", "old", "house"], 7)) for _ in range(rows)
    ],
    "mixed": lambda rng, rows: [f"a{n}" if n % 3 else str(n) for n in range(rows)],
}
TARGETS = ["decimal", "yes", "classes", "few wholes", "late decimal", "truth", "comma"]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A table, as texts, whose last column is the target."""
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=12))
    rows = draw(st.sampled_from([60, 300, 1_200]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = {f"{kind} {n}": COLUMNS[kind](rng, rows) for n, kind in enumerate(kinds)}
    columns["target"] = COLUMNS[draw(st.sampled_from(TARGETS))](rng, rows)
    return pd.DataFrame(columns)


def check_table(frame: pd.DataFrame, sep: str) -> None:
    """Adopt a table without the fit. What is refused is refused in words, before any code."""
    with tempfile.TemporaryDirectory() as folder:
        source, scratch = Path(folder, "source"), Path(folder, "scratch")
        source.mkdir()
        frame.to_csv(source / "table.csv", index=False, sep=sep)
        scanned = table(source / "table.csv")
        try:
            plan = propose(scanned, Options("target"), observe(scanned, "target"))
        except Fault:
            assume(False)
        check(plan, source, scratch)


@settings(max_examples=8)
@given(frame=frames(), sep=st.sampled_from(",;\t"))
def test_what_is_shown_is_what_is_read(frame: pd.DataFrame, sep: str) -> None:
    check_table(frame, sep)


@pytest.mark.thorough
@settings(max_examples=300, phases=set(Phase) - {Phase.explain, Phase.shrink})
@given(frame=frames(), sep=st.sampled_from(",;\t"))
def test_what_is_shown_of_hundreds_of_tables_is_what_is_read(frame: pd.DataFrame, sep: str) -> None:
    check_table(frame, sep)


def test_whole_numbers_and_decimals_of_one_table_are_told_apart(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(1), 400
    wholes = {name: rng.integers(1, 12, rows) for name in ("year", "month", "day", "hour")}
    decimals = {name: rng.normal(30, 9, rows).round(1) for name in ("lat", "long", "wind", "hPa")}
    frame = pd.DataFrame({"id": np.arange(rows), **wholes, **decimals})
    frame.loc[::7, ["wind", "hPa"]] = np.nan
    frame["target"] = rng.choice(CLASSES[:9], rows)
    check_table(frame, ",")


QUICK = {"hotel", "orders", "storms", "survey", "staff"}
CORPUS = CASES | STRANGERS


def source_of(case: Case, folder: Path) -> sources.Source:
    """A case's source, written into a folder."""
    place = case.write(folder, np.random.default_rng(3))
    if "://" in place:
        return sources.from_query(place, case.options[1], folder)
    return sources.from_files(str(folder / place))


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.thorough) for n in CORPUS]
)
def test_a_table_of_the_corpus_gets_its_roles_and_split(name: str, tmp_path: Path) -> None:
    case, parser = CORPUS[name], ArgumentParser()
    commands.ADOPT.declare(parser)
    args = parser.parse_args(["place", "--target", case.target, *case.options])
    scanned = scan(source_of(case, tmp_path), args.dates)
    options = Options(args.target, args.time, args.group, tuple(args.key), drop=tuple(args.drop))
    plan = propose(scanned, options, observe(scanned, case.target))
    roles = {field.column.name: field.role for field in plan.fields if field.role != "feature"}
    assert roles == {case.target: "target", **case.roles, **dict.fromkeys(case.dropped, "left out")}
    for field in plan.of("left out"):
        assert field.why.startswith(case.dropped[field.column.name]), field.why
    assert plan.by == case.split
    if scanned.step == 1:
        (tmp_path / "files").mkdir()
        for file, path in scanned.source.files.items():
            shutil.copyfile(path, tmp_path / "files" / file)
        check(plan, tmp_path / "files", tmp_path / "scratch")


def test_new_categories_are_taken_of_features_and_refused_of_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with modules(adopted(tmp_path, GOOD)) as code:
        (tmp_path / "later").mkdir()
        GOOD.assign(shop="west").to_csv(tmp_path / "later/table.csv", index=False)
        later = ingested(code, tmp_path / "later")
        assert "column shop: 1 new: 'west'" in capsys.readouterr().err
        assert set(code.featurize.compute_features(code.prepare.clean(later))["shop"]) == {"west"}
        GOOD.assign(bought="maybe").to_csv(tmp_path / "later/table.csv", index=False)
        with pytest.raises(Exception, match="column bought: isin"):
            ingested(code, tmp_path / "later")


def test_a_row_that_is_inserted_moves_no_other_to_another_side(tmp_path: Path) -> None:
    found = adopted(tmp_path, pd.concat([GOOD, GOOD.tail(3)]))
    with modules(found) as code:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        GOOD.to_csv(tmp_path / "one/table.csv", index=False)
        more = pd.concat([GOOD.head(1).assign(size=7.7), GOOD.tail(1), GOOD])
        more.to_csv(tmp_path / "two/table.csv", index=False)
        before = ingested(code, tmp_path / "one").set_index("row")["size"]
        after = ingested(code, tmp_path / "two").set_index("row")["size"]
        pd.testing.assert_series_equal(after[before.index], before)
        assert len(after) == len(before) + 2


@pytest.mark.parametrize("key", [True, False])
def test_a_wide_table_is_read_without_a_warning(tmp_path: Path, key: bool) -> None:
    """Here a warning is an error, as in the tests of the project that is written."""
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(len(GOOD), 150)).round(3))
    frame = GOOD.join(wide.add_prefix("gene_"))
    if key:
        frame.insert(0, "id", [f"r{at}" for at in range(len(frame))])
    plan = adopted(tmp_path, frame)
    with modules(plan) as code:
        assert len(ingested(code, tmp_path)) == len(frame)
