"""`strata release --promote` and `--rollback`: which version is in a stage."""

import pytest
from project import Project, Strata, change

from strata.dvc import registry

pytestmark = pytest.mark.slow


def in_stage(project: Project, stage: str = "prod") -> str | None:
    release = registry.holder(registry.releases(project.path, "tiny"), stage)
    return release.version if release else None


def text(project: Project, tag: str) -> str:
    return project.run("git", "tag", "--list", "--format=%(contents)", tag)


@pytest.fixture
def released(published: Project, strata: Strata) -> Project:
    """The project with v0.1.0 and a better v0.2.0, which is prod, pushed."""
    change(published, 0.4)
    strata(published, "release")
    change(published, 3.0)
    strata(published, "release")
    published.run("git", "push", "--quiet", "--no-verify", "origin", "--tags")
    return published


def test_a_rollback_brings_back_the_version_before(released: Project, strata: Strata) -> None:
    printed = strata(released, "release", "--rollback", code=1)
    assert "against it: worse, against tiny@v0.2.0" in printed
    assert in_stage(released) == "v0.2.0"
    assert "needs a reason" in strata(released, "release", "--rollback", "--force", " ", code=1)
    printed = strata(released, "release", "--rollback", "--force", "it answers NaN")
    assert "prod is tiny@v0.1.0 again, not tiny@v0.2.0" in printed
    assert "git push origin 'tiny#prod!#3'" in printed
    assert in_stage(released) == "v0.1.0"
    assert "because: it answers NaN" in text(released, "tiny#prod!#3")
    assert "overruled: worse, against tiny@v0.2.0" in text(released, "tiny#prod!#3")
    assert "prod" in strata(released, "models").splitlines()[2]  # of v0.1.0
    moves = strata(released, "models").split("\n\n")[1].splitlines()[1:]
    columns = [[cell for cell in move.split() if not cell.startswith("20")] for move in moves]
    assert columns == [
        ["tiny", "prod", "v0.2.0", "out", "tiny#prod!#3"],
        ["tiny", "prod", "v0.2.0", "tiny#prod#2"],
        ["tiny", "prod", "v0.1.0", "tiny#prod#1"],
    ]
    printed = strata(released, "release", "--rollback", "--force", "again", code=1)
    assert "no release was in prod before tiny v0.1.0" in printed


def test_a_version_that_exists_goes_into_a_stage(released: Project, strata: Strata) -> None:
    assert "--promote v0.2.0 --stage trial" in strata(
        released, "release", "--stage", "trial", code=1
    )
    printed = strata(released, "release", "--promote", "0.2.0", "--stage", "trial")
    assert "tiny@v0.2.0 is trial" in printed
    assert "the first in its stage" in text(released, "tiny#trial#3")
    assert in_stage(released, "trial") == in_stage(released) == "v0.2.0"
    assert "is in prod already" in strata(released, "release", "--promote", "v0.2.0", code=1)
    assert "it has v0.2.0, v0.1.0" in strata(released, "release", "--promote", "v9.0.0", code=1)
    strata(released, "release", "--promote", "tiny@v0.1.0", code=1)  # is worse
    strata(released, "release", "--promote", "tiny@v0.1.0", "--force", "the new one leaks")
    assert in_stage(released) == "v0.1.0"
    strata(released, "release", "--rollback")  # to a better one
    assert in_stage(released) == "v0.2.0"


def test_a_version_that_cannot_be_judged_can_be_brought_back(
    published: Project, strata: Strata
) -> None:
    def tag(*names: str) -> None:
        for name in names:
            published.run("git", "tag", "--annotate", "--message", "x", name)

    metrics = published.path / "metrics/metrics.json"
    text = metrics.read_text()
    metrics.write_text("{")
    published.commit("Cut a file short")
    tag("tiny@v0.1.0", "tiny#prod#1")
    metrics.write_text(text)
    published.commit("Write it whole")
    tag("tiny@v0.2.0", "tiny#prod#2")
    assert "against it: cannot be judged: " in strata(published, "release", "--rollback", code=1)
    strata(published, "release", "--rollback", "--force", "it answers NaN")
    assert in_stage(published) == "v0.1.0"


def test_gto_understands_a_rollback(released: Project, strata: Strata) -> None:
    strata(released, "release", "--rollback", "--force", "it answers NaN")
    assert "v0.1.0" in released.run("gto", "show", "tiny#prod", "--json")
    assert "v0.2.0" not in released.run("gto", "show", "tiny#prod", "--json")


def test_nothing_to_roll_back_is_a_line(published: Project, strata: Strata) -> None:
    printed = strata(published, "release", "--rollback", code=1)
    assert "no release of tiny is in prod: there is nothing to roll back" in printed
    assert "it has none" in strata(published, "release", "--promote", "v0.1.0", code=1)


def test_a_model_that_was_rolled_back_is_not_proposed_again(
    published: Project, strata: Strata
) -> None:
    strata(published, "release")
    before = published.run("git", "rev-parse", "HEAD").strip()
    published.set(**{"data.months": 3})
    published.run("dvc", "repro", "--quiet")
    published.commit("A third month")
    strata(published, "release", "--force", "new data")
    strata(published, "release", "--rollback", "--force", "it answers NaN")
    months = published.run("git", "show", "HEAD:params.yaml")
    published.run("git", "checkout", "--quiet", before, "--", "params.yaml", "dvc.lock", "metrics")
    published.run("dvc", "checkout", "--quiet")
    (published.path / "months.yaml").write_text(months)
    file = published.path / "pyproject.toml"
    arrive = '\n[tool.strata.retrain]\narrive = "cp months.yaml params.yaml"\n'
    file.write_text((file.read_text() if file.exists() else "") + arrive)
    published.commit("Back to two months, and a third arrives")
    printed = strata(published, "retrain", "-o", "../retrain")
    assert "has learned from the same data, and was rolled back" in printed
    assert "nothing to propose" in printed
