"""Tell whether one model is better than another, as surely as their predictions let it be told.

Both are held against the rows that neither was trained on, by the predictions that they have, or
with ``--on`` against rows of one's own, which each scores by its own revision's code. The answer
is better, no worse (by no more than the margin that the gates set), worse, or cannot tell.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import git
from strata.compare.evidence import gather, load_settings
from strata.compare.rows import gather_on
from strata.compare.verdict import Estimate, Evidence, overall
from strata.core.errors import Fault
from strata.core.markdown import code, figure, plain
from strata.core.values import json_of
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs

CODES = {"better": 0, "no worse": 0, "worse": 3, "cannot tell": 4}
WHY = {
    "noise unknown": "nothing tells the noise of the difference: too few blocks of rows, or no "
    "predictions and no standard errors",
    "same metric": "the figures are the same, and nothing tells their noise",
    "direction unknown": "which way is better? Set higher_is_better or lower_is_better in "
    "[tool.strata.report]",
}
WIDTH = 60  # characters of the drawn interval


@dataclass(frozen=True)
class Answer:
    """What a challenger is, held against a champion: ``word``, one of CODES, and ``why``.

    ``found`` is all that it rests on. ``metric`` is the one that decides. ``margin`` is how much
    worse is still no worse. ``more`` is how many more blocks would tell, if the difference stays:
    infinite if none, None if unknown.
    """

    word: str
    found: Evidence
    metric: str
    direction: int
    margin: float
    best: Estimate | None
    more: float | None
    why: str
    notes: list[str]


def answer(champion: Revision, challenger: Revision, *, rescore: bool = False) -> Answer:
    """Compare two revisions by the settings of the workspace. Raises Fault if one can't be read.

    With ``rescore`` the champion runs its own code, where that tells more.
    """
    for side in (champion, challenger):
        if not side.metrics:
            raise Fault(f"{side.name} has no metrics: there is nothing to compare")
    settings = load_settings(challenger)
    return judge(settings.headline, *gather(champion, challenger, settings, rescore=rescore))


def answer_on(champion: Revision, challenger: Revision, data: Sequence[Path]) -> Answer:
    """The same on files of rows with their labels, which both score. Raises Fault."""
    settings = load_settings(challenger)
    return judge(*gather_on(champion, challenger, settings, data))


def judge(metric: str, found: Evidence, notes: list[str]) -> Answer:
    """What the evidence says of a metric, and what is to be said of it."""
    word, best, why = overall(metric, found)
    way, margin, fit = found.direction(metric), found.margins.get(metric, 0.0), found.fit(metric)
    if not found.measured:
        notes.append("The fit's own randomness is not in the interval: `strata seeds 10` measures.")
    elif fit is None:
        notes.append(f"The fit's own randomness was not measured for {code(metric)}.")
    if word not in CODES:
        word, why = "cannot tell", WHY.get(word, why)
    more = best.more_blocks(way, margin, fit) if best and word == "cannot tell" else None
    said = [plain(note) for note in notes]
    return Answer(word, found, metric, way, margin, best, more, plain(why), said)


def run(args: argparse.Namespace) -> int:
    """Print the answer: 0 if the challenger is better or no worse, 3 worse, 4 cannot tell."""
    root = git.top()
    commits = [refs.commit_of(name, root) for name in (args.champion, args.challenger)]
    with opened(root) as store:
        champion, challenger = (Revision(store, commit) for commit in commits)
        if args.on:
            found = answer_on(champion, challenger, args.on)
        else:
            found = answer(champion, challenger, rescore=args.rebuild)
    if args.json:
        sides = dict(zip(("champion", "challenger"), commits, strict=True))
        print(json_of(as_json(found) | sides))
    else:
        print(
            "\n".join([f"{args.challenger} against {args.champion}: {found.word}", *lines(found)])
        )
    return CODES[found.word]


def as_json(found: Answer) -> dict[str, Any]:
    """The answer, with null for what is not known."""
    best = found.best
    more = found.more if found.more is not None and math.isfinite(found.more) else None
    return {
        "answer": found.word,
        "why": found.why,
        "metric": found.metric,
        "greater_is_better": {1: True, -1: False}.get(found.direction),
        "margin": found.margin,
        "before": best.before if best else None,
        "after": best.after if best else None,
        "difference": best.difference if best else None,
        "interval": list(best.interval) if best and best.interval else None,
        "how": best.how if best else "",
        "blocks": best.blocks if best else None,
        "more_blocks": more,
        "notes": found.notes,
    }


def lines(found: Answer) -> list[str]:
    """The figures behind an answer, for people, with the interval drawn."""
    best, said = found.best, list[str]()
    if best:
        size = max(abs(best.before), abs(best.after))
        before, after = (figure(value, scale=size) for value in (best.before, best.after))
        moved = figure(best.difference, True, size)
        said.append(f"{found.metric}: {before} → {after}, {moved}")
        if best.interval:
            ends = " to ".join(figure(end, True, size) for end in best.interval)
            blocks = f", {best.blocks} blocks" if best.blocks else ""
            said.append(f"95% interval {ends}, {best.how}{blocks}")
            said += drawn(best, found.direction, found.margin)
    said += [found.why] if found.why else []
    if found.more is not None:
        said.append(
            "more rows would not tell: the fit's own randomness alone hides such a difference"
            if math.isinf(found.more)
            else f"{found.more:,.0f} more blocks of rows would tell, if the difference stays"
        )
    return said + found.notes


def drawn(best: Estimate, direction: int, margin: float) -> list[str]:
    """The interval on a line, with 0 and the margin, and a line that says what they are."""
    assert best.interval
    low, high = best.interval
    limit = -margin * direction
    ends = [low, high, 0.0, limit]
    span = max(ends) - min(ends) or 1.0

    def at(value: float) -> int:
        return round((value - min(ends)) / span * (WIDTH - 1))

    marks = [" "] * WIDTH
    marks[at(low) : at(high) + 1] = "─" * (at(high) - at(low) + 1)
    marks[at(0.0)] = "│"
    said = "│ 0"
    if margin:
        marks[at(limit)] = "┊"
        said += f", ┊ {limit:+.4g}: no worse"
    marks[at(best.difference)] = "●"
    return ["".join(marks).rstrip(), said]
