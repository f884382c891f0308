"""`strata look` shows tables of all kinds, of the workspace and of revisions."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata

from strata import look


@given(sizes=st.lists(st.integers(0, 60), max_size=20), most=st.integers(1, 50))
def test_every_step_th_row_is_kept_however_the_rows_come(sizes: list[int], most: int) -> None:
    rows = pd.DataFrame({"row": np.arange(sum(sizes))})
    ends = np.cumsum([0, *sizes])
    parts = [rows.iloc[a:b] for a, b in itertools.pairwise(ends)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "ROWS", most)
        frame, step, count = look.sampled(parts)
    assert count == len(rows)
    if frame is None:
        assert count == 0
        return
    assert frame["row"].tolist() == list(range(0, count, step))
    assert len(frame) <= most
    assert step == 1 or count > most * step / 2


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
    for path in sorted(tables.iterdir()):
        assert f"{path}, 3 rows" in strata(project, "look", str(path))
        assert "Ä" in shown(project.path / ".dvc/tmp/look.html")
    page = tmp_path / "all.html"
    assert ", 12 rows" in strata(project, "look", str(tables), "--output", str(page))
    shown(page)
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_the_same_of_a_revision(versions: Project, strata: Strata) -> None:
    said = strata(versions, "look", "metrics/months.csv", "--rev", "v1")  # Git's
    assert said.startswith("metrics/months.csv of v1, 2 rows\nfile://")
    shown(versions.path / ".dvc/tmp/look.html")
    assert "data/raw of v1, 800 rows" in strata(versions, "look", "data/raw", "--rev", "v1")
    assert "v1 has no data/none" in strata(versions, "look", "data/none", "--rev", "v1", code=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv: cannot be read: "),
        ("a.parquet", b"PAR1", "a.parquet: cannot be read: "),
        ("a.csv", b"a,b\n", "has no rows"),
        ("a.png", b"", "is no table that can be shown"),
        ("", b"", "nope: not found"),
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
