"""Looking again and again without crying wolf: pure functions of what each look has seen.

A look is one partition of data, on which champion and challenger are held against each other. It
raises an alarm if the challenger is better by more than its level allows, on this partition and
the WINDOW - 1 before it, since one alone is rarely enough to tell. The levels are those of LORD++
(Ramdas et al. 2017, arXiv:1710.00499): they shrink from look to look, and an alarm gives some
back. As long as the champion is never beaten, they sum up to FIRST, so that the chance of any alarm
ever is no more than that, however many looks there are and however they hang together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strata.compare.intervals import FEWEST

ALPHA = 0.05
FIRST = ALPHA / 2  # what is there to spend before the first alarm
DECAY = 1.6  # how fast a level falls with the looks since an alarm
WINDOW = 3  # partitions
DRAWS = 1_000
SAME = 1.0  # no other p-value is that
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """The challenger's ``gains`` by block, more being better, and the standard error that the
    randomness of the two fits adds to their mean."""

    gains: Floats
    fit: float = 0.0


def p_values(looks: Sequence[Look | None]) -> list[float | None]:
    """The one-sided p-value of the gain at each look, if champion and challenger are as good.

    None where there is no look, or too few blocks; SAME where both have the same predictions.
    """
    columns = _p_values(looks, lambda look: look.gains[None])
    return [None if column is None else float(column[0]) for column in columns]


def _p_values(looks: Sequence[Look | None], drawn: Callable[[Look], Floats]) -> list[Floats | None]:
    """The same for each row of the gains that are ``drawn`` for a look.

    The gain of a window is the mean of its partitions', each of which is a mean of blocks; by
    Student's t, with the degrees of freedom of all of them. What the fits add does not shrink in
    it, since the champion's is the same in all.
    """
    from scipy.special import stdtr

    values: list[Floats | None] = []
    window: list[tuple[Floats, Floats, int]] = []  # mean, its variance, blocks
    for look in looks:
        if look is None or len(look.gains) < FEWEST:
            values.append(None)
            continue
        gains = drawn(look)
        if not look.gains.any():
            values.append(np.full(len(gains), SAME))
            continue
        blocks = gains.shape[1]
        window.append((gains.mean(axis=1), gains.var(axis=1, ddof=1) / blocks, blocks))
        recent = window[-WINDOW:]
        gain = np.mean([mean for mean, _, _ in recent], axis=0)
        variance = np.sum([variance for _, variance, _ in recent], axis=0) / len(recent) ** 2
        freedom = sum(blocks - 1 for _, _, blocks in recent)
        values.append(stdtr(freedom, -gain / np.sqrt(variance + look.fit**2)))
    return values


def _share(looks: int) -> float:
    """The share of a look, so many looks after the one that gives it; all shares sum up to 1."""
    return float(looks**-DECAY / 2.285765)  # Riemann's zeta of DECAY


def levels(p_values: Sequence[float | None]) -> list[float]:
    """The level of each look, in order, by the alarms before it. A look without a p-value, or
    at the SAME predictions, tells nothing and costs nothing."""
    levels: list[float] = []
    alarms: list[int] = []
    at = 0
    for p in p_values:
        level = FIRST * _share(at + 1)
        for place, alarm in enumerate(alarms):
            given = ALPHA - FIRST if place == 0 else ALPHA
            level += given * _share(at - alarm)
        levels.append(level)
        if p is None or p == SAME:
            continue
        if p <= level:
            alarms.append(at)
        at += 1
    return levels


def alarms(p_values: Sequence[float | None]) -> list[bool]:
    """Which looks raise an alarm."""
    return [
        p is not None and p <= level for p, level in zip(p_values, levels(p_values), strict=True)
    ]


def false_alarms(looks: Sequence[Look | None], draws: int = DRAWS) -> tuple[float, float]:
    """How often a past like this raises an alarm when there is no reason to; its standard error.

    It is the share of drawings with any alarm: in each, champion and challenger change places in
    half of the blocks, at random, so that neither is better, and the fits' randomness is drawn too.
    """
    random = np.random.default_rng(0)
    fitted = random.normal(0, 1, (draws, 1))  # the champion's fit is the same at all looks

    def exchanged(look: Look) -> Floats:
        signs = random.choice([-1.0, 1.0], (draws, len(look.gains)))
        return np.asarray(signs * look.gains + fitted * look.fit)

    columns = [column for column in _p_values(looks, exchanged) if column is not None]
    raised = [any(alarms([float(p) for p in row])) for row in zip(*columns, strict=True)]
    rate = float(np.mean(raised)) if raised else 0.0
    return rate, math.sqrt(max(rate * (1 - rate), 1 / draws**2) / draws)
