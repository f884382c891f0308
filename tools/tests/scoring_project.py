"""What the tiny project needs to score rows, and to be watched: a program, and settings."""

from project import Project

SCORE = """
import sys
from pathlib import Path
import numpy as np
import pandas as pd

rows, out, *options = sys.argv[1:]
is_csv = rows.endswith(".csv")
frame = pd.read_csv(rows, sep=None, engine="python") if is_csv else pd.read_parquet(rows)
frame.insert(0, "row", range(1, len(frame) + 1))
bad = frame[frame["signal"].isna()]
for row in bad["row"]:
    print(f"score: row {row}: signal is missing", file=sys.stderr)
if len(bad) and "--skip-bad" not in options:
    sys.exit(1)
frame = frame.drop(bad.index)
skill = float(Path("models/model.txt").read_text().split()[0])
noise = np.random.default_rng(7).normal(size=400)[frame["id"]]
score = 1 / (1 + np.exp(-skill * frame["signal"] - noise))
frame[["row", "day", "id"]].assign(score=score).to_parquet(out, index=False)
"""
SETTINGS = """
[tool.strata.predict]
command = "python score.py"
[tool.strata.monitor]
data = "data/raw"
through = "data.months"
"""


def scores(project: Project) -> None:
    """Give the tiny project a way to score rows, and commit it."""
    (project.path / "score.py").write_text(SCORE)
    settings = project.path / "pyproject.toml"
    settings.write_text(settings.read_text() + SETTINGS)
    data = project.path / "data.py"  # through a month, by its number or by its name
    months = 'YAML(typ="safe").load(Path("params.yaml"))["data"]["months"]'
    data.write_text(data.read_text().replace(months, f"int(str({months})[-2:])"))
    project.run("dvc", "repro", "--quiet")
    project.commit("Score rows")


def arrive(project: Project, months: int, skill: float) -> str:
    """A month of data, and a model of that skill; returns the commit."""
    project.set(**{"data.months": months, "train.skill": skill})
    project.run("dvc", "repro", "--quiet")
    return project.commit(f"Through month {months}")
