"""How sure figures are: of few blocks, skewed ones, and ones that resemble the one before."""

import sys

import numpy as np
import pytest
from known_truth import World, coverage
from project import ROOT

from strata.compare.intervals import effective, interval, runs

RNG = np.random.default_rng(0)


def alike(count: int, by: float) -> np.ndarray:
    return World(alike=by).days(count, np.random.default_rng(3))


def test_days_that_resemble_the_day_before_are_fewer() -> None:
    assert 300 < effective(alike(400, 0.0)) <= 400
    assert 70 < effective(alike(400, 0.6)) < 140  # 100 in the long run
    assert effective(np.ones(12)) == 12
    assert effective(np.arange(12.0)) == 2


def test_an_interval_is_wider_on_the_side_of_the_long_tail() -> None:
    values = RNG.exponential(size=12)
    low, high = interval(values, values.mean())
    assert high - values.mean() > values.mean() - low > 2.2 * values.std(ddof=1) / np.sqrt(12)
    assert interval(np.zeros(12), 0.0) == (0, 0)
    assert np.isnan(interval(np.array([1.0, np.nan]), 1.0)).all()


def test_more_blocks_than_are_left_out_one_by_one_are_runs_of_neighbours() -> None:
    days, mixed = runs(1000, ordered=True), runs(1000, ordered=False)
    assert (days.max() + 1, np.diff(days).min()) == (250, 0)
    assert (mixed.max() + 1, np.diff(mixed).min() < 0) == (300, True)


def test_the_pipeline_reckons_as_the_tools_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "src"), *sys.path])
    scores = pytest.importorskip("kit.report.scores")
    for values in (RNG.exponential(size=12), alike(31, 0.6), RNG.standard_t(3, size=100)):
        assert scores.effective(values) == effective(values)
        assert scores.interval(values, 0.1, 2000, 0) == interval(values, 0.1)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("world", "task", "days"),
    [
        (World(), "binary", 12),
        (World("skewed"), "binary", 12),
        (World("heavy tails"), "regression", 12),
        (World(alike=0.6), "regression", 31),
        (World("skewed", 0.3), "multiclass", 31),
    ],
    ids=str,
)
def test_intervals_have_the_truth_as_often_as_they_say(world: World, task: str, days: int) -> None:
    times = 100
    least = 0.93 - 2 * np.sqrt(0.93 * 0.07 / times)
    assert min(coverage(world, task, days, times).values()) >= [least]
