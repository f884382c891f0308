"""Looking again and again without crying wolf: pure functions of what each look has seen.

A look is one partition of data: how much better something newer, or something simpler, does on it
than the champion, block by block. Days resemble each other, disasters are rare and months have
effects of their own, so what a mean is held against is the spread between partitions, and for short
stretches the swing of a season.

The levels are those of LORD++ (Ramdas et al. 2017, arXiv:1710.00499): they shrink from look to
look, and an alarm gives some back. Without an alarm they sum up to FIRST, which bounds the chance
of a false one as far as the p-values hold. How far they do is measured by benchmarks/monitor.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strata.compare.intervals import FEWEST

ALPHA = 0.05
FIRST = ALPHA / 2  # what is there to spend before the first alarm
DECAY, DELAY = 1.6, 7  # how fast a level falls with the looks since an alarm, and how late
YEAR = 12  # partitions
NEW = 2  # partitions of a short stretch
LEAST = 4  # the fewest of a long one, which is a year at most
SHARES = (0.3, 0.7)  # of a level, for the short stretch and the long one
SWING = 0.3  # of a block's standard deviation: how far a season may take a mean, either way
PRIOR = 3.0  # degrees of freedom that the spread within partitions adds to that between them
DRAWS, HORIZON = 400, 120  # histories drawn from a past, and their looks
SAME = 1.0  # no other p-value is that
NO_GAIN = math.nextafter(SAME, 0)  # nor is any that of a gain
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """The ``gains`` over the champion by block, in their order, and the standard error that the
    randomness of the two fits adds to their mean."""

    gains: Floats
    fit: float = 0.0


@dataclass(frozen=True)
class Histories:
    """What is known of each look of some histories; all have the shape (histories, looks).

    The ``mean`` of its blocks, their variance ``within``, the covariance ``near`` of a block and
    the next, how many ``blocks`` there are, and the standard error ``fit`` of the fits.
    """

    mean: Floats
    within: Floats
    near: Floats
    blocks: Floats
    fit: Floats

    @classmethod
    def of(cls, gains: Sequence[Floats], fit: Sequence[float]) -> "Histories":
        """Of the gains at each look, of shape (blocks,) or (histories, blocks)."""
        columns = []
        for look, error in zip(map(np.atleast_2d, gains), fit, strict=True):
            mean, count = look.mean(axis=1), look.shape[1]
            apart = look - mean[:, None]
            near = (apart[:, 1:] * apart[:, :-1]).sum(axis=1) / (count - 1)
            sizes = np.full_like(mean, count), np.full_like(mean, error)
            columns.append((mean, look.var(axis=1, ddof=1), near, *sizes))
        return cls(*(np.stack(column, axis=1) for column in zip(*columns, strict=True)))

    def beaten(self, accepted: int = 0) -> Floats:
        """The one-sided p-value at each look from the second on; (histories, looks).

        The ``accepted`` ones, if there are any, come first: gains are measured from their mean.
        Whatever came before, a look without a gain of its own is no sign.

        The variance of a look's mean is that of successive differences, which neither a trend nor
        a season raises much (von Neumann 1941, doi:10.1214/aoms/1177731677). Few looks tell little
        of it, so it is moderated by what independent blocks would give (Smyth 2004,
        doi:10.2202/1544-6115.1027). For the short stretch it is that of the looks before, so that
        a jump cannot hide itself.
        """
        count = self.mean.shape[1]
        prior = _running(self.within / self.blocks)
        swing = SWING * np.sqrt(_running(self.within))
        steps = np.cumsum(np.diff(self.mean, axis=1, prepend=self.mean[:, :1]) ** 2 / 2, axis=1)
        start = self.mean[:, :accepted].mean(axis=1) if accepted else 0.0

        def p_value(now: int, width: int, told: int, share: float, season: float) -> Floats:
            """Of the last ``width`` looks, by the spread of the first ``told``."""
            freedom = 2 * (told - 1) ** 2 / (3 * told - 4) if told > 1 else 0.0
            variance = PRIOR * prior[:, now - 1] + freedom * steps[:, told - 1] / max(told - 1, 1)
            variance *= (1 / width + (1 / accepted if accepted else 0)) / (PRIOR + freedom)
            gain = self.mean[:, now - width : now].mean(axis=1) - start - season * swing[:, now - 1]
            return _tail(gain, variance + self.fit[:, now - 1] ** 2, PRIOR + freedom) / share

        columns = []
        for now in range(accepted + NEW, count + 1):
            told = max(accepted or NEW, now - NEW)
            column = p_value(now, NEW, told, SHARES[0], 1 + (accepted > 0))
            if (there := now - accepted) >= LEAST:
                longer = p_value(now, min(there, YEAR), now, SHARES[1], float(accepted > 0))
                column = np.minimum(column, longer)
            columns.append(np.where(self.mean[:, now - 1] > start, column, 1.0))
        return np.stack(columns, axis=1)

    def useless(self) -> Floats:
        """The one-sided p-value at each look by its own blocks alone. (histories, looks)

        Blocks resemble the one before as much as they did at all looks so far.
        """
        ever = _running(self.within)
        alike = _running(self.near) / np.where(ever > 0, ever, 1)
        alike = np.clip(alike + (1 + 3 * alike) / self.blocks, 0, 0.9)  # Kendall 1954, for its bias
        longer = (1 + alike) / (1 - alike)
        variance = np.maximum(self.within, ever) / self.blocks * longer + self.fit**2
        p = _tail(self.mean - SWING * np.sqrt(ever), variance, (self.blocks - 1) / longer)
        return np.where(self.mean > 0, p, 1.0)


def _running(values: Floats) -> Floats:
    """The mean of each look and all before it."""
    return np.asarray(values.cumsum(axis=1) / np.arange(1, values.shape[1] + 1))


def _tail(gain: Floats, variance: Floats, freedom: Floats | float) -> Floats:
    """The chance of such a gain or more, by Student's t; that of 0 without variance is 1/2."""
    from scipy.special import stdtr

    error = np.sqrt(variance)
    t = np.divide(gain, error, out=np.sign(gain) * np.inf, where=error > 0)
    return np.asarray(stdtr(freedom, -np.nan_to_num(t, nan=0.0, posinf=np.inf, neginf=-np.inf)))


