"""Looking every month for years raises no more false alarms than stated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.compare.intervals import pseudo_values
from strata.compare.scoring import OfBlocks, scored
from strata.monitor import looks
from strata.monitor.drift import drift, drifts
from strata.monitor.looks import ALPHA, FIRST, Look, alarms, false_alarms, levels, p_values

P = st.floats(0, 1)


@given(st.lists(st.one_of(st.none(), P), max_size=60))
def test_levels_without_an_alarm_sum_up_to_no_more_than_the_rate(
    values: list[float | None],
) -> None:
    found = levels(values)
    raised = alarms(values)
    first = raised.index(True) if any(raised) else len(raised)
    counted = [level for p, level in zip(values[:first], found, strict=False) if p not in (None, 1)]
    assert sum(counted) <= FIRST + 1e-9
    assert all(0 < level < ALPHA * 2 for level in found)


@given(st.lists(P, min_size=1, max_size=30))
def test_an_alarm_makes_later_ones_easier(values: list[float]) -> None:
    with_one, without = levels([0.0, *values]), levels([0.99, *values])
    assert all(one >= other for one, other in zip(with_one[1:], without[1:], strict=True))


def test_what_tells_nothing_costs_nothing() -> None:
    same = Look(np.zeros(30))
    few = Look(np.ones(5))
    gain = Look(np.random.default_rng(0).normal(1, 1, 30))
    assert p_values([same, few, None, gain])[:3] == [looks.SAME, None, None]
    assert levels(p_values([same, few, None, gain]))[3] == levels(p_values([gain]))[0]
    assert alarms(p_values([same, few, None, gain])) == [False, False, False, True]


def test_the_fits_randomness_keeps_a_gain_from_being_one() -> None:
    gains = np.random.default_rng(0).normal(1, 1, 30)
    assert alarms(p_values([Look(gains)])) == [True]
    assert alarms(p_values([Look(gains, fit=1.0)])) == [False]
    assert alarms(p_values([Look(-gains)])) == [False]


@pytest.mark.thorough
@pytest.mark.parametrize("fit", [0.0, 0.3])
def test_in_pasts_without_a_reason_alarms_are_as_rare_as_measured(fit: float) -> None:
    """Simulated from scratch: heavy tails, three years of months."""
    rng = np.random.default_rng(1)
    raised = []
    for _ in range(300):
        common = rng.normal(0, fit)
        past = [Look(rng.standard_t(4, 30) + common, fit) for _ in range(36)]
        raised.append(any(alarms(p_values(past))))
    most = FIRST + 2 * np.sqrt(FIRST * (1 - FIRST) / 300)
    assert np.mean(raised) <= most
    rate, error = false_alarms(past)
    assert rate <= most
    assert 0 < error < 0.02


@pytest.mark.thorough
def test_models_that_change_places_in_half_of_the_blocks_are_not_called_stale() -> None:
    """200 pasts of eight months, with rankings, whose days differ and whose rows hang together."""
    rng = np.random.default_rng(2)
    day = np.repeat(np.arange(30), 60)
    weight = np.ones(len(day))
    months = []
    for _ in range(8):
        storm = rng.normal(size=30)[day]
        truth = rng.normal(size=len(day)) + storm
        label = (truth + rng.normal(size=len(day)) > 1).astype(int)
        old, new = (truth + rng.normal(0, noise, len(day)) for noise in (2.0, 1.5))
        months.append((label, old, new))

    def gain(was: OfBlocks, now: OfBlocks) -> OfBlocks:
        return lambda drawn: now(drawn) - was(drawn)

    def found(share: float) -> list[bool]:
        past = []
        for label, old, new in months:
            swap = rng.random(30)[day] < share
            sides = [np.where(swap, new, old), np.where(swap, old, new)]
            before, after = (scored("roc_auc", label, side) for side in sides)
            assert before
            assert after
            was, now = before.of_blocks(weight, day), after.of_blocks(weight, day)
            past.append(Look(pseudo_values(gain(was, now), 30)))
        return alarms(p_values(past))

    raised = sum(any(found(0.5)) for _ in range(200))
    assert raised / 200 <= FIRST + 2 * np.sqrt(FIRST * (1 - FIRST) / 200)
    assert all(found(0.0)[2:]), "a model that is better is not seen: this would prove nothing"


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
