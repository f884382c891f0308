"""Models that differ only by their seed are not called better or worse more often than stated."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from strata.compare.paired import Columns, compare
from strata.compare.seeds import Seeds
from strata.compare.verdict import Evidence, overall

COLUMNS = Columns(["id"], "y", ["p"], block="day")
PAIRS = 40


def fits(seeds: range) -> list[pd.DataFrame]:
    """The predictions of real fits on days whose rates differ, on days that come later."""
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(90), 40)
    features = rng.normal(size=(len(day), 8)) + 0.5 * rng.normal(size=(90, 8))[day]
    chance = features[:, 0] + 0.5 * features[:, 1] + 0.7 * rng.normal(size=90)[day]
    label = (chance + 1.5 * rng.normal(size=len(day)) > 0).astype(int)
    past, later = day < 45, day >= 45
    found = []
    for seed in seeds:
        model = HistGradientBoostingClassifier(
            max_iter=15, max_features=0.3, learning_rate=0.2, random_state=seed
        ).fit(features[past], label[past])
        p = model.predict_proba(features[later])[:, 1]
        frame = pd.DataFrame({"day": day[later], "y": label[later], "p": p})
        found.append(frame.assign(id=range(len(frame))))
    return found


@pytest.mark.thorough
def test_seeds_only_are_called_a_change_no_more_often_than_stated() -> None:
    auc = [
        compare(f, f, COLUMNS, ["roc_auc"])[""].differences["roc_auc"].before
        for f in fits(range(100, 110))
    ]
    measured = Seeds("c" * 40, "seed", list(range(10)), {"roc_auc": float(np.std(auc, ddof=1))})
    pairs = list(combinations(fits(range(10)), 2))[:PAIRS]
    words: dict[bool, list[str]] = {True: [], False: []}
    for base, this in pairs:
        groups = compare(base, this, COLUMNS, ["roc_auc"])
        between = groups[""].differences["roc_auc"]
        sides = ({"roc_auc": between.before}, {"roc_auc": between.after})
        for covered in words:
            seeds = (measured, measured) if covered else (None, None)
            words[covered].append(overall("roc_auc", Evidence(*sides, groups, seeds=seeds))[0])
    called = {
        covered: sum(w in ("better", "worse") for w in said) for covered, said in words.items()
    }
    most = PAIRS * 0.05 + 1.96 * np.sqrt(PAIRS * 0.05 * 0.95)
    assert called[True] <= most, called
    assert called[False] > most, (
        f"the rows alone explain it: this test would prove nothing {called}"
    )
