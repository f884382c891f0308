"""The commands of the documentation do what it says: each page is run from top to bottom."""

import re
from pathlib import Path

import pytest
from project import S3, Project

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def commands(page: str) -> str:
    """The text of all ``sh`` blocks of a page of docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return "".join(found)


def test_restore(desk: Project) -> None:
    old = desk.run("git", "show", "v1:dvc.lock")
    output = desk.run("bash", "-euxc", commands("restore.md"))
    assert "differs" not in output
    assert output.count("reproduces") == 2
    assert "next: " in output
    assert desk.read("old.joblib") != desk.read("models/model.joblib")
    assert desk.run("git", "show", "v1:dvc.lock") == old


def test_reports(desk: Project) -> None:
    output = desk.run("bash", "-euxc", commands("reports.md"))
    assert "## Strata: no change" in output
    assert "## Strata: no change" in desk.read("report.md").decode()
    assert b"<h2>Strata: no change</h2>" in desk.read("report.html")
    assert desk.run("git", "status", "--porcelain") == ""


def test_storage(desk: Project, s3: S3) -> None:
    output = desk.run("bash", "-euxc", commands("storage.md"))
    assert "storage is s3://bucket/prefix" in output
    assert s3.objects()
    assert "next: " in output
    assert desk.run("git", "status", "--porcelain") == ""


def test_sweeps(desk: Project) -> None:
    output = desk.run("bash", "-euxc", commands("sweeps.md"))
    assert "4 trials asked = 4 finished + 0 failed" in output
    assert "6 trials asked = 6 finished + 0 failed" in output
    assert "metrics/seeds.json is committed" in output
    assert "is in the workspace" in output
    assert "up to date" in desk.run("dvc", "status")
