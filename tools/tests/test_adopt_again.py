"""A table that is adopted again leaves what its owner made, and says where both changed a line."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from strata.core.errors import Fault
from strata_adopt import again, sources
from strata_adopt.adopt import difference, merge
from strata_adopt.plan import Options, Plan, observe, propose
from strata_adopt.scan import scan

ROWS = 200
RNG = np.random.default_rng(0)
SALES = pd.DataFrame(
    {
        "size": RNG.normal(size=ROWS).round(3),
        "shop": RNG.choice(["north", "south"], ROWS),
        "sold": pd.date_range("2022-01-01", periods=ROWS).strftime("%d.%m.%Y"),
        "late": RNG.random(ROWS).round(3),
        "bought": RNG.choice(["yes", "no"], ROWS),
    }
)


def planned(folder: Path, frame: pd.DataFrame, former: again.Record | None = None) -> Plan:
    """What is proposed for a frame, at first or again."""
    path = folder / "sales.csv"
    frame.to_csv(path, index=False)
    table = scan(sources.from_files(str(path)))
    asked = Options("bought", drop=() if former else ("late",))
    options = again.recall(asked, former.options, table) if former else asked
    return propose(table, options, observe(table, options.target))


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """A repository in which a first table was adopted and committed, and its owner went on."""
    root = tmp_path / "owned"
    for name in ("pyproject.toml", ".gitignore", "requirements.lock", "requirements-dev.lock",
                 "dvc.yaml"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    put(root, merge(planned(tmp_path, SALES), root, None).texts)
    put(root, {"data/source.dvc": "outs:\n- path: source\n"})
    start = "    return prepared.assign(\n        **{\n"
    own = '            "large": prepared["size"] > 1,\n'
    change(root, "src/featurize.py", start, start + own)
    change(root, "params.yaml", "C: 1.0", "C: 3.0")
    put(
        root,
        {"tests/test_mine.py": "def test_mine() -> None: ...\n", "src/models.py": "MINE = 1\n"},
    )
    return root


def put(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    put(root, {name: text.replace(old, new)})


def again_with(root: Path, frame: pd.DataFrame) -> tuple[again.Merge, again.Record]:
    former = again.read(root)
    assert former
    return merge(planned(root.parent, frame, former), root, former), former


def test_one_new_column_comes_to_what_the_owner_made(owned: Path) -> None:
    merged, former = again_with(owned, SALES.assign(height=np.arange(ROWS) % 50))
    assert merged.conflicts == {}
    assert merged.gone == []
    assert '"height": whole(0, 100),' in merged.texts["src/schema.py"]
    assert '"large": prepared["size"] > 1,' in merged.texts["src/featurize.py"]
    assert "C: 3.0" in merged.texts["params.yaml"]
    assert not {"src/models.py", "tests/test_mine.py", "dvc.lock"} & {*merged.texts}
    said = difference(owned, merged)
    assert '+        "height": whole(0, 100),' in said
    assert "MINE" not in said
    assert "large" not in said
    put(owned, merged.texts)
    record = again.read(owned)
    assert record
    assert "large" not in record.texts["src/featurize.py"]  # what adopt wrote, and no more
    assert record.options == former.options


def test_the_same_table_again_changes_nothing(owned: Path) -> None:
    merged, former = again_with(owned, SALES)
    assert difference(owned, merged) == "nothing of the code changes"
    assert former.options == Options(
        "bought", time="sold", group="", positive="yes", task="binary", drop=("late",)
    )


def test_lines_that_both_changed_are_marked_and_unmerged(owned: Path) -> None:
    for arguments in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=owned, check=True)
    change(owned, "src/schema.py", '"size": number(', '"size": number(-3, 3),  #')
    merged, _ = again_with(owned, SALES.assign(size=SALES["size"] * 100))
    assert {*merged.conflicts} == {"src/schema.py"}
    assert "conflict in src/schema.py" in difference(owned, merged)
    again.mark(owned, merged)
    text = (owned / "src/schema.py").read_text(encoding="utf-8")
    assert "<<<<<<< yours\n" in text
    assert ">>>>>>> adopted now\n" in text
    status = subprocess.check_output(["git", "status", "--porcelain", "src"], cwd=owned, text=True)
    assert "UU src/schema.py" in status
    ours = subprocess.check_output(["git", "show", ":2:src/schema.py"], cwd=owned, text=True)
    assert '"size": number(-3, 3),  #' in ours


def test_files_that_the_owner_removed_stay_away_and_others_of_adopt_go(owned: Path) -> None:
    (owned / "tests/test_data.py").unlink()
    former = again.read(owned)
    assert former
    former.texts["src/query.py"] = former.texts["src/query.sql"] = "once\n"
    put(owned, {"src/query.py": "once\n", "src/query.sql": "mine\n"})
    merged = again.merge(owned, former.texts, {"tests/test_data.py": "now\n", "new.py": "new\n"})
    assert merged.texts == {"new.py": "new\n"}
    assert "src/query.py" in merged.gone
    assert "src/query.sql" not in merged.gone


def test_without_a_record_all_that_differs_is_a_conflict(owned: Path) -> None:
    (owned / again.RECORD).unlink()
    assert again.read(owned) is None
    merged = merge(planned(owned.parent, SALES), owned, None)
    assert {*merged.conflicts} == {"src/featurize.py", "params.yaml"}
    assert '"large": prepared["size"] > 1,' in merged.texts["src/featurize.py"]


def test_what_was_asked_for_before_holds_until_something_else_is(tmp_path: Path) -> None:
    then = Options("bought", time="sold", group="", key=("no",), task="binary", drop=("late", "x"))
    table = planned(tmp_path, SALES).table
    found = again.recall(Options("bought", drop=("shop",)), then, table)
    assert found == Options(
        "bought", time="sold", group="", key=("no",), task="binary", drop=("shop", "late")
    )
    assert again.recall(Options("bought", group="shop"), then, table).time is None
    assert again.recall(Options("size"), then, table) == Options("size")
    gone = planned(tmp_path, SALES.drop(columns="sold")).table
    assert again.recall(Options("bought"), then, gone).time is None


def test_a_damaged_record_is_one_line(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"options": {"nothing": 1}, "texts": {}}'):
        put(tmp_path, {again.RECORD: text})
        with pytest.raises(Fault, match=r"\.adopted\.json: cannot be read"):
            again.read(tmp_path)


LINES = st.lists(st.sampled_from(["a\n", "b\n", "ä\n", "\n", "no end"]), max_size=6).map("".join)


@given(own=LINES, before=LINES, after=LINES)
def test_no_line_of_either_side_is_lost(own: str, before: str, after: str) -> None:
    text, is_clean = again.merge_texts(own, before, after)
    for side, other in ((own, after), (after, own)):
        if other == before:
            assert (text, is_clean) == (side, True)
    assert is_clean or "<<<<<<< yours\n" in text
    new: set[str] = {*own.splitlines(), *after.splitlines()} - {*before.splitlines()}
    assert new <= {*text.splitlines()}
