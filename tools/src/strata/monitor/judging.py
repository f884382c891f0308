"""Holds the champion against a challenger on one partition."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from strata.compare.evidence import Settings, of_predictions
from strata.compare.held_out import Learned
from strata.compare.paired import Columns, is_class
from strata.compare.rows import AT, count, labelled, with_labels
from strata.compare.seeds import Seeds
from strata.compare.verdict import judged
from strata.core.errors import Fault
from strata.core.markdown import code
from strata.monitor.looks import Look
from strata.monitor.past import Challenger
from strata.monitor.watch import Partition

LEARNED = "one of the two may have learned from it"
UNLABELLED = "it has no labels yet"
UNFIT = "none of its rows with labels fits the champion"


@dataclass(frozen=True)
class Judge:
    """What all partitions are judged by.

    Rows that a side may have ``learned`` from are left out; where that is unknown (a text says
    why), the figures are there and judge nothing. ``key`` is what the rows of both sides are
    matched by, if not by that of the columns; ``absent`` is why no challenger has any.
    """

    columns: Columns
    settings: Settings
    seeds: tuple[Seeds | None, Seeds | None]
    learned: Sequence[Learned | str]
    key: list[str] | None = None
    absent: str = "no challenger held it out; --replay trains them"

    def judge(
        self, name: str, path: Path, scores: pd.DataFrame, challengers: Sequence[Challenger]
    ) -> Partition:
        """Hold the champion's predictions against the last challenger that has any of the rows."""
        rows, labels = count(path), labelled(path, self.columns)
        part = Partition(name, rows, rows - len(scores), len(labels))
        if labels.empty:
            return replace(part, why=UNLABELLED)
        labels = labels[labels[AT].isin(scores[AT])]
        if labels.empty:
            return replace(part, why=UNFIT)
        new, unknown = self._unlearned(labels)
        part = replace(part, learned=len(labels) - len(new))
        if new.empty:
            return replace(part, why=LEARNED)
        mine, key = with_labels(scores, new), self.key or self.columns.key
        matching = [
            (challenger.name, theirs)
            for challenger in challengers
            if len(theirs := challenger.held_out.merge(mine[key], on=key))
        ]
        if not matching:
            return replace(part, why=self.absent)
        challenger, theirs = matching[-1]
        part = self._held_against(replace(part, challenger=challenger), mine, theirs)
        return replace(part, look=None, why=unknown) if part.look and unknown else part

    def _unlearned(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
        """The rows that no side is known to have learned from; and why there may be more."""
        unknown = ""
        for side in self.learned:
            try:
                if isinstance(side, str):
                    raise Fault(side)
                rows = rows[~side.has(rows)]
            except Fault as fault:
                unknown = f"it is unknown whether a model learned from it: {code(fault, 200)}"
        return rows, unknown

    def _held_against(self, part: Partition, mine: pd.DataFrame, theirs: pd.DataFrame) -> Partition:
        """A partition with what the predictions of champion and challenger show of it."""
        columns = replace(self.columns, key=self.key or self.columns.key, split=None)
        try:
            metric, evidence = of_predictions((mine, theirs), columns, self.settings, self.seeds)
        except Fault as fault:
            return replace(part, why=code(fault, 200))
        best, direction = judged(metric, evidence), evidence.direction(metric)
        if best is None or not direction or best.refused:
            why = best.refused if best else "no metric"
            return replace(part, why=why or f"which way of {code(metric)} is better is not known")
        (group,) = evidence.groups.values()
        gains = np.array(group.differences[metric].parts) * direction
        look = Look(gains, (evidence.fit(metric) or 0.0) / 1.96)
        expected, observed = _means(mine, columns)
        return replace(part, estimate=best, look=look, expected=expected, observed=observed)


def _means(frame: pd.DataFrame, columns: Columns) -> tuple[float | None, float | None]:
    """What the champion expects of these rows, and what came, where both are numbers."""
    label = frame[columns.label]
    if columns.positive is not None:
        label = is_class(label, columns.positive).astype(float)
    numbers = pd.api.types.is_numeric_dtype(label) or pd.api.types.is_bool_dtype(label)
    if len(columns.prediction) != 1 or not numbers:
        return None, None
    means = float(frame[columns.prediction[0]].mean()), float(label.mean())
    return means if all(map(math.isfinite, means)) else (None, None)
