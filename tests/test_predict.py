"""Flights that came later, scored by predict.py in a real project."""

import pandas as pd
import pytest
from conftest import Project

pytestmark = pytest.mark.slow


def test_rows_that_came_later_get_the_prediction_that_evaluate_made_of_them(
    project: Project,
) -> None:
    newest = max((project.path / "data/prepared").iterdir())
    rows = pd.read_parquet(newest)
    rows.drop(columns="disrupted").to_csv(project.path / "rows.csv", index=False)
    said = project.run("python", "src/predict.py", "rows.csv", "scored.parquet")
    assert f"predict: {len(rows):,} rows scored, 0 left out" in said
    scored = pd.read_parquet(project.path / "scored.parquet")
    known = pd.read_parquet(project.path / "metrics/predictions.parquet")
    known = known[known["split"] == "test"].reset_index(drop=True)
    names = ["date", "origin", "carrier", "flight", "probability"]
    pd.testing.assert_frame_equal(scored[names], known[names])
    rows.assign(distance=[-1.5, *rows["distance"][1:]]).to_csv(project.path / "rows.csv")
    said = project.run("python", "src/predict.py", "rows.csv", "none.parquet", fails=True)
    assert "rows.csv: line 2: distance is '-1.5': must be a whole number" in said
    assert not list(project.path.glob("none*"))
    project.run("python", "src/predict.py", "rows.csv", "good.parquet", "--skip-bad")
    pd.testing.assert_frame_equal(
        pd.read_parquet(project.path / "good.parquet"), scored[1:].reset_index(drop=True)
    )
    for name in ("rows.csv", "scored.parquet", "good.parquet"):
        (project.path / name).unlink()
