"""Models that differ only by their seed, or by a feature of noise, are not called different more
often than stated: of days with a season, of shops, and of rows that stand alone."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from strata.compare.paired import Columns, compare
from strata.compare.seeds import Seeds
from strata.compare.verdict import Evidence, overall

METRIC = "mean_absolute_error"
PAIRS = 60
BLOCKS = {"days": 90, "shops": 60, "rows": 0}


def table(kind: str) -> tuple[pd.DataFrame, pd.Series]:
    """Rows with six features and one of noise, and which of them were there to train on."""
    rng = np.random.default_rng(1)
    blocks, rows = BLOCKS[kind], 3600
    block = np.arange(rows) * (blocks or rows) // rows
    features = rng.normal(size=(rows, 7))
    own = rng.normal(size=rows) if kind == "shops" else 2 * np.cos(np.arange(rows) / 700)
    if blocks:  # what rows of a block share, and no feature tells
        features[:, :6] += 0.5 * rng.normal(size=(blocks, 6))[block]
        own = own[block] + 0.7 * rng.normal(size=blocks)[block]
    y = features[:, 0] + 0.5 * features[:, 1] + own + rng.normal(size=rows)
    frame = pd.DataFrame(features, columns=[*"abcdef", "noise"]).assign(y=y, block=block)
    return frame.assign(id=range(rows)), frame["block"] < frame["block"].max() / 2


def fits(kind: str, seeds: range, features: str = "abcdef") -> list[pd.DataFrame]:
    """The predictions of real fits, on blocks that they have not seen."""
    frame, past = table(kind)
    sides, names = (
        list[pd.DataFrame](),
        [*features.replace("n", ""), *["noise"] * ("n" in features)],
    )
    for seed in seeds:
        model = HistGradientBoostingRegressor(
            max_iter=20, max_features=0.3, learning_rate=0.2, random_state=seed
        ).fit(frame.loc[past, names], frame.loc[past, "y"])
        held_out = frame.loc[~past, ["id", "block", "y"]]
        sides.append(held_out.assign(p=model.predict(frame.loc[~past, names])))
    return sides


def words(kind: str, pairs: list[tuple[pd.DataFrame, pd.DataFrame]], seeds: Seeds) -> list[str]:
    """What is said of each pair."""
    columns = Columns(["id"], "y", ["p"], block="block" if BLOCKS[kind] else None)
    answers = list[str]()
    for base, this in pairs:
        groups = compare(base, this, columns, [METRIC])
        between = groups[""].differences[METRIC]
        sides = ({METRIC: between.before}, {METRIC: between.after})
        answers.append(overall(METRIC, Evidence(*sides, groups, seeds=(seeds, seeds)))[0])
    return answers


@pytest.mark.thorough
@pytest.mark.parametrize("kind", BLOCKS)
def test_seeds_or_a_feature_of_noise_are_no_change(kind: str) -> None:
    errors = [(side["y"] - side["p"]).abs().mean() for side in fits(kind, range(100, 110))]
    deviation = {METRIC: float(np.std(errors, ddof=1))}
    measured = Seeds("c" * 40, "seed", list(range(10)), deviation)
    plain = fits(kind, range(12))
    pairs = list(combinations(plain, 2))[:PAIRS]
    by_seed = words(kind, pairs, measured)
    noisy = fits(kind, range(20, 20 + PAIRS), "abcdefn")
    by_noise = words(kind, [(plain[at % 12], side) for at, side in enumerate(noisy)], measured)
    for answers in (by_seed, by_noise):
        assert sum(word in ("better", "worse") for word in answers) <= PAIRS * 0.05, answers
    blind = fits(kind, range(1), "bcdef")[0]
    assert words(kind, [(plain[0], blind), (blind, plain[0])], measured) == ["worse", "better"]
