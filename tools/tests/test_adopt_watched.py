"""An adopted table that turns around after a while: `strata monitor` says so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import ROOT, Project, copy_tracked, sandbox

from strata.dvc.params import set_param

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

MONTHS, TURN, ROWS = 12, 6, 400  # a month's rows


def turned() -> pd.DataFrame:
    """A table whose one strong coefficient flips at the month TURN."""
    rng, month = np.random.default_rng(0), np.repeat(np.arange(MONTHS), ROWS)
    first = pd.Timestamp("2020-01-01").to_period("M")
    days = [(first + int(at)).to_timestamp() for at in month]
    moments = pd.Series(days) + pd.to_timedelta(rng.integers(0, 28, len(month)), unit="D")
    strong, weak = rng.normal(size=(2, len(month))).round(3)
    odds = np.where(month < TURN, 1.2, -0.6) * strong + 0.2 * weak
    bought = rng.random(len(month)) < 1 / (1 + np.exp(-odds))
    return pd.DataFrame(
        {
            "day": moments.dt.strftime("%Y-%m-%d"),
            "strong": strong,
            "weak": weak,
            "bought": np.where(bought, "yes", "no"),
        }
    )


def test_a_coefficient_that_flips_makes_an_adopted_champion_stale(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
    copy_tracked(ROOT, project.path)
    turned().to_csv(tmp_path / "table.csv", index=False)
    project.run("git", "init", "--quiet")
    project.commit("Begin")
    project.run("strata", "adopt", "../table.csv", "--target", "bought", "--yes")
    project.commit("Adopt")
    set_param(project.path, "split.through", f"2020-{TURN:02}")
    project.run("dvc", "repro", "--quiet", "evaluate")
    project.commit("Train before it turns")
    project.run("git", "tag", "champion")
    project.run("git", "revert", "--no-edit", "HEAD")
    asked = ("strata", "monitor", "--champion", "champion", "--replay", "--json")
    text = project.run(*asked, fails=True)
    (line,) = (line for line in text.splitlines() if line.startswith("{"))
    told = json.loads(line)
    assert told["answer"] == "stale"
    parts = {part["partition"]: part for part in told["partitions"]}
    alarms = {name: part["alarms"] for name, part in parts.items()}
    before = [name for name in parts if name <= f"2020-{TURN:02}"]
    assert not any(alarms[name] for name in before), alarms
    assert all(alarms[name] for name in parts if name > f"2020-{TURN + 2:02}"), alarms
    metrics = {name: part["champion_metric"] for name, part in parts.items()}
    assert all(0.3 < metrics[f"2020-{month}"] < 0.45 for month in (10, 11)), metrics
