"""A project keeps up with its template: `copier update` brings what is newer, and only that."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import warm
import yaml
from project import ROOT, Project, copy_tracked, sandbox
from small import SMALL
from tables import CASES

from strata.guard import doctor

pytestmark = pytest.mark.slow
OLD, NEW = "v1.0.0", "v1.1.0"
FLAT = "914ed2c"  # the last commit whose src/ had no kit


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
        "src/train.py": "#",
        "src/kit/report/summary.py": "#",
        "tests/test_pipeline.py": "#",
        "tests/test_prepare.py": "#",
        "tests/kit/test_summary.py": "#",
        ".dvcignore": "#",
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
    (template.path / "tests/test_new.py").write_text("# newer\n")
    (template.path / "tests/kit/test_new.py").write_text("# newer\n")
    (template.path / "docs/security.md").unlink()
    template.commit("New")
    template.run("git", "tag", NEW)
    return template


def copied(template: Project, path: Path, version: str = OLD) -> Project:
    """A project that copier made of the old template."""
    project = Project(path, template.env)
    command = (
        "copier",
        "copy",
        "--quiet",
        "--trust",
        "--vcs-ref",
        version,
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


def status(project: Project) -> dict[str, Any]:
    """What of each stage differs from dvc.lock."""
    return dict(json.loads(project.run("dvc", "status", "--json")))


@pytest.mark.thorough
@pytest.mark.parametrize("made", [copied, cloned])
def test_a_project_with_data_of_its_own_gets_newer_tools_and_kit_and_keeps_its_stages(
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
    stage = project.path / "src/train.py"
    stage.write_text(stage.read_text() + "\n# our own idea\n")
    makefile = project.path / "Makefile"
    makefile.write_text(makefile.read_text().replace("## show", "## tell"))
    project.commit("Edit a stage")
    before = {name: project.read(name) for name in ("src/train.py", "src/featurize.py")}
    stale = status(project)

    said = project.run("copier", "update", "--trust", "--defaults", "--vcs-ref", NEW)

    assert "report.headline is now report.verdict: moved" in said
    assert "sweep is now search: moved" in said
    settings = project.read("pyproject.toml").decode()
    assert 'verdict = "test.' in settings
    assert "[tool.strata.search]" in settings

    newer = ("src/kit/report/summary.py", "tools/src/strata/cli.py", ".dvcignore", "Makefile")
    for name in (*newer, "docs/restore.md", "docs/new.md"):
        assert project.read(name).decode().rstrip().endswith("newer"), name
    for name in (".github/workflows/ci.yml", ".pre-commit-config.yaml"):
        assert project.read(name).decode().endswith("# newer\n"), name
    assert not (project.path / "docs/security.md").exists()
    assert (project.path / "CHANGELOG.md").exists() == (made is cloned)
    assert {name: project.read(name) for name in before} == before
    if made is copied:  # whose pipeline has run
        assert set(stale) == {"train"}
        now = status(project)
        assert {n for n in now if now[n] != stale.get(n)} == {"evaluate", "explain", "card"}
    changed = project.run("git", "status", "--porcelain", "--untracked-files=all").splitlines()
    own = ("params.yaml", "dvc.", "data/", "metrics/", "models/", "README.md")
    ours = re.compile(r"(src|tests)/[^/]+$|" + "|".join(map(re.escape, own)))
    assert [line for line in changed if ours.match(line[3:])] == []
    assert (project.path / "tests/kit/test_new.py").exists() == (made is cloned)
    assert (project.path / "tests/kit").exists() == (made is cloned)
    assert not list(project.path.rglob("*.rej"))
    assert not re.search("^[+]<{7} ", project.run("git", "diff", "HEAD"), re.MULTILINE)
    assert f"_commit: {NEW}" in project.read(".copier-answers.yml").decode()
    if made is copied:
        found = ["git", "grep", "--untracked", "-il", "flight", "--", ":!tools/tests"]
        assert subprocess.run(found, cwd=project.path).returncode == 1
        project.run("python", "-m", "pytest", "-q", "tests")


@pytest.mark.thorough
def test_a_project_of_before_the_kit_keeps_its_flat_stages_and_they_run(
    template: Project, tmp_path: Path
) -> None:
    if subprocess.run(["git", "cat-file", "-e", f"{FLAT}^{{commit}}"], cwd=ROOT).returncode:
        pytest.skip("a shallow clone")
    push = ("git", "push", "--quiet", "--no-verify", str(template.path))
    subprocess.run([*push, f"{FLAT}:refs/tags/v0.9.0"], cwd=ROOT, env=template.env, check=True)
    project = copied(template, tmp_path / "project", "v0.9.0")
    project.set(**SMALL)
    settings = project.path / "pyproject.toml"
    adopted = '\nmypy_path = ".github:src:tests:tools/tests:tools/src"\n'  # as adopt wrote it then
    settings.write_text(re.sub(r"\nmypy_path = .*\n", adopted, settings.read_text()))
    project.commit("Take fewer months")
    stale, before = status(project), files(project, "src/*.py", "tests/**/*.py")

    said = project.run("copier", "update", "--trust", "--defaults", "--vcs-ref", NEW)

    assert "docs/template.md says how to move to it" in said
    assert status(project) == stale
    assert files(project, "src/*.py", "tests/**/*.py") == before
    assert files(project, "src/kit/**/*.py") == files(template, "src/kit/**/*.py")
    assert not re.search("^[+]<{7} ", project.run("git", "diff", "HEAD"), re.MULTILINE)
    assert not list(project.path.rglob("*.rej"))
    (path,) = re.findall("^mypy_path = .*", settings.read_text(), re.MULTILINE)
    assert path in (template.path / "pyproject.toml").read_text()
    project.commit("Update")
    warm.set_up(project.path)
    project.run("strata", "repro")
    assert "up to date" in project.run("dvc", "status")
    project.run("python", "-m", "pytest", "-q", "tests/test_structure.py")
    project.run("python", "src/export.py", "serving")
    code = "import service.app as a, service.settings as s; print(a.Service(s.load()).example)"
    assert "{" in project.run("python", "-c", code, PYTHONPATH="src")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    project.commit("Run")
    asked = ("strata", "adopt", str(tmp_path / "table.csv"), "--target", "b", "--yes")
    assert "had no src/kit" in project.run(*asked, fails=True)


def files(project: Project, *patterns: str) -> dict[str, bytes]:
    """The content of the files that patterns find."""
    found = (path for pattern in patterns for path in project.path.glob(pattern))
    return {str(path.relative_to(project.path)): path.read_bytes() for path in found}


def test_no_project_gets_the_changes_of_the_template() -> None:
    settings = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    assert "/CHANGELOG.md" in settings["_exclude"]


def test_doctor_reads_what_an_update_leaves_to_the_project() -> None:
    text = (ROOT / "copier.yml").read_text(encoding="utf-8")
    own = doctor.OWN.findall(text)
    assert {"/dvc.yaml", "/src/*.py"} <= {*own}
    assert len(own) == text.count("_copier_operation == 'update'")
