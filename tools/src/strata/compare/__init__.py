"""Tell whether one model is better than another, as surely as their predictions let one tell.

Both are held against the rows that neither was trained on, by the predictions that they have, or
with ``--on`` against rows of one's own, which each scores by its own revision's code. The answer
is better, no worse (than by the margin that the gates set), worse, by less than the margin or by
more, or cannot tell.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import git
from strata.compare.evidence import gather, gather_on, load_settings
from strata.compare.rows import files_of
from strata.compare.verdict import WITHIN, Estimate, Evidence, overall
from strata.core.errors import Fault
from strata.core.markdown import code, plain
from strata.core.values import json_of
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs

CODES = {"better": 0, "no worse": 0, WITHIN: 0, "worse": 3, "cannot tell": 4}
WHY = {
    "noise unknown": "the noise of the difference is unknown: too few blocks of rows, or no "
    "predictions and no standard errors",
    "same metric": "the figures are the same, and their noise is unknown",
    "direction unknown": "which way is better? Set higher_is_better or lower_is_better in "
    "[tool.strata.report]",
}
WIDTH = 60  # characters of the drawn interval


@dataclass(frozen=True)
class Answer:
    """How a challenger does against a champion: ``word``, one of CODES, and ``why``.

    ``metric`` is the one that decides, ``best`` its estimate. ``margin`` is how much worse is still
    no worse. ``more_blocks`` is how many more blocks would tell, if the difference stays: infinite
    if none, None if unknown.
    """

    word: str
    evidence: Evidence
    metric: str
    direction: int
    margin: float
    best: Estimate | None
    more_blocks: float | None
    why: str
    notes: list[str]


def answer(
    champion: Revision, challenger: Revision, *, on: Sequence[Path] = (), rescore: bool = False
) -> Answer:
    """Compare two revisions by the settings of the workspace. Raises Fault if one can't be read.

    ``on`` files of rows both run their own code, with ``rescore`` the champion does, where that
    tells more; else none is run.
    """
    settings = load_settings(challenger)
    if on:
        return judge(*gather_on(files_of(on), champion, challenger, settings))
    for side in (champion, challenger):
        if not side.metrics:
            raise Fault(f"{side.name} has no metrics: there is nothing to compare")
    return judge(settings.headline, *gather(champion, challenger, settings, rescore=rescore))


def judge(metric: str, evidence: Evidence, notes: list[str]) -> Answer:
    """The answer that the evidence gives for a metric; ``notes`` are Markdown."""
    word, best, why = overall(metric, evidence)
    direction, margin = evidence.direction(metric), evidence.margin(metric)
    fit = evidence.fit(metric)
    unmeasured = best is not None and evidence.lacks_seeds(metric, best)
    if not evidence.measured and not unmeasured:
        notes.append("The fit's own randomness is not in the interval: `strata seeds 10` measures.")
    elif evidence.measured and fit is None:
        notes.append(f"The fit's own randomness was not measured for {code(metric)}.")
    if word not in CODES:
        word, why = "cannot tell", WHY.get(word, why)
    more = None
    if best and word == "cannot tell" and not unmeasured:
        more = best.more_blocks(direction, margin, fit)
    texts = [plain(note) for note in notes]
    return Answer(word, evidence, metric, direction, margin, best, more, plain(why), texts)


def run(args: argparse.Namespace) -> int:
    """Print the answer: 0 if the challenger is better or no worse, 3 worse, 4 cannot tell."""
    root = git.top()
    commits = [refs.commit_of(name, root) for name in (args.champion, args.challenger)]
    with opened(root) as store:
        sides = (Revision(store, commit) for commit in commits)
        result = answer(*sides, on=args.on or (), rescore=args.rebuild)
    if args.json:
        names = dict(zip(("champion", "challenger"), commits, strict=True))
        print(json_of(as_json(result) | names))
    else:
        title = f"{args.challenger} against {args.champion}: {result.word}"
        print("\n".join([title, *lines(result)]))
    return CODES[result.word]


def as_json(result: Answer) -> dict[str, Any]:
    """The answer, with null for what is not known."""
    best, more = result.best, result.more_blocks
    return {
        "answer": result.word,
        "why": result.why,
        "metric": result.metric,
        "greater_is_better": {1: True, -1: False}.get(result.direction),
        "margin": result.margin,
        "before": best.before if best else None,
        "after": best.after if best else None,
        "difference": best.difference if best else None,
        "interval": best.interval if best else None,
        "how": best.how if best else "",
        "blocks": best.blocks if best else None,
        "independent_blocks": best.worth if best else None,
        "more_blocks": more,
        "notes": result.notes,
    }


def lines(result: Answer) -> list[str]:
    """The figures behind an answer, for people, with the interval drawn."""
    best, text = result.best, list[str]()
    if best:
        before, after, moved, interval = best.figures
        text.append(f"{result.metric}: {before} → {after}, {moved}")
        if interval:
            text.append(
                ", ".join(filter(None, [f"95% interval {interval}", best.how, best.counted]))
            )
            text += drawn(best, result.direction, result.margin)
    text += [result.why] if result.why else []
    more = result.more_blocks
    if more is not None:
        text.append(
            "more rows would not tell: the fit's own randomness alone hides such a difference"
            if math.isinf(more)
            else f"{more:,.0f} more blocks of rows would tell, if the difference stays"
        )
    return text + result.notes


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
    legend = "│ 0"
    if margin:
        marks[at(limit)] = "┊"
        legend += f", ┊ {limit:+.4g}, the margin"
    marks[at(best.difference)] = "●"
    return ["".join(marks).rstrip(), legend]
