"""Tell whether the model in use is stale: beaten, beyond noise, by one that knows what came since,
worse than where it was accepted, or worse than a dummy.

An alarm is raised by rules under which looking every month for years raises few false ones: see
looks.py.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from strata import git
from strata.compare.evidence import load_settings, seeds_of
from strata.compare.held_out import (
    Learned,
    learned,
    partitions,
    partitions_known,
    predictions,
    settings_of,
)
from strata.compare.paired import Columns
from strata.compare.rows import AT, count, files_of, predict, read
from strata.core.errors import Fault, first_line
from strata.core.markdown import code, join, plain, term
from strata.core.page import page
from strata.core.values import json_of
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.monitor.drift import Drift, drifts
from strata.monitor.judging import LEARNED, Judge
from strata.monitor.looks import FIRST
from strata.monitor.past import of_files, replayed, since
from strata.monitor.watch import Partition, Watch
from strata.monitor.words import document

SAMPLE = 200_000  # rows of the champion's training that inputs are compared with
CODES = {"not stale": 0, "stale": 3, "cannot tell": 4}
ITSELF = "the model of the last commit is the champion itself"
Files = list[tuple[str, Path]]  # of rows, each with its name


def run(args: argparse.Namespace) -> int:
    """Print what was found: 0 if the model in use is not stale, 3 if it is, 4 if unknown."""
    root = git.top()
    with opened(root) as store:
        if args.champion:
            name, commit = args.champion, refs.commit_of(args.champion, root)
        else:
            name, commit = in_use(store)
        on = files_of([args.on]) if args.on else []
        watch = monitor(name, Revision(store, commit), replay=args.replay, on=on)
    if args.html:
        text = page(document(watch, pictures=True), "Strata monitor")
        args.html.write_text(text, encoding="utf-8", newline="\n")
    print(json_of(as_json(watch)) if args.json else join(document(watch)))
    return CODES[watch.word]


def in_use(store: Store) -> tuple[str, str]:
    """The tag of the release in the stage prod, and its commit. Raises Fault if there is none."""
    release = registry.in_stage(Revision(store, None), "prod")
    return release.tag, release.commit


def monitor(
    name: str, champion: Revision, *, replay: bool = False, on: Sequence[Path] = ()
) -> Watch:
    """Judge each partition since the champion, or with ``on`` each of some files of rows.

    A partition is judged by the models of the branch's commits, or with ``replay`` by those that
    are trained now; a file by the model of the last commit. Raises Fault if it cannot be begun.
    """
    head = Revision(champion.store, refs.commit_of("HEAD", champion.root))
    settings, notes = load_settings(head), list[str]()
    files = [(path.stem, path) for path in on] or [
        (part, head.local(path)) for part, path in partitions(head).items()
    ]
    newest, latest = files[-1]
    _, columns = predictions(head)
    seeds = (seeds_of(champion, notes), seeds_of(head, notes))
    known = learned_by(champion, columns)
    whole = known.partitions if isinstance(known, Learned) else {}
    last = known.last if isinstance(known, Learned) else ""
    judge = Judge(columns, settings, seeds, [known], labels_known(champion, columns), last)
    if on:
        parts = judge_files(judge, files, champion, head, notes)
    else:
        new = [(part, path) for part, path in files if part not in whole]
        parts = judge_partitions(judge, new, champion, head, notes, replay=replay)
    drift = inputs([*whole.values()], latest, columns, notes)
    return Watch(name, settings.headline, parts, drift, newest, notes)


def judge_partitions(
    judge: Judge,
    files: Files,
    champion: Revision,
    head: Revision,
    notes: list[str],
    *,
    replay: bool,
) -> list[Partition]:
    """Each partition that the champion has not learned from, judged by the models made since."""
    if replay:
        challengers = replayed(head, [part for part, _ in files], judge.columns)
    else:
        challengers, unread = since(champion, head, judge.columns)
        notes += unread
    notes += corrected(champion, head)
    scores, accepted = predict(champion, [path for _, path in files]), partitions_known(champion)
    parts = [
        replace(judge.judge(*file, mine, challengers), accepted=file[0] in accepted)
        for file, mine in zip(files, scores, strict=True)
    ]
    return [part for part in parts if part.why != LEARNED]


def judge_files(
    judge: Judge, files: Files, champion: Revision, head: Revision, notes: list[str]
) -> list[Partition]:
    """Each of some files, judged by the model of the last commit, which scores it now."""
    paths, theirs = [path for _, path in files], learned_by(head, judge.columns)
    absent = "none of its rows with labels fits both models"
    judge = replace(judge, learned=[*judge.learned, theirs], key=[AT], absent=absent)
    last = theirs.last if isinstance(theirs, Learned) else ""
    challengers = of_files(head, paths, judge.columns, last)
    sides = zip(files, predict(champion, paths), challengers, strict=True)
    parts = [judge.judge(*file, mine, their) for file, mine, their in sides]
    notes += [
        f"{part.learned:,} rows of {term(part.name)} do not count: one of the two may have "
        "learned from them."
        for part in parts
        if part.learned and part.why != LEARNED
    ]
    if models_of(champion) == models_of(head):
        parts = [replace(part, look=None, why=ITSELF) if part.estimate else part for part in parts]
    return parts


def labels_known(champion: Revision, columns: Columns) -> pd.Series:
    """The labels of the data that a champion was made with; none if they cannot be had."""
    try:
        paths = [champion.local(path) for path in partitions_known(champion).values()]
        parts = [read(path, [columns.label])[columns.label].dropna() for path in paths]
    except Fault:
        return pd.Series(dtype=float)
    return pd.concat(parts, ignore_index=True)


def learned_by(side: Revision, columns: Columns) -> Learned | str:
    """The rows that a model may have learned from, or why they are unknown."""
    try:
        return learned(side, columns)
    except (Fault, ValueError) as fault:
        return first_line(fault)


def models_of(revision: Revision) -> dict[str, str | None]:
    """The hash of each model of a revision."""
    outs = {path: revision.output(path) for path in revision.models}
    return {path: out.hash if out else None for path, out in outs.items()}


def corrected(champion: Revision, head: Revision) -> list[str]:
    """A note on the partitions that the champion knew and that are others now, if there are any."""
    folder, _ = settings_of(head.root)
    was, now = partitions_known(champion), partitions(head)
    before, after = champion.files(folder), head.files(folder)
    names = [name for name in was if name in now and before[was[name]] != after[now[name]]]
    return [f"Corrected since: {', '.join(map(term, names))}."] if names else []


def inputs(known: Sequence[Path], newest: Path, columns: Columns, notes: list[str]) -> list[Drift]:
    """How far the inputs of the newest partition have moved from what the champion learned from."""
    if not known:
        return []
    now, step = read(newest), max(1, sum(map(count, known)) // SAMPLE)
    before = pd.concat([read(path)[::step] for path in known], ignore_index=True)
    others = {*columns.key, columns.label, columns.block, columns.weight}
    names = [str(name) for name in now if name in before and name not in others]
    try:
        return drifts(before, now, names)
    except (ValueError, TypeError) as error:
        notes.append(f"How far the inputs have moved is unknown: {code(first_line(error), 200)}.")
        return []


def as_json(watch: Watch) -> dict[str, Any]:
    """What was found, with null for what is not known."""
    rate, error = watch.false_alarms or (None, None)
    return {
        "champion": watch.champion,
        "answer": watch.word,
        "partitions": [
            {
                "partition": part.name,
                "rows": part.rows,
                "refused": part.refused,
                "labelled": part.labelled,
                "accepted": part.accepted,
                "challenger": part.challenger or None,
                "learned_through": part.last or None,
                "champion_metric": part.estimate.before if part.estimate else None,
                "challenger_metric": part.estimate.after if part.estimate else None,
                "interval": part.estimate.interval if part.estimate else None,
                "over_dummy": part.skill,
                **{
                    sign: {"p_value": of.p_values[at], "level": of.levels[at]}
                    for sign, of in watch.signs.items()
                },
                "alarms": watch.alarms(at),
                "expected": part.expected,
                "observed": part.observed,
                "why_not_judged": plain(part.why) or None,
            }
            for at, part in enumerate(watch.partitions)
        ],
        "false_alarm_rate": rate,
        "false_alarm_rate_se": error,
        "nominal_rate": FIRST,
        "drift": [vars(drift) for drift in watch.drifts],
        "notes": [plain(note) for note in watch.notes],
    }
