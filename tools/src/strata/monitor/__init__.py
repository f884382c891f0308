"""Tell whether the model in use is stale: beaten, beyond noise, by one that knows what came since.

Each partition of data since is judged on its own, by `strata compare`'s function, and an alarm is
raised by rules under which looking every month for years raises no more false ones: see looks.py.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from strata import git
from strata.compare import data
from strata.compare.evidence import Settings, load_settings, seeds_of
from strata.compare.files import files_of, read, rows_of
from strata.compare.learned import Learned, learned
from strata.compare.paired import Columns, predictions_of
from strata.compare.prediction import scorer
from strata.core.errors import Fault, first_line
from strata.core.markdown import code, join, plain, term
from strata.core.page import page
from strata.core.values import json_of
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.monitor import drift, looks, past
from strata.monitor.judging import LEARNED, Partition, judge, judge_on
from strata.monitor.watch import Watch
from strata.monitor.words import document

SAMPLE = 200_000  # rows of the champion's training that inputs are compared with


CODES = {"not stale": 0, "stale": 3, "cannot tell": 4}


def run(args: argparse.Namespace) -> int:
    """Print what was found: 0 if the model in use is not stale, 3 if it is, 4 if unknown."""
    root = git.top()
    with opened(root) as store:
        if args.champion:
            name, commit = args.champion, refs.commit_of(args.champion, root)
        else:
            name, commit = in_use(store)
        champion = Revision(store, commit)
        if args.on:
            found = watch_on(store, name, champion, files_of([args.on]))
        else:
            found = watch(store, name, champion, replayed=args.replay)
    if args.html:
        text = page(document(found, pictures=True), "Strata monitor")
        args.html.write_text(text, encoding="utf-8", newline="\n")
    print(json_of(as_json(found)) if args.json else join(document(found)))
    return CODES[found.word]


def in_use(store: Store) -> tuple[str, str]:
    """The tag of the release in the stage prod, and its commit. Raises Fault if there is none."""
    release = registry.in_stage(Revision(store, None), "prod")
    return release.tag, release.commit


def watch(store: Store, name: str, champion: Revision, *, replayed: bool) -> Watch:
    """Judge each partition since the champion. Raises Fault if that can't even be begun."""
    head = Revision(store, refs.commit_of("HEAD", store.root))
    folder, through = data.settings_of(head)
    settings = load_settings(head)
    _, columns = data.predictions(head, predictions_of(store.root, head.made))
    there, before = data.partitions(head, folder), data.known(champion, folder, through)
    mine = data.held_out(champion, columns, ["partition"])
    learned = [each for each in before if each in there]
    notes = list[str]()
    if replayed:
        challengers = trained(store, head, columns, through, list(there), mine)
    else:
        challengers, notes = past.since(store, str(champion.commit), str(head.commit), columns)
    seeds = (seeds_of(champion, notes), seeds_of(head, notes))
    bare = replace(columns, split=None)
    paths = {each: head.local(path) for each, path in there.items()}
    changed = [
        each
        for each in learned
        if head.files(folder)[there[each]] != champion.files(folder)[before[each]]
    ]
    if changed:
        notes.append(f"Corrected since: {', '.join(map(term, changed))}.")
    with scorer(store, champion) as score:
        said = data.scored(score, paths)
    found = [
        judge(
            *(each, paths[each], said[each], mine if each in learned else None),
            *(challengers, bare, settings, seeds),
        )
        for each in there
    ]
    found = [each for each in found if each.why != LEARNED]
    known = [paths[each] for each in learned if each not in {one.name for one in found}]
    newest = list(there)[-1]
    return told(name, settings, found, inputs(known, paths[newest], bare), newest, notes)


