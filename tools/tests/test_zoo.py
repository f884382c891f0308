"""Every tool on every repository of the zoo; what cannot be done there is one true line."""

import os
import shutil
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

import pytest
import zoo
from project import Project, Strata, push_of, ref_of, state

from strata.compare import CODES
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs

pytestmark = pytest.mark.slow


def packages() -> set[str]:
    """What is installed in the environment of the tools."""
    return {found.name for found in distributions()}


FIRST = ("plain", "together", "get_started")
REST = [pytest.param(name, marks=pytest.mark.thorough) for name in zoo.SHAPES if name not in FIRST]


@pytest.mark.parametrize("name", [*FIRST, *REST])
def test_every_tool(name: str, tmp_path: Path, strata: Strata) -> None:
    shape = zoo.SHAPES[name]()
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    new = state(project)
    installed = packages()
    project.run("git", "checkout", "--quiet", "v1")
    project.run("dvc", "checkout", "--quiet")
    old = state(project)
    project.run("git", "checkout", "--quiet", "main")
    project.run("dvc", "checkout", "--quiet")
    assert old != new
    assert state(project) == new

    strata(project, "gc", "--yes")  # what only DVC's run cache knows
    assert "0 objects" in strata(project, "gc", "--yes")
    said = strata(project, "status")
    assert "all committed" in said
    assert "not what this commit names" not in said
    assert f"dvc.lock: {'fresh' if shape.stages else 'none'}" in said

    strata(project, "restore", "v1")
    assert state(project) == old
    strata(project, "restore", "-")
    assert state(project) == new

    said = strata(project, "report", "--base", "v1", code=int(not shape.metrics))
    assert shape.stages or "no dvc.yaml" in said
    assert shape.metrics or not shape.stages or "has no metrics" in said
    said, code = project.run("sh", "-c", "strata compare v1 main; echo code $?").rsplit("code ", 1)
    if shape.metrics:
        word = said.splitlines()[0].rpartition(": ")[2]
        assert CODES[word] == int(code)
        assert name != "other_words" or "paired by day, 12 blocks" in said
    else:
        assert "has no metrics: there is nothing to compare" in said
    strata(project, "models", "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ("No commit of" in page) == (not shape.metrics)
    (line,) = strata(project, "monitor", "--champion", "v1", code=1).splitlines()
    assert "set data in [tool.strata.monitor]" in line
    (line,) = strata(project, "predict", ".dvc/config", "-o", "x.parquet", code=1).splitlines()
    assert "has no program that scores rows: set command in" in line
    models = project.run("sh", "-c", "strata release 2>&1; true").splitlines()
    assert models[-1].startswith(("not released; --force", "strata release: ")), models
    assert "no model is released" in strata(project, "models")
    names_none = int(name != "get_started")
    said = strata(project, "bundle", "v1", "-o", str(tmp_path / "bundle"), code=names_none)
    assert not names_none or "dvc.yaml names no model" in said
    if shape.stages:
        assert "strata" not in project.run("strata", "repro", "--all-pipelines")
    said = strata(project, "verify", code=int(not shape.stages))
    assert ("reproduces" if shape.stages else "no stage to run: nothing was verified") in said
    strata(project, "hook", "fresh-lock")
    arguments, given = push_of(project)
    strata(project, *arguments, given=given)
    with opened(project.path) as store:
        paths = [out.path for out in Revision(store, refs.commit_of("v1", project.path)).outputs]
    for path in paths[:2]:
        target = tmp_path / "got" / path
        assert " ok" in strata(project, "get", "v1", path, "--output", str(target))
        got = state(Project(tmp_path / "got", {}))
        assert got == {file: old[file] for file in old if PurePosixPath(file).is_relative_to(path)}
        shutil.rmtree(tmp_path / "got")
    if shape.vary:
        how = ["--metric", shape.metric, "--direction", "maximize", "--jobs", "1"]
        said = strata(project, "sweep", "--name", "s", "-S", shape.vary, *how)
        assert "2 finished" in said
    assert state(project) == new
    assert packages() == installed
    if shape.vary:
        everywhere = [] if (project.path / "dvc.yaml").exists() else ["--all-pipelines"]
        project.run("dvc", "exp", "run", "-n", "d", "-S", shape.vary.split(",")[0], *everywhere)
        assert tree(project, "s-1") == tree(project, "d")


def tree(project: Project, experiment: str) -> str:
    """The hash of all files of an experiment."""
    return project.run("git", "rev-parse", f"{ref_of(project, experiment)}^{{tree}}")
