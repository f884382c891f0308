"""`strata predict` scores rows with any revision's model, by its own code; `compare --on` two."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from project import Project, Strata
from scoring_project import scores

pytestmark = pytest.mark.slow


@pytest.fixture
def scoring(project: Project) -> Project:
    scores(project)
    project.run("git", "tag", "v1")
    return project


def month(project: Project, number: int) -> pd.DataFrame:
    return pd.read_parquet(project.path / f"data/raw/2013-{number:02}.parquet")


def test_each_revision_scores_rows_as_on_its_day(scoring: Project, strata: Strata) -> None:
    known = pd.read_parquet(scoring.path / "metrics/predictions.parquet")
    scoring.set(**{"train.skill": 3.0})
    (scoring.path / "score.py").write_text("raise SystemExit('score: not today')\n")
    scoring.run("dvc", "repro", "--quiet")
    scoring.commit("Another model, and code that fails")
    rows = "data/raw/2013-02.parquet"
    before = scoring.run("git", "status", "--porcelain")
    strata(scoring, "predict", rows, "--rev", "v1", "-o", "old.parquet")
    found = pd.read_parquet(scoring.path / "old.parquet")
    assert found["score"].tolist() == known[known["split"] == "test"]["score"].tolist()
    said = pq.read_schema(scoring.path / "old.parquet").metadata
    assert said[b"strata.version"] == b"v1"
    assert said[b"strata.commit"].decode() == scoring.run("git", "rev-parse", "v1").strip()
    assert len(said[b"strata.model.tiny"]) == 32
    again = scoring.path / "again.parquet"
    strata(scoring, "predict", rows, "--rev", "v1", "-o", str(again))
    assert again.read_bytes() == (scoring.path / "old.parquet").read_bytes()
    text = strata(scoring, "predict", rows, "-o", "new.parquet", code=1)
    assert "score: not today" in text
    assert "2013-02.parquet was not scored by" in text
    for name in ("old.parquet", "again.parquet"):
        (scoring.path / name).unlink()
    assert scoring.run("git", "status", "--porcelain") == before


def test_rows_that_do_not_fit_stop_it_unless_they_are_left_out(
    scoring: Project, strata: Strata, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    month(scoring, 1).assign(signal=lambda f: f["signal"].where(f["id"] != 4)).to_csv(rows)
    out = tmp_path / "new" / "out.parquet"
    text = strata(scoring, "predict", str(rows), "-o", str(out), code=1)
    assert "score: row 5: signal is missing" in text
    assert not list(out.parent.iterdir())
    assert "399 predictions" in strata(scoring, "predict", str(rows), "-o", str(out), "--skip-bad")
    assert "exists; name another file" in strata(
        scoring, "predict", str(rows), "-o", str(out), code=1
    )


def test_what_is_lacking_is_one_line(scoring: Project, strata: Strata) -> None:
    rows = "data/raw/2013-01.parquet"

    def line(*arguments: str) -> str:
        (said,) = strata(scoring, "predict", *arguments, code=1).splitlines()
        return said

    assert "set command in [tool.strata.predict]" in line(rows, "--rev", "v1~", "-o", "x.parquet")
    assert "'v2' is not a commit" in line(rows, "--rev", "v2", "-o", "x.parquet")
    assert "no release of tiny is in the stage prod" in line(
        rows, "--stage", "prod", "-o", "x.parquet"
    )
    assert "only Parquet carries" in line(rows, "-o", "x.csv")
    assert "no such file" in line("none.csv", "-o", "x.parquet")
    settings = scoring.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace("python score.py", "no-such-program"))
    scoring.commit("A program that is not there")
    assert "there is no program no-such-program" in line(rows, "-o", "x.parquet")


def test_two_revisions_are_compared_on_rows_of_ones_own(
    scoring: Project, strata: Strata, tmp_path: Path
) -> None:
    scoring.set(**{"train.skill": 3.0})
    scoring.run("dvc", "repro", "--quiet")
    scoring.commit("Better")
    said = strata(scoring, "compare", "v1", "HEAD", "--on", "data/raw")
    assert "HEAD against v1: better" in said
    assert "paired by day, 40 blocks" in said
    rows = tmp_path / "rows.csv"
    month(scoring, 1).assign(signal=lambda f: f["signal"].where(f["id"] != 4)).to_csv(rows)
    said = strata(scoring, "compare", "HEAD", "v1", "--on", str(rows), code=3)
    assert "v1 against HEAD: worse" in said
    assert "1 of 400 rows do not fit one of the two." in said
    month(scoring, 1).drop(columns="label").to_csv(rows)
    said = strata(scoring, "compare", "HEAD", "v1", "--on", str(rows), code=1)
    assert "no row has a label, in a column label" in said
    said = strata(scoring, "compare", "HEAD", "v1", "--on", "nowhere", code=1)
    assert "nowhere: no such file" in said
