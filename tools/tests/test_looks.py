"""Looking every month for years raises no more false alarms than stated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from worlds import WORLDS, changed, histories

from strata.compare.intervals import pseudo_values
from strata.compare.scoring import scored
from strata.monitor import looks
from strata.monitor.drift import drift, drifts
from strata.monitor.looks import (
    ALPHA,
    FIRST,
    HORIZON,
    Look,
    alarms,
    false_alarms,
    levels,
    p_values,
    raise_alarms,
)

P = st.floats(0, 1)


@given(st.lists(st.one_of(st.none(), P), max_size=60))
def test_levels_without_an_alarm_sum_up_to_no_more_than_the_rate(
    values: list[float | None],
) -> None:
    found = levels(values)
    raised = alarms(values)
    first = raised.index(True) if any(raised) else len(raised)  # an alarm begins by its level
    counted = [level for p, level in zip(values[:first], found, strict=False) if p not in (None, 1)]
    assert sum(counted) <= FIRST + 1e-9
    assert all(0 < level < ALPHA * 2 for level in found)


@given(st.lists(P, min_size=1, max_size=30))
def test_an_alarm_makes_later_ones_easier(values: list[float]) -> None:
    with_one, without = levels([0.0, *values]), levels([0.99, *values])
    assert all(one >= other for one, other in zip(with_one[1:], without[1:], strict=True))


def some_looks(count: int, mean: float = 1.0, fit: float = 0.0) -> list[Look | None]:
    random = np.random.default_rng(0)
    return [Look(random.normal(mean, 1, 30), fit) for _ in range(count)]


def test_what_tells_nothing_costs_nothing() -> None:
    same, few = Look(np.zeros(30)), Look(np.ones(5))
    gains = some_looks(4, 2.0)
    found = p_values([same, few, None, *gains])
    assert found[:4] == [looks.SAME, None, None, None]  # one alone has nothing beside it
    assert found[4:] == p_values(gains)[1:]
    assert levels(found)[4] == levels(p_values(gains))[1]
    assert alarms(found)[-1]


def test_the_fits_randomness_keeps_a_gain_from_being_one() -> None:
    assert alarms(p_values(some_looks(4)))[-1]
    assert not any(alarms(p_values(some_looks(4, fit=1.0))))
    assert not any(alarms(p_values(some_looks(4, mean=-1.0))))


def test_a_look_at_which_nothing_is_gained_raises_no_alarm() -> None:
    worse = Look(np.random.default_rng(1).normal(-0.2, 1, 30))
    assert alarms(p_values([*some_looks(6), worse, *some_looks(1)]))[-3:] == [True, False, True]


def test_of_gains_without_any_spread_the_sign_decides() -> None:
    always, never = Look(np.full(12, 0.1)), Look(np.full(12, -0.1))
    assert p_values([always, always])[1] == pytest.approx(0)
    assert p_values([never, never])[1] == pytest.approx(1)


def test_gains_are_measured_from_where_the_champion_was_accepted() -> None:
    before, after = some_looks(2, -2.0), some_looks(3, 1.0)
    assert p_values([*before, *after], 2)[:3] == [None] * 3
    assert alarms(p_values([*before, *after], 2))[-2:] == [True, True]
    assert not any(alarms(p_values([*before, *some_looks(3, -2.0)], 2)))
    assert p_values([None, None, *after], 2) == [None] * 5  # nothing to measure from


def test_what_is_worse_than_a_dummy_is_seen_at_once() -> None:
    looks = [*some_looks(6, -2.0), *some_looks(1, 1.2)]
    assert alarms(p_values(looks, alone=True)) == [False] * 6 + [True]


def test_the_demos_model_of_winter_is_stale_in_late_summer_and_not_in_december() -> None:
    """By what a newer model gains of the AUC, by day, from May to December 2013."""
    scores = ndtri((np.arange(30) + 0.5) / 30)
    scores /= scores.std(ddof=1)
    gains = {
        **{5: (0.0150, 0.0522), 6: (0.0193, 0.0393), 7: (0.0185, 0.0549), 8: (0.0353, 0.0730)},
        **{9: (0.0508, 0.0800), 10: (0.0223, 0.0588), 11: (0.0142, 0.0581), 12: (-0.0091, 0.0384)},
    }
    past = [Look(mean + deviation * scores, 0.0018) for mean, deviation in gains.values()]
    found = dict(zip(gains, alarms(p_values(past)), strict=True))
    assert [month for month, alarm in found.items() if alarm] == [9, 10, 11]


def rate(world: str, count: int, signs: str = "beaten fallen useless") -> dict[str, float]:
    """The share of so many histories of ten years in which each sign raises a false alarm."""
    gains = WORLDS[world](np.random.default_rng(7), (count, HORIZON + 2, 30))
    values = {
        "beaten": lambda: histories(gains[:, 2:]).beaten(),
        "fallen": lambda: histories(gains).beaten(2),
        "useless": lambda: histories(gains[:, 2:]).useless(),
    }
    return {sign: float(raise_alarms(values[sign]()).mean()) for sign in signs.split()}


def most(count: int) -> float:
    """A rate of which so many histories do not show that it is above FIRST."""
    return float(FIRST + 2 * np.sqrt(FIRST * (1 - FIRST) / count))


def test_days_that_are_alike_are_no_reason_for_alarms() -> None:
    assert max(rate("like the day before, .6", 100, "beaten useless").values()) <= most(100)


@pytest.mark.thorough
@pytest.mark.parametrize("world", WORLDS)
def test_in_ten_years_without_a_reason_alarms_are_as_rare_as_stated(world: str) -> None:
    found = rate(world, 1_000)
    if world == "months of their own, .5":  # in some of which a dummy is better indeed
        assert found.pop("useless") > 0.1
    assert max(found.values()) <= most(1_000)


@pytest.mark.thorough
def test_changes_are_seen() -> None:
    """A flip in the 25th of 36 months within two, a drift over a year within one."""
    gains = WORLDS["independent, normal"](np.random.default_rng(8), (200, 36, 30))
    for flipped in (histories(changed(gains, 3.0, 24)).beaten(2),
                    histories(changed(gains, 3.0, 24)[:, 22:]).beaten(2)):  # fmt: skip
        assert raise_alarms(flipped[:, : flipped.shape[1] - 10]).mean() > 0.9
    drifted = changed(gains, 1.0, 12, 12)[:, :24]
    assert raise_alarms(histories(drifted).beaten()).mean() > 0.9
    above = changed(gains - 2.2, 3.4, 24)[:, :26]  # from well above a dummy to well below
    assert raise_alarms(histories(above).useless()).mean() > 0.9


def test_the_rate_of_ones_own_past_sees_that_months_hang_together() -> None:
    random = np.random.default_rng(3)
    assert false_alarms(some_looks(23)) is None
    swings = 1.5 * np.sin(np.arange(36) / 4)  # far more than is allowed for
    past = [Look(random.normal(mean, 1, 30)) for mean in swings]
    quiet = false_alarms([Look(random.normal(0, 1, 30)) for _ in range(36)])
    mixed = false_alarms([past[at] for at in random.permutation(36)])
    together = false_alarms(past)
    assert quiet
    assert mixed
    assert together
    assert quiet[0] <= FIRST < together[0]
    assert mixed[0] < together[0] / 2


@given(st.lists(st.floats(-5, 5), min_size=12, max_size=40))
def test_pseudo_values_of_a_mean_are_the_means_of_the_blocks(values: list[float]) -> None:
    wrong = np.array(values)
    score = scored("neg_mean_absolute_error", np.zeros(len(wrong)), wrong)
    zero = scored("neg_mean_absolute_error", np.zeros(len(wrong)), np.zeros(len(wrong)))
    assert score
    assert zero
    rows = np.ones(len(wrong)), np.arange(len(wrong))
    was, now = zero.of_blocks(*rows), score.of_blocks(*rows)
    found = pseudo_values(lambda drawn: now(drawn) - was(drawn), len(wrong))
    assert np.allclose(found, np.abs(wrong))


def test_drift_is_from_0_to_1_of_numbers_and_of_categories() -> None:
    before = pd.DataFrame(
        {"n": range(100), "c": ["a"] * 50 + ["b"] * 50, "m": [None] * 50 + [1.0] * 50}
    )
    now = pd.DataFrame({"n": range(50, 150), "c": ["a"] * 50 + ["z"] * 50, "m": [1.0] * 100})
    found = {each.name: each for each in drifts(before, now, ["n", "c", "m"])}
    assert found["n"].moved == pytest.approx(0.5)
    assert found["c"].moved == pytest.approx(0.5)
    assert found["c"].new == pytest.approx(0.5)
    assert found["m"].missing == (0.5, 0.0)
    assert found["m"].moved == 0
    assert drift(before["n"], before["n"]).moved == 0
    assert drift(before["n"], before["n"].mask(before["n"] >= 0)).missing == (0.0, 1.0)
