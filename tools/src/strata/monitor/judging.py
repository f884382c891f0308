"""Holds the champion against a challenger on each partition since."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from strata.compare.evidence import Settings
from strata.compare.files import AT, FILE, joined, names_of, roles, rows_of, scored, truth
from strata.compare.learned import Learned
from strata.compare.rows import evidence_on
from strata.compare.verdict import Estimate, judged
from strata.errors import Fault
from strata.monitor import looks
from strata.monitor.past import Challenger
from strata.paired import Columns
from strata.revision import Revision
from strata.seeds import Seeds

LEARNED = "the champion learned from it"
UNLABELLED = "it has no labels yet"
ITSELF = "the last commit is the champion itself"


@dataclass(frozen=True)
class Partition:
    """What is known of one partition. ``rows`` are those that it has, ``refused`` those that the
    champion could not score, ``labelled`` those with a label. ``why`` says why it is not judged.

    ``expected`` and ``observed`` are the means of the champion's predictions and of the labels.
    """

    name: str
    rows: int
    refused: int
    labelled: int
    challenger: str = ""
    estimate: Estimate | None = None
    look: looks.Look | None = None
    expected: float | None = None
    observed: float | None = None
    why: str = ""


def judge(
    name: str,
    path: Path,
    said: tuple[int, pd.DataFrame],
    known: pd.DataFrame | None,
    challengers: Sequence[Challenger],
    columns: Columns,
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
) -> Partition:
    """Hold the champion against the last challenger that held a partition out.

    ``known`` are the rows that the champion held out itself, if the partition is older than it.
    """
    rows, champion = said
    base = Partition(name, rows, rows - len(champion), 0)
    labels = _labels(path, columns)
    if labels.empty:
        return replace(base, why=UNLABELLED)
    base, frame = replace(base, labelled=len(labels)), joined(champion, labels)
    if known is not None:
        frame = frame.merge(known[columns.key])
    if frame.empty:
        return replace(base, why=LEARNED)
    keys = frame[columns.key]
    having = [
        (each, mine)
        for each in challengers
        if len(mine := each.held_out.merge(keys, on=columns.key))
    ]
    if not having:
        return replace(base, why="no challenger held it out; --replay trains them")
    challenger, theirs = having[-1]
    return _held_against(
        replace(base, challenger=challenger.name), (frame, theirs), columns, settings, seeds
    )


def judge_on(
    champion: Revision,
    challenger: Revision,
    learned: Sequence[Learned],
    paths: Sequence[Path],
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
    notes: list[str],
) -> list[Partition]:
    """Hold two revisions against each other on each of some files of rows, which both score.

    Rows that one of them may have ``learned`` from are left out; ``notes`` gets how many, or why
    nothing tells. Raises Fault if one of them cannot score or a file cannot be read.
    """
    sides = [scored(side, list(paths)) for side in (champion, challenger)]
    found = []
    for at, path in enumerate(paths):
        both = [side[side[FILE] == at].drop(columns=FILE) for side in sides]
        keys = list(dict.fromkeys(key for side in learned for key in side.dtypes))
        columns = replace(roles(challenger.root, path, sides[1]), key=keys)
        rows = rows_of(path)
        base = Partition(path.stem, rows, rows - len(both[0]), 0)
        labels = _labels(path, columns)
        if labels.empty:
            found.append(replace(base, why=UNLABELLED))
            continue
        base = replace(base, labelled=len(labels), challenger=str(challenger.commit)[:9])
        labels = labels[labels[AT].isin(both[0][AT]) & labels[AT].isin(both[1][AT])]
        if labels.empty:
            found.append(replace(base, why="none of its rows with labels fits both models"))
            continue
        labels = _unlearned(labels, learned, path.stem, notes)
        if labels.empty:
            found.append(replace(base, why="one of the two may have learned from it"))
            continue
        frames = (joined(both[0], labels), joined(both[1], labels))
        told = _held_against(base, frames, replace(columns, key=[AT]), settings, seeds)
        itself = champion.commit == challenger.commit
        found.append(replace(told, look=None, why=ITSELF) if itself else told)
    return found


def _unlearned(
    labels: pd.DataFrame, learned: Sequence[Learned], name: str, notes: list[str]
) -> pd.DataFrame:
    """The rows that neither may have learned from, as far as can be told."""
    rest = labels
    try:
        for side in learned:
            rest = rest[~side.has(rest)]
    except Fault as fault:
        notes.append(f"Nothing tells whether one of the two has learned from {name}: {fault}.")
        return labels
    if len(rest) and (lost := len(labels) - len(rest)):
        notes.append(
            f"{lost:,} rows of {name} count not: one of the two may have learned from them."
        )
    return rest


def _labels(path: Path, columns: Columns) -> pd.DataFrame:
    """What is known of the rows of a file that have a label, if any has one."""
    return truth(path, columns) if columns.label in names_of(path) else pd.DataFrame()


def _held_against(
    base: Partition,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    columns: Columns,
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
) -> Partition:
    """What the predictions of champion and challenger, with labels, show of a partition."""
    metric, found = evidence_on(frames, columns, settings, seeds, parts_too=True)
    best, way = judged(metric, found), found.direction(metric)
    if best is None or not way or best.refused:
        why = best.refused if best else "no metric"
        return replace(base, why=why or f"which way of {metric} is better is not known")
    (group,) = found.groups.values()
    gains = np.array(group.differences[metric].parts) * way
    look = looks.Look(gains, (found.fit(metric) or 0.0) / 1.96)
    expected, observed = _means(frames[0], columns)
    return replace(base, estimate=best, look=look, expected=expected, observed=observed)


def _means(frame: pd.DataFrame, columns: Columns) -> tuple[float | None, float | None]:
    """What the champion expects of these rows, and what came, where both are numbers."""
    label = frame[columns.label]
    if columns.positive is not None:
        label = (label.astype(str) == columns.positive).astype(float)
    numbers = pd.api.types.is_numeric_dtype(label) or pd.api.types.is_bool_dtype(label)
    if len(columns.prediction) != 1 or not numbers:
        return None, None
    means = float(frame[columns.prediction[0]].mean()), float(label.mean())
    return means if all(map(math.isfinite, means)) else (None, None)
