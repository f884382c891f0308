"""Histories of a monitor whose truth is known: gains by day, in which no model is ever beaten.

The standard deviation of a day is 1, and each mean 0 over the years.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from strata.monitor.looks import Histories

Floats = npt.NDArray[np.float64]
World = Callable[[np.random.Generator, tuple[int, int, int]], Floats]  # histories, months, days
LOGNORMAL = np.exp(0.5), np.sqrt((np.e - 1) * np.e)  # its mean and standard deviation


def _alike(random: np.random.Generator, shape: tuple[int, int, int], by: float) -> Floats:
    """Days that resemble the day before, across the ends of months too."""
    noise = random.normal(0, np.sqrt(1 - by**2), (shape[0], shape[1] * shape[2]))
    noise[:, 0] = random.normal(size=shape[0])
    for day in range(1, noise.shape[1]):
        noise[:, day] += by * noise[:, day - 1]
    return noise.reshape(shape)


def _months(random: np.random.Generator, shape: tuple[int, int, int], size: float) -> Floats:
    return np.asarray(random.normal(size=shape) + random.normal(0, size, (*shape[:2], 1)))


def _season(random: np.random.Generator, shape: tuple[int, int, int], start: float) -> Floats:
    """A sine of amplitude .3 and a year, that starts at this share of it."""
    year = np.arange(shape[1] * shape[2]).reshape(shape[1:]) / (12 * shape[2])
    return np.asarray(random.normal(size=shape) + 0.3 * np.sin(2 * np.pi * (year + start)))


WORLDS: dict[str, World] = {
    "independent, normal": lambda random, shape: random.normal(size=shape),
    "independent, t with 4": lambda random, shape: random.standard_t(4, shape) / np.sqrt(2),
    "skewed: lucky days are few": lambda random, shape: random.exponential(1, shape) - 1,
    "skewed: unlucky days are few": lambda random, shape: 1 - random.exponential(1, shape),
    "a few triumphs (lognormal)": lambda random, shape: (
        (random.lognormal(0, 1, shape) - LOGNORMAL[0]) / LOGNORMAL[1]
    ),
    "a few disasters (lognormal)": lambda random, shape: (
        (LOGNORMAL[0] - random.lognormal(0, 1, shape)) / LOGNORMAL[1]
    ),
    "like the day before, .3": lambda random, shape: _alike(random, shape, 0.3),
    "like the day before, .6": lambda random, shape: _alike(random, shape, 0.6),
    "months of their own, .2": lambda random, shape: _months(random, shape, 0.2),
    "months of their own, .5": lambda random, shape: _months(random, shape, 0.5),
    "a season, from its middle": lambda random, shape: _season(random, shape, 0),
    "a season, from before its top": lambda random, shape: _season(random, shape, 1 / 24),
    "a season, from its bottom": lambda random, shape: _season(random, shape, 3 / 4),
}


def histories(gains: Floats) -> Histories:
    """What a monitor knows of gains of the shape (histories, months, days)."""
    return Histories.of([*gains.swapaxes(0, 1)], [0.0] * gains.shape[1])


def changed(gains: Floats, size: float, at: int, over: int = 1) -> Floats:
    """The same with a change of that size, from a month on, that takes so many months."""
    since = np.arange(gains.shape[1]) - at + 1
    return np.asarray(gains + size * np.clip(since / over, 0, 1)[:, None])