def p_values(
    looks: Sequence[Look | None], accepted: int = 0, *, alone: bool = False
) -> list[float | None]:
    """The p-value of each look, if the champion is not beaten.

    None where there is no look, or too few blocks, or too few looks, and at the ``accepted`` ones,
    from whose mean the gains are measured; SAME where both have the same predictions. With
    ``alone`` each look is judged by its own blocks.
    """
    values: list[float | None] = [
        SAME if look and len(look.gains) >= FEWEST and not look.gains.any() else None
        for look in looks
    ]
    judged = [at for at, look in enumerate(looks) if _tells(look)]
    known = sum(at < accepted for at in judged)
    first = known if alone else known + NEW - 1
    if first >= len(judged) or (accepted and not known):
        return values
    history = _history(looks)
    (found,) = history.useless()[:, known:] if alone else history.beaten(known)
    for at, p in zip(judged[first:], found, strict=True):
        values[at] = min(float(p), NO_GAIN)
    return values


def _tells(look: Look | None) -> bool:
    if look is None or len(look.gains) < FEWEST or not np.isfinite(look.gains).all():
        return False
    return bool(look.gains.any())


def _history(looks: Sequence[Look | None]) -> Histories:
    telling = [look for look in looks if look and _tells(look)]
    return Histories.of([look.gains for look in telling], [look.fit for look in telling])


def _share(looks: int) -> float:
    """The share of a look, so many looks after the one that gives it; all shares sum up to 1."""
    return float((looks + DELAY) ** -DECAY / 0.497170)  # Hurwitz's zeta of DECAY and DELAY + 1


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
    """Which looks raise an alarm, or are in one: it lasts until a look without a gain."""
    found: list[bool] = []
    for p, level in zip(p_values, levels(p_values), strict=True):
        lasts = any(found[-1:]) and p is not None and p < NO_GAIN
        found.append(lasts or (p is not None and p <= level))
    return found


def raise_alarms(values: Floats) -> npt.NDArray[np.bool_]:
    """Which histories raise any alarm, by their p-values of shape (histories, looks)."""
    return np.asarray((values <= levels([0.5] * values.shape[1])).any(axis=1))


def false_alarms(looks: Sequence[Look | None], draws: int = DRAWS) -> tuple[float, float] | None:
    """How often ten years of such looks raise an alarm when there is no reason to; its standard
    error. None if the past is shorter than two years.

    Histories are drawn from this past by whole years, so that what hangs together within a month or
    a year still does, and a season goes on. The mean of the looks that raise an alarm, and that of
    all others, is taken out.
    """
    raised = alarms(p_values(looks))
    alarm = np.array([a for look, a in zip(looks, raised, strict=True) if _tells(look)], dtype=bool)
    years = len(alarm) // YEAR
    if years < 2:
        return None
    past = _history(looks)
    mean = past.mean[0].copy()
    for part in (alarm, ~alarm):
        mean[part] -= mean[part].mean() if part.any() else 0.0
    random = np.random.default_rng(0)
    drawn = random.integers(0, years, (draws, HORIZON // YEAR, 1)) * YEAR + np.arange(YEAR)
    at = drawn.reshape(draws, -1)
    fitted = random.normal(0, 1, (draws, 1)) * past.fit[0][at]  # the champion's is always the same
    others = (values[0][at] for values in (past.within, past.near, past.blocks, past.fit))
    rate = float(raise_alarms(Histories(mean[at] + fitted, *others).beaten()).mean())
    return rate, math.sqrt(max(rate * (1 - rate), 1 / draws**2) / draws)
