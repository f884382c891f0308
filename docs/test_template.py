"""A project keeps up with its template: `copier update` brings what is newer, and only that."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import warm
import yaml
from project import ROOT, Project, copy_tracked, sandbox
from tables import CASES

from strata import doctor
from strata.arguments import HOOKS

pytestmark = pytest.mark.slow
OLD, NEW = "v1.0.0", "v1.1.0"


@pytest.fixture
def template(tmp_path: Path) -> Project:
    """This repository with a tag, and one with newer tools, docs, hooks and stages."""
    template = Project(tmp_path / "template", sandbox(tmp_path / "home"))
    copy_tracked(ROOT, template.path)
    template.run("git", "init", "--quiet")
    template.commit("Old")
    template.run("git", "tag", OLD)
    for name, comment in {
        "tools/src/strata/cli.py": "#",
        "src/featurize.py": "#",
        "src/models.py": "#",
        "src/regression.py": "#",
        "tests/test_pipeline.py": "#",
        "tests/flights/test_prepare.py": "#",
        "params.yaml": "#",
        "Makefile": "#",
        ".github/workflows/ci.yml": "#",
        ".pre-commit-config.yaml": "#",
        "docs/restore.md": "",
        "README.md": "",
    }.items():
        with (template.path / name).open("a", encoding="utf-8") as file:
            file.write(f"{comment} newer\n")
    migrate = template.path / "tools/migrate.py"
    renamed = '= {"report.headline": "report.verdict", "sweep": "search"}'
    migrate.write_text(migrate.read_text().replace("= {}", renamed))
    (template.path / "docs/new.md").write_text("# newer\n")
    (template.path / "tests/flights/test_new.py").write_text("# newer\n")
    (template.path / "docs/security.md").unlink()
    template.commit("New")
    template.run("git", "tag", NEW)
    return template


def copied(template: Project, path: Path) -> Project:
    """A project that copier made of the old template."""
    project = Project(path, template.env)
    command = (
        "copier",
        "copy",
        "--quiet",
        "--trust",
        "--vcs-ref",
        OLD,
        str(template.path),
        str(path),
    )
    template.run(*command)
    project.run("git", "init", "--quiet")
    project.commit("Use the template")
    return project


def cloned(template: Project, path: Path) -> Project:
    """A project of "Use this template", with what docs/template.md has its user write."""
    template.run("git", "clone", "--quiet", "--branch", OLD, str(template.path), str(path))
    shutil.rmtree(path / ".git")
    project = Project(path, template.env)
    project.run("git", "init", "--quiet")
    answers = {"_commit": OLD, "_src_path": str(template.path)}
    (path / ".copier-answers.yml").write_text(yaml.safe_dump(answers))
    project.commit("Use the template")
    return project


@pytest.mark.thorough
@pytest.mark.parametrize("made", [copied, cloned])
def test_a_project_with_data_of_its_own_gets_newer_tools_and_keeps_its_stages(
    template: Project, tmp_path: Path, made: Callable[[Project, Path], Project]
) -> None:
    project = made(template, tmp_path / "project")
    warm.set_up(project.path)
    (tmp_path / "data").mkdir()
    case = CASES["wine"]
    place = tmp_path / "data" / case.write(tmp_path / "data", np.random.default_rng(3))
    if made is copied:
        project.run("strata", "adopt", str(place), "--target", case.target, "--yes")
        project.commit("Put in our own data")
    stage = project.path / "src/featurize.py"
    stage.write_text(stage.read_text() + "\n# our own idea\n")
    makefile = project.path / "Makefile"
    makefile.write_text(makefile.read_text().replace("## show", "## tell"))
    project.commit("Edit a stage")
    before = project.read("src/featurize.py")

    said = project.run("copier", "update", "--trust", "--defaults", "--vcs-ref", NEW)

    assert "report.headline is now report.verdict: moved" in said
    assert "sweep is now search: moved" in said
    settings = project.read("pyproject.toml").decode()
    assert 'verdict = "test.' in settings
    assert "[tool.strata.search]" in settings

    for name in ("tools/src/strata/cli.py", "Makefile", "docs/restore.md", "docs/new.md"):
        assert project.read(name).decode().rstrip().endswith("newer"), name
    for name in (".github/workflows/ci.yml", ".pre-commit-config.yaml"):
        assert project.read(name).decode().endswith("# newer\n"), name
    assert not (project.path / "docs/security.md").exists()
    assert project.read("src/featurize.py") == before
    changed = project.run("git", "status", "--porcelain", "--untracked-files=all").splitlines()
    own = ("src/", "tests/", "params.yaml", "dvc", "data/", "metrics/", "models/", "README.md")
    assert [line for line in changed if line[3:].startswith(own)] == []
    assert not list(project.path.rglob("*.rej"))
    assert "<<<<<<<" not in project.run("git", "diff", "HEAD")
    assert f"_commit: {NEW}" in project.read(".copier-answers.yml").decode()
    if made is copied:
        found = ["git", "grep", "--untracked", "-il", "flight"]
        assert subprocess.run(found, cwd=project.path).returncode == 1
        project.run("python", "-m", "pytest", "-q", "tests")


def test_doctor_knows_what_others_decide() -> None:
    """The hooks that are installed, and what an update leaves to the project."""
    assert set(doctor.HOOKS) == {"pre-commit", *HOOKS}
    text = (ROOT / "copier.yml").read_text(encoding="utf-8")
    own = re.findall(r"_copier_operation == 'update' %\}/(\S+?)\{%", text)
    assert {*own, "copier.yml", doctor.ANSWERS} == set(doctor.OWN)
