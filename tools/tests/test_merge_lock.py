"""Two branches with different models are merged: by the driver, and without it."""

from pathlib import Path
from typing import Any

import pytest
from project import Project, Strata

from strata.core.errors import Fault
from strata.dvc.revision import as_yaml
from strata.guard.hook.merge import merge_lock, merged

DOUBLED = "{train['skill']} {train['seed'] * 2}"  # the same model, as long as the seed is 0
TRUE = b"1.0 10\n"  # the model that the merged code and params make


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "kept", "differing"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3}, {"a": 2, "b": 3}, []),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 3, "b": 1}, {"b": 1}, ["a"]),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, []),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}, []),
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 1}, {}, []),
        ({"a": 1}, {}, {"a": 2}, {}, ["a"]),
        ({}, {"a": 1}, {"a": 2}, {}, ["a"]),
    ],
)
def test_an_entry_that_both_sides_have_changed_is_of_neither(
    base: dict[str, Any],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    kept: dict[str, Any],
    differing: list[str],
) -> None:
    assert merged(base, ours, theirs) == (kept, differing)
    assert merged(base, theirs, ours) == (kept, differing)


def test_a_merged_lock_is_written_as_dvc_writes_it(reproduced: Project, tmp_path: Path) -> None:
    lock = reproduced.read("dvc.lock")
    base, ours, theirs = (tmp_path / name for name in ("base", "ours", "theirs"))
    base.write_bytes(as_yaml({"schema": "2.0", "stages": {}}))
    ours.write_bytes(base.read_bytes())
    theirs.write_bytes(lock)
    merge_lock(base, ours, theirs, "dvc.lock")
    assert ours.read_bytes() == lock


@pytest.mark.parametrize("theirs", ["a: [\n", "- a\n", "\N{DEGREE SIGN}", "schema: '3.0'\n"])
def test_what_is_no_lock_is_merged_by_line(theirs: str, tmp_path: Path) -> None:
    texts = {"base": "schema: '1.0'\n", "ours": "schema: '2.0'\n", "theirs": theirs}
    base, ours, others = (tmp_path / name for name in texts)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(Fault, match=r"^x/dvc\.lock.* merged by line"):
        merge_lock(base, ours, others, "x/dvc.lock")
    assert "<<<<<<< ours\n" in ours.read_text(encoding="latin-1")


@pytest.fixture
def branches(project: Project) -> Project:
    """The project, at main, and a branch ``other``: their code and params merge, by line.

    Their locks do, too, into one of a model that the merged code does not make.
    """
    (project.path / ".gitattributes").write_text("dvc.lock merge=strata\n")
    project.commit("Merge dvc.lock by stage")
    project.run("git", "switch", "--quiet", "--create", "other")
    project.set(**{"train.seed": 5})
    project.run("dvc", "repro")
    project.commit("Another seed")
    project.run("git", "switch", "--quiet", "main")
    project.run("dvc", "checkout")
    train = project.path / "train.py"
    train.write_text(train.read_text().replace("{train['skill']} {train['seed']}", DOUBLED))
    project.run("dvc", "repro")
    project.commit("Double the seed")
    return project


def is_proven(project: Project, strata: Strata) -> None:
    """The commit is a merge with the one true model, and running it again makes that."""
    assert project.read("models/model.txt") == TRUE
    assert len(project.run("git", "log", "-1", "--format=%P").split()) == 2
    assert project.run("git", "status", "--porcelain") == ""
    assert "dvc.lock: fresh" in strata(project, "status")
    assert "reproduces" in strata(project, "verify")


@pytest.mark.slow
@pytest.mark.fault(
    "merge of two locks that by line become one of a model that nothing has made",
    "the merge driver leaves that entry out; `dvc repro` makes it, and `strata verify` proves it",
)
@pytest.mark.parametrize("months", [2, 3])
def test_the_driver(branches: Project, strata: Strata, months: int) -> None:
    if months == 3:  # all stages of one side, and files of metrics that are in conflict
        branches.set(**{"data.months": 3, "train.skill": 1.0})
        branches.run("dvc", "repro")
        branches.commit("Another month")
        branches.run("git", "switch", "--quiet", "other")
        evaluate = branches.path / "evaluate.py"
        evaluate.write_text(evaluate.read_text().replace("default_rng(7)", "default_rng(8)"))
        branches.run("dvc", "repro")
        branches.commit("Other noise")
        branches.run("git", "switch", "--quiet", "main")
    branches.run("strata", "hook", "install")
    output = branches.run("git", "merge", "--no-edit", "other", fails=True)
    assert "dvc.lock: both sides have changed train" in output
    assert "dvc repro && git add --update" in output
    assert b"<<<<" not in branches.read("dvc.lock")
    assert (b"<<<<" in branches.read("metrics/metrics.json")) == (months == 3)
    repro = branches.run("dvc", "repro")
    assert "Running stage 'data'" not in repro
    assert "Running stage 'train'" in repro
    branches.run("git", "add", "--update")
    branches.run("git", "commit", "--no-edit")
    is_proven(branches, strata)


@pytest.mark.slow
def test_without_the_driver(branches: Project, strata: Strata) -> None:
    """As docs/merging.md does it."""
    branches.run("git", "merge", "--no-edit", "other")
    branches.run("dvc", "checkout")
    assert "up to date" in branches.run("dvc", "status")  # what the page warns of
    assert branches.read("models/model.txt") != TRUE
    branches.run("git", "reset", "--quiet", "--hard", "HEAD~")

    branches.run("git", "merge", "--no-commit", "other")
    branches.run("git", "checkout", "HEAD", "--", "dvc.lock")
    branches.run("dvc", "repro")
    branches.run("git", "add", "--update")
    branches.run("git", "commit", "--no-edit")
    is_proven(branches, strata)


@pytest.mark.slow
def test_sides_that_changed_different_stages_merge_by_themselves(
    project: Project, strata: Strata
) -> None:
    (project.path / ".gitattributes").write_text("dvc.lock merge=strata\n")
    for name, train, evaluate in (("base", "", ""), ("other", "", "#\n"), ("main", "#\n", "")):
        project.run("git", "switch", "--quiet", "--force-create", name, "main")
        for path, line in (("train.py", train), ("evaluate.py", evaluate)):
            (project.path / path).write_text((project.path / path).read_text() + line)
        project.run("dvc", "repro")
        project.commit(f"Comments of {name}")
        if name == "base":
            project.run("git", "branch", "--force", "main")
    project.run("strata", "hook", "install")
    project.run("git", "merge", "--no-edit", "other")
    assert "dvc.lock: fresh" in strata(project, "status")
