"""The trials of a sweep that tie with its best one, by their predictions, else by its error."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from strata.compare.evidence import load_settings, of_predictions, seeds_of
from strata.compare.held_out import predictions
from strata.compare.scoring import parts
from strata.compare.verdict import judged
from strata.core.errors import Fault, first_line
from strata.core.values import error_of
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.sweep.plan import Plan

MOST = 5  # trials that are compared row by row


def sentence(home: Path, plan: Plan, best: str, trials: Mapping[int, Any]) -> str:
    """The ties with the best trial, for people; ``trials`` are the settled ones, by number."""
    finished = {plan.trial(n): t for n, t in trials.items() if t.value is not None}
    top, error = finished[best].value, finished[best].user_attrs.get("se")
    distances = {name: abs(t.value - top) for name, t in finished.items() if name != best}
    others = sorted(distances, key=distances.__getitem__)
    if not others:
        return "no other trial finished: there is nothing to tie with"
    commits = {name: str(t.user_attrs["commit"]) for name, t in finished.items()}
    try:
        with opened(home) as store:
            near = {name: commits[name] for name in others[:MOST]}
            tied = alike(store, plan.metric, commits[best], near)
        how = f"row by row (95%; the {len(near)} nearest were compared)"
    except (Fault, ValueError, OSError, ImportError) as fault:
        if error is None:
            why = f"the predictions cannot be compared ({first_line(fault)}), and the metrics have"
            return f"whether others tie with it cannot be told: {why} no {error_of(plan.metric)}"
        tied = [name for name in others if distances[name] <= error]
        how = f"by its standard error alone ({first_line(fault)})"
    names = ", ".join(tied[:5]) + (", …" if len(tied) > 5 else "")
    count = "1 other ties" if len(tied) == 1 else f"{len(tied)} others tie"
    return f"{count} with it{f' ({names})' if names else ''}, {how}"


def alike(store: Store, metric: str, best: str, near: Mapping[str, str]) -> list[str]:
    """Those of ``near``, name to commit, whose paired difference from the best commit may be 0.

    They are compared as any two models are, so the fit's own randomness counts where it was
    measured. Raises Fault or ValueError if predictions cannot be compared.
    """
    top, notes = Revision(store, best), list[str]()
    ours, columns = predictions(top)
    bare, splits = replace(columns, split=None), parts(metric)[0]
    settings = replace(load_settings(top), headline=metric)
    seeds = (seeds_of(top, notes), seeds_of(top, notes))

    def held_out(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[columns.split].isin(splits)] if columns.split else frame

    tied = []
    for trial, commit in near.items():
        theirs, _ = predictions(Revision(store, commit), columns)
        sides = (held_out(ours), held_out(theirs))
        name, evidence = of_predictions(sides, bare, settings, seeds)
        estimate = judged(name, evidence)
        if estimate is None or estimate.interval is None:
            raise Fault(f"the predictions do not tell the noise of {metric}")
        low, high = estimate.interval
        if low <= 0 <= high:
            tied.append(trial)
    return tied
