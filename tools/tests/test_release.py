"""`strata release` tags a model that is proven and no worse; `strata models` lists the tags."""

from pathlib import Path

import pytest
from project import Project, Strata

pytestmark = pytest.mark.slow


@pytest.fixture
def published(project: Project, tmp_path: Path) -> Project:
    """The project with its data and its commit on remotes."""
    project.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin"))
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin"))
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    project.commit("Set the storage")
    publish(project)
    return project


def publish(project: Project) -> None:
    project.run("dvc", "push", "--quiet")
    project.run("git", "push", "--quiet", "--no-verify", "origin", "HEAD:main")


def change(project: Project, skill: float) -> None:
    project.set(**{"train.skill": skill})
    project.run("dvc", "repro", "--quiet")
    project.commit(f"Skill {skill}")
    publish(project)


def tags(project: Project) -> list[str]:
    return project.run("git", "tag").split()


def test_a_better_model_takes_the_place_of_the_first(published: Project, strata: Strata) -> None:
    said = strata(published, "release")
    assert "the first in its stage: nothing to hold it against" in said
    assert "released tiny@v0.1.0, and it is prod now" in said
    assert "git push origin 'tiny@v0.1.0' 'tiny#prod#1'" in said
    text = published.run("git", "tag", "--list", "--format=%(contents)", "tiny@v0.1.0")
    assert "executed again: every output has the hash in dvc.lock" in text
    assert "test.roc_auc: 0.76" in text
    assert "this commit is tiny v0.1.0 already" in strata(published, "release", code=1)
    change(published, 3.0)
    said = strata(published, "release", "--bump", "major")
    assert "against tiny@v0.1.0" in said
    assert ": better" in said
    assert "released tiny@v1.0.0" in said
    published.run("git", "push", "--quiet", "--no-verify", "origin", "--tags")
    published.run("git", "tag", "--delete", "tiny#prod#2", "tiny@v1.0.0")
    change(published, 0.5)  # worse than what is in use, which is not known here
    said = strata(published, "release", code=1)
    assert "origin has tiny@v1.0.0, which is not here: `git fetch --tags origin`" in said
    published.run("git", "fetch", "--quiet", "--tags", "origin")
    assert "worse, against tiny@v1.0.0" in strata(published, "release", code=1)
    lines = strata(published, "models").splitlines()
    assert lines[0].split() == ["model", "version", "stage", "commit", "date", "test.roc_auc"]
    assert lines[1].split()[:3] == ["tiny", "v1.0.0", "prod"]
    assert lines[2].split()[1] == "v0.1.0"
    assert "prod" not in lines[2]
    strata(published, "restore", "tiny@v0.1.0")
    assert b"1.0 0" in published.read("models/model.txt")


def test_a_worse_model_needs_a_reason_which_is_in_the_tag(
    published: Project, strata: Strata
) -> None:
    strata(published, "release")
    change(published, 0.01)
    said = strata(published, "release", code=1)
    assert "against it: worse, against tiny@v0.1.0" in said
    assert "against it: gate " in said
    assert "not released" in said
    assert tags(published) == ["tiny#prod#1", "tiny@v0.1.0"]
    assert "needs a reason" in strata(published, "release", "--force", " ", code=1)
    strata(published, "release", "--force", "the old one leaks", "--stage", "trial")
    text = published.run("git", "tag", "--list", "--format=%(contents)", "tiny@v0.2.0")
    assert "the first in its stage" in text
    assert "because: the old one leaks" in text


def test_what_is_not_proven_or_not_stored_is_not_released(
    published: Project, strata: Strata
) -> None:
    published.set(**{"train.skill": 2.0})
    assert "not committed: params.yaml; commit first" in strata(published, "release", code=1)
    published.commit("Another skill, not reproduced")
    said = strata(published, "release", code=1)
    assert "dvc.lock is stale (train): `dvc repro`" in said
    published.run("dvc", "repro", "--quiet")
    published.commit("Reproduce")
    said = strata(published, "release", code=1)
    assert "outputs are not on the remote: `dvc push`" in said
    assert "no remote branch has this commit: `git push`" in said
    assert not tags(published)


def test_a_remote_that_does_not_answer_is_said(published: Project, strata: Strata) -> None:
    published.run("git", "remote", "set-url", "origin", str(published.path / "nowhere"))
    said = strata(published, "release", code=1)
    assert "against it: cannot tell which releases origin has: it does not answer" in said


def test_no_better_than_a_dummy_speaks_against_it(published: Project, strata: Strata) -> None:
    evaluate = published.path / "evaluate.py"
    add = 'metrics["test"]["dummy"] = {"roc_auc": 0.99}\nPath("metrics/metrics.json").write_text('
    text = evaluate.read_text().replace('Path("metrics/metrics.json").write_text(', add, 1)
    evaluate.write_text(text)
    published.run("dvc", "repro", "--quiet")
    published.commit("A dummy")
    publish(published)
    said = strata(published, "release", code=1)
    assert "by test.roc_auc it is no better than a dummy" in said


def test_a_lock_that_is_not_what_the_pipeline_makes_is_never_released(
    published: Project, strata: Strata
) -> None:
    train = published.path / "train.py"
    train.write_text(
        train.read_text()
        + "import os; open('models/model.txt', 'a').write(' #' + os.urandom(4).hex())\n"
    )
    published.run("dvc", "repro", "--quiet")
    published.commit("A fit that is never the same")
    publish(published)
    said = strata(published, "release", "--force", "I know", code=1)
    assert "not released: dvc.lock is not what the pipeline makes" in said
    assert not tags(published)


def test_nothing_released_and_no_model_are_lines(project: Project, strata: Strata) -> None:
    assert "no model is released" in strata(project, "models")
    assert "dvc.yaml names no model none" in strata(project, "models", "none", code=1)
    file = project.path / "dvc.yaml"
    file.write_text(file.read_text().partition("artifacts:")[0])
    project.commit("No model")
    assert "put it under artifacts:" in strata(project, "release", code=1)
