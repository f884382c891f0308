"""Holds the champion against a challenger on each partition since."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from strata.compare.evidence import Settings
from strata.compare.files import AT, FILE, joined, names_of, rows_of, scored, truth
from strata.compare.learned import Learned
from strata.compare.paired import Columns, is_class
from strata.compare.rows import evidence_on
from strata.compare.seeds import Seeds
from strata.compare.verdict import Estimate, judged
from strata.core.errors import Fault
from strata.core.markdown import code, term
from strata.dvc.revision import Revision
from strata.monitor import looks
from strata.monitor.past import Challenger

LEARNED = "the champion learned from it"
UNLABELLED = "it has no labels yet"
ITSELF = "the model of the last commit is the champion itself"


@dataclass(frozen=True)
class Partition:
    """What is known of one partition. ``rows`` are those that it has, ``refused`` those that the
    champion could not score, ``labelled`` those with a label. ``why`` says, as Markdown, why it is
    not judged.

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
    learned: Sequence[Learned | str],
    paths: Sequence[Path],
    columns: Columns,
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
    notes: list[str],
) -> list[Partition]:
    """Hold two revisions against each other on each of some files of rows, which both score.

    Rows that one of them may have ``learned`` from are left out, and ``notes`` gets how many. Where
    nothing tells which (a str says why), the figures are there and judge nothing. Raises Fault if
    one of the two cannot score or a file cannot be read.
    """
    sides = [scored(side, list(paths)) for side in (champion, challenger)]
    same = hashes(champion) == hashes(challenger)
    found = []
    for at, path in enumerate(paths):
        both = [side[side[FILE] == at].drop(columns=FILE) for side in sides]
        rows, labels = rows_of(path), _labels(path, columns)
        base = Partition(path.stem, rows, rows - len(both[0]), len(labels))
        if labels.empty:
            found.append(replace(base, why=UNLABELLED))
            continue
        base = replace(base, challenger=str(challenger.commit)[:9])
        labels = labels[labels[AT].isin(both[0][AT]) & labels[AT].isin(both[1][AT])]
        if labels.empty:
            found.append(replace(base, why="none of its rows with labels fits both models"))
            continue
        new, unknown = _unlearned(labels, learned)
        if new.empty:
            found.append(replace(base, why="one of the two may have learned from it"))
            continue
        if lost := len(labels) - len(new):
            notes.append(
                f"{lost:,} rows of {term(path.stem)} do not count: one of the two may have "
                "learned from them."
            )
        frames = (joined(both[0], new), joined(both[1], new))
        told = _held_against(base, frames, replace(columns, key=[AT], split=None), settings, seeds)
        if told.look and (why := ITSELF if same else unknown):
            told = replace(told, look=None, why=why)
        found.append(told)
    return found


def hashes(revision: Revision) -> dict[str, str | None]:
    """The hash of each model of a revision."""
    outs = {path: revision.output(path) for path in revision.models}
    return {path: out.hash if out else None for path, out in outs.items()}


def _unlearned(labels: pd.DataFrame, learned: Sequence[Learned | str]) -> tuple[pd.DataFrame, str]:
    """The rows that no side is known to have learned from, and why that is not all if so."""
    unknown = ""
    for side in learned:
        try:
            if isinstance(side, str):
                raise Fault(side)
            labels = labels[~side.has(labels)]
        except Fault as fault:
            unknown = f"nothing tells whether a model learned from it: {code(fault, 200)}"
    return labels, unknown


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
    try:
        metric, found = evidence_on(frames, columns, settings, seeds, parts_too=True)
    except Fault as fault:
        return replace(base, why=code(fault, 200))
    best, way = judged(metric, found), found.direction(metric)
    if best is None or not way or best.refused:
        why = best.refused if best else "no metric"
        return replace(base, why=why or f"which way of {code(metric)} is better is not known")
    (group,) = found.groups.values()
    gains = np.array(group.differences[metric].parts) * way
    look = looks.Look(gains, (found.fit(metric) or 0.0) / 1.96)
    expected, observed = _means(frames[0], columns)
    return replace(base, estimate=best, look=look, expected=expected, observed=observed)


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
