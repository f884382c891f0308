"""`strata compare` says better, no worse, worse, or that it cannot be told."""

import json
import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from project import Project, Strata

from strata.compare import drawn
from strata.compare.verdict import WITHIN, Estimate

REAL = st.floats(-1, 1, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(REAL, REAL, st.sampled_from([1, -1]), st.floats(0, 1))
def test_an_answer_is_where_the_interval_lies(a: float, b: float, way: int, margin: float) -> None:
    low, high = sorted((a, b))
    found = Estimate(0.0, (a + b) / 2, (low, high))
    worst, best = sorted((low * way, high * way))
    word = found.judge(way, margin)
    assert (word == "better") == (worst > 0)
    assert (word in ("better", "no worse", WITHIN)) == (worst > 0 or worst >= -margin)
    assert (word in ("worse", WITHIN)) == (best < 0)
    wider = found.judge(way, margin + 0.1)
    assert wider == word or wider == (WITHIN if best < 0 else "no worse")


@given(
    st.floats(-0.5, 0.5), st.floats(0.01, 0.5), st.floats(0, 0.2), st.integers(10, 200),
    st.sampled_from([0.0, 0.05]),
)  # fmt: skip
@example(-0.03125, 0.5, 0.0, 10, 0.05)  # a loss within the margin is called worse before no worse
def test_so_many_more_blocks_would_tell(
    moved: float, rows: float, fit: float, blocks: int, margin: float
) -> None:
    def at(count: float) -> Estimate:
        half = math.hypot(rows * math.sqrt(blocks / count), fit)
        return Estimate(0.5, 0.5 + moved, (moved - half, moved + half), blocks=blocks)

    gap = max(moved + margin, -moved)
    assume(gap > 1e-6 and not math.isclose(gap, fit, rel_tol=1e-5))  # else rounding decides
    found = at(blocks)
    more = found.more_blocks(1, margin, fit)
    if found.judge(1, margin) != "cannot tell" or more is None:
        return
    if math.isinf(more):
        assert at(1e15).judge(1, margin) == "cannot tell"
    else:
        assert at((blocks + more) * (1 + 1e-9) + 1e-3).judge(1, margin) != "cannot tell"
        assert more < 1 or at((blocks + more - 1) * (1 - 1e-9)).judge(1, margin) == "cannot tell"


def test_the_interval_is_drawn_with_its_marks() -> None:
    line, said = drawn(Estimate(0.5, 0.51, (-0.01, 0.03)), 1, 0.02)
    assert line.index("┊") < line.index("│") < line.index("●")
    assert line.count("─") > 20
    assert said == "│ 0, ┊ -0.02, the margin"


@pytest.fixture
def branches(project: Project) -> Project:
    """Revisions with other skills, each tagged: main has 1.0."""
    for skill in (0.2, 0.99, 3.0):
        project.set(**{"train.skill": skill})
        project.run("dvc", "repro", "--quiet")
        project.commit(f"Skill {skill}")
        project.run("git", "tag", f"skill-{skill}")
    project.run("git", "tag", "skill-1.0", "HEAD~3")
    return project


@pytest.mark.slow
def test_each_answer_has_its_exit_code(branches: Project, strata: Strata) -> None:
    said = strata(branches, "compare", "skill-1.0", "skill-3.0")
    assert said.startswith("skill-3.0 against skill-1.0: better\ntest.roc_auc: ")
    assert "paired by day, 20 blocks" in said
    said = strata(branches, "compare", "skill-3.0", "skill-0.2", code=3)
    assert said.startswith("skill-0.2 against skill-3.0: worse")
    said = strata(branches, "compare", "skill-1.0", "skill-0.99")
    assert said.splitlines()[0].endswith(": worse, by less than the margin")  # the gate's, 0.1
    assert strata(branches, "compare", "HEAD", "HEAD").startswith("HEAD against HEAD: no worse")


@pytest.mark.slow
def test_nothing_is_better_or_worse_while_the_seeds_are_not_measured(
    branches: Project, strata: Strata
) -> None:
    for tag in ("skill-1.0", "skill-3.0"):
        branches.run("git", "checkout", "--quiet", tag)
        branches.run("git", "rm", "--quiet", "seeds.json")
        branches.commit(f"Without seeds, of {tag}")
        branches.run("git", "tag", f"unmeasured-{tag}")
    text = strata(branches, "compare", "unmeasured-skill-1.0", "unmeasured-skill-3.0", code=4)
    assert text.splitlines()[0].endswith(": cannot tell")
    assert "95% interval +" in text
    assert "is not measured: `strata seeds 10` does that" in text
    assert "more blocks" not in text
    same = strata(branches, "compare", "unmeasured-skill-1.0", "skill-1.0")
    assert "no worse" in same.splitlines()[0]


@pytest.mark.slow
def test_what_cannot_be_told_says_why(branches: Project, strata: Strata) -> None:
    evaluate = branches.path / "evaluate.py"
    evaluate.write_text(evaluate.read_text().replace("default_rng(7)", "default_rng(8)"))
    branches.run("git", "checkout", "--quiet", "skill-1.0", "--", "params.yaml")
    branches.run("dvc", "repro", "--quiet")
    branches.commit("Other noise")
    settings = branches.path / "pyproject.toml"
    with_margin = settings.read_text()
    settings.write_text(with_margin.partition("[tool.strata.report.gates.maximum")[0])
    said = strata(branches, "compare", "skill-1.0", "HEAD", code=4)
    assert "cannot tell" in said.splitlines()[0]
    assert "more blocks of rows would tell" in said
    found = json.loads(strata(branches, "compare", "--json", "skill-1.0", "HEAD", code=4))
    assert found["answer"] == "cannot tell"
    assert found["more_blocks"] > 0
    assert found["interval"][0] < 0 < found["interval"][1]
    assert found["margin"] == 0
    assert len(found["champion"]) == 40
    seeds = {"commit": found["champion"], "param": "train.seed", "seeds": [0, 1, 2]}
    (branches.path / "seeds.json").write_text(json.dumps(seeds | {"sd": {"test.roc_auc": 0.2}}))
    branches.commit("Measure the seeds")
    said = strata(branches, "compare", "skill-1.0", "HEAD", code=4)
    assert "more rows would not tell" in said
    settings.write_text(with_margin.replace('headline = "test.roc_auc"', 'headline = "no.such"'))
    assert "a side has no number `no.such`" in strata(
        branches, "compare", "skill-1.0", "HEAD", code=4
    )


@pytest.mark.slow
def test_a_revision_without_metrics_is_a_line(project: Project, strata: Strata) -> None:
    project.run("git", "checkout", "--quiet", "--orphan", "empty")
    project.run("git", "rm", "--quiet", "-r", "--cached", ".")
    project.run("git", "commit", "--quiet", "--allow-empty", "--no-verify", "-m", "Empty")
    said = strata(project, "compare", "main", "empty", code=1)
    assert "has no metrics: there is nothing to compare" in said
    assert "is not a commit" in strata(project, "compare", "main", "nowhere", code=1)
