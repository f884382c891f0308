"""Holds the champion against a challenger, and against a dummy, on one partition."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata.compare.evidence import Settings, of_predictions
from strata.compare.held_out import Learned
from strata.compare.paired import Columns, classes_of, is_class
from strata.compare.rows import AT, count, labelled, with_labels
from strata.compare.seeds import Seeds
from strata.compare.verdict import judged
from strata.core.errors import Fault
from strata.core.markdown import code
from strata.core.values import NORMAL
from strata.monitor.looks import Look
from strata.monitor.past import Challenger
from strata.monitor.watch import Partition

LEARNED = "one of the two may have learned from it"
UNLABELLED = "it has no labels yet"
UNFIT = "none of its rows with labels fits the champion"
NOTHING_NEWER = "no challenger of it has learned from anything newer than the champion"


@dataclass(frozen=True)
class Judge:
    """What all partitions are judged by.

    Rows that a side may have ``learned`` from are left out; where that is unknown (a text says
    why), the figures are there and judge nothing. ``known`` are the labels of the champion's time,
    of which a dummy makes its constant; ``last`` is the newest partition that it learned from.
    ``key`` is what the rows of both sides are matched by, if not by that of the columns; ``absent``
    is why no challenger has any.
    """

    columns: Columns
    settings: Settings
    seeds: tuple[Seeds | None, Seeds | None]
    learned: Sequence[Learned | str]
    known: pd.Series
    last: str = ""
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
        part = self._held_against_dummy(part, mine)
        matching = [
            (challenger, theirs)
            for challenger in challengers
            if len(theirs := challenger.held_out.merge(mine[key], on=key))
        ]
        if not matching:
            part = replace(part, why=self.absent)
        else:
            newer = [pair for pair in matching if pair[0].last > self.last]
            challenger, theirs = (newer or matching)[-1]
            part = replace(part, challenger=challenger.name, last=challenger.last)
            part = self._held_against(part, mine, theirs)
            if part.look and not newer:
                part = replace(part, look=None, why=NOTHING_NEWER)
        return replace(part, look=None, own=None, why=unknown) if unknown else part

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

    def _held_against_dummy(self, part: Partition, mine: pd.DataFrame) -> Partition:
        """A partition with how much better the champion is than a constant, if that can be had."""
        columns = replace(self.columns, key=self.key or self.columns.key, split=None)
        expected, observed = _means(mine, columns)
        part = replace(part, expected=expected, observed=observed)
        if self.known.empty:
            return part
        names = columns.prediction
        always = constants(self.known, mine[names], columns)
        dummy = mine.assign(**dict(zip(names, always, strict=True)))
        try:
            metric, evidence = of_predictions((dummy, mine), columns, self.settings, (None, None))
        except Fault:
            return part
        (group,) = evidence.groups.values()
        found, direction = group.differences[metric], evidence.direction(metric)
        skill = (found.after - found.before) * direction
        own = Look(-direction * np.array(found.parts)) if direction else None
        return replace(part, skill=skill, own=own)

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
        error = (evidence.fit(metric) or 0.0) / NORMAL
        return replace(part, estimate=best, look=Look(gains, error))


def constants(known: pd.Series, predicted: pd.DataFrame, columns: Columns) -> list[Any]:
    """What a dummy predicts that has seen the ``known`` labels: for each column of predictions the
    share of its class, or the mean; of predictions that are classes the most frequent one."""
    if len(columns.prediction) > 1:
        classes = classes_of(columns.prediction, set(known.astype(str)))
        return [float((known.astype(str) == name).mean()) for name in classes]
    (values,) = (predicted[name] for name in predicted)
    if not pd.api.types.is_numeric_dtype(values):
        return [known.mode().iloc[0]]
    if columns.positive is not None:
        return [float(is_class(known, columns.positive).mean())]
    if known.nunique() == 2 and values.between(0, 1).all():
        return [float((known == known.max()).mean())]
    return [float(known.mean())]


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