def watch_on(store: Store, name: str, champion: Revision, paths: Sequence[Path]) -> Watch:
    """Judge each of some files of rows by the model of the last commit. Raises Fault."""
    head = Revision(store, refs.commit_of("HEAD", store.root))
    settings, notes, moved = load_settings(head), list[str](), list[drift.Drift]()
    seeds = (seeds_of(champion, notes), seeds_of(head, notes))
    _, columns = data.predictions(head, predictions_of(store.root, head.made))
    sides = [learned_by(side, head, columns) for side in (champion, head)]
    found = judge_on(champion, head, sides, paths, columns, settings, seeds, notes)
    if isinstance(sides[0], Learned):
        try:
            moved = inputs(sides[0].partitions, paths[-1], columns)
        except (ValueError, TypeError) as error:
            why = code(first_line(error), 200)
            notes.append(f"How far the inputs have moved is not known: {why}.")
    return told(name, settings, found, moved, paths[-1].stem, notes)


def learned_by(side: Revision, head: Revision, columns: Columns) -> Learned | str:
    """What a model may have learned from, or why nothing tells."""
    try:
        return learned(side, *data.settings_of(head), columns)
    except (Fault, ValueError) as fault:
        return first_line(fault)


def told(
    name: str,
    settings: Settings,
    found: list[Partition],
    moved: list[drift.Drift],
    newest: str,
    notes: list[str],
) -> Watch:
    """What the looks at some partitions, the oldest first, say together."""
    each = [one.look for one in found]
    p_values = looks.p_values(each)
    levels, alarms = looks.levels(p_values), looks.alarms(p_values)
    rate = looks.false_alarms(each)
    return Watch(
        *(name, settings.headline, found, p_values, levels, alarms, rate, moved, newest, notes)
    )


def trained(
    store: Store,
    head: Revision,
    columns: Columns,
    through: str,
    names: list[str],
    mine: pd.DataFrame,
) -> list[past.Challenger]:
    """A challenger for each partition that the champion did not learn from: `past.replay`."""
    if not through:
        raise Fault(f"set through in {data.PLACE}: the param that says through when is trained")
    place = "partition" if "partition" in mine else None
    held = set(mine[place].astype(str)) if place else set()
    first = min((at for at, each in enumerate(names) if each in held), default=0)
    found = []
    with past.replay(store, head, through, columns) as train:
        for each in names[first:]:
            rows = data.without_training(train(each), columns)
            found.append(past.Challenger(f"through {each}", rows))
    return found


def inputs(known: Sequence[Path], newest: Path, columns: Columns) -> list[drift.Drift]:
    """How far the inputs of the newest partition have moved from what the champion learned from."""
    if not known:
        return []
    now = read(newest, None)
    step = max(1, sum(map(rows_of, known)) // SAMPLE)
    before = pd.concat([read(path, None)[::step] for path in known], ignore_index=True)
    others = {*columns.key, columns.label, columns.block, columns.weight}
    return drift.drifts(before, now, [str(n) for n in now if n in before and n not in others])


def as_json(found: Watch) -> dict[str, Any]:
    """What was found, with null for what is not known."""
    rows = []
    for at, each in enumerate(found.partitions):
        best = each.estimate
        rows.append(
            {
                "partition": each.name,
                "rows": each.rows,
                "refused": each.refused,
                "labelled": each.labelled,
                "challenger": each.challenger or None,
                "champion_metric": best.before if best else None,
                "challenger_metric": best.after if best else None,
                "interval": list(best.interval) if best and best.interval else None,
                "p_value": found.p_values[at],
                "level": found.levels[at],
                "alarm": found.alarms[at],
                "expected": each.expected,
                "observed": each.observed,
                "why_not_judged": plain(each.why) or None,
            }
        )
    rate, error = found.false_alarms
    return {
        "champion": found.champion,
        "answer": found.word,
        "partitions": rows,
        "false_alarm_rate": rate,
        "false_alarm_rate_se": error,
        "nominal_rate": looks.FIRST,
        "drift": [vars(each) for each in found.drifts],
        "notes": [plain(note) for note in found.notes],
    }
