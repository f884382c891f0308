"""Settings that are called otherwise in a newer template are moved, and nothing is brought back."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from project import Project, sandbox

PROGRAM = Path(__file__).parents[1] / "migrate.py"
TEXT = """\
[project]
headline = "not this"

[tool.strata.report] # of pull requests
headline = "test.auc" # decides
predictions = "p.parquet"

[tool.strata.sweep]
metric = "m"
"""


@pytest.fixture
def migrate() -> Any:
    spec = importlib.util.spec_from_file_location("migrate", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keys_and_tables_are_renamed_where_they_stand(migrate: Any) -> None:
    text, said = migrate.moved(TEXT, {"report.headline": "report.verdict", "sweep": "search"})
    assert text == TEXT.replace('headline = "test', 'verdict = "test').replace(
        "strata.sweep", "strata.search"
    )
    assert said == [
        "pyproject.toml: report.headline is now report.verdict: moved",
        "pyproject.toml: sweep is now search: moved",
    ]


@pytest.mark.parametrize("new", ["report.predictions", "sweep.headline"])
def test_what_cannot_be_moved_safely_is_said_and_left(migrate: Any, new: str) -> None:
    assert migrate.moved(TEXT, {"report.headline": new}) == (
        TEXT,
        [f"pyproject.toml: report.headline is now {new}: move it by hand"],
    )


def test_nothing_renamed_changes_nothing(migrate: Any) -> None:
    assert migrate.moved(TEXT, {"gc.old": "gc.new"}) == (TEXT, [])


@pytest.mark.parametrize("had", [True, False])
def test_tests_of_the_kit_stay_only_where_there_were_some(
    migrate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, had: bool
) -> None:
    project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
    for name in ("pyproject.toml", "src/partitions.py", *(["tests/kit/test_old.py"] * had)):
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text("")
    project.run("git", "init", "--quiet")
    project.commit("Old")
    (project.path / "tests/kit").mkdir(parents=True, exist_ok=True)
    (project.path / "tests/kit/test_new.py").write_text("")
    monkeypatch.chdir(project.path)
    migrate.main()
    assert (project.path / "tests/kit/test_new.py").exists() == had
    assert "docs/template.md says how to move to it" in capsys.readouterr().out


def test_what_adopt_once_wrote_becomes_the_template_s(
    migrate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
    project.path.mkdir()
    (project.path / "pyproject.toml").write_text(f"[tool.mypy]\n{migrate.ADOPTED}strict = true\n")
    project.run("git", "init", "--quiet")
    project.commit("Old")
    monkeypatch.chdir(project.path)
    newer = 'mypy_path = "src:newer"\n'
    (tmp_path / "newer.toml").write_text(f"[tool.mypy]\n{newer}")
    migrate.before(tmp_path / "newer.toml")
    now = f"[tool.mypy]\n{newer}strict = true\n"
    assert (project.path / "pyproject.toml").read_text() == now
    assert project.run("git", "show", ":pyproject.toml") == now
    assert project.run("git", "diff", "--name-only") == ""
