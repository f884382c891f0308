"""The comparison on rows that came after the champion: none that it held out is among them.

So it scores, by its own code, those that the challenger held out and that it has not learned from.
"""

from dataclasses import replace

import pandas as pd

from strata.compare import data
from strata.compare.files import joined, names_of, truth
from strata.compare.learned import learned
from strata.compare.paired import Columns, Group, compare
from strata.compare.prediction import scorer
from strata.core.errors import Fault
from strata.core.settings import section
from strata.dvc.revision import Revision


def can_score(*sides: Revision) -> bool:
    """Whether revisions say how they score rows, and the project where there are some."""
    named = all(side.settings("predict").get("command") for side in sides)
    return named and bool(section(sides[0].root, "monitor").get("data"))


def later(
    champion: Revision,
    challenger: Revision,
    columns: Columns,
    metrics: list[str],
    notes: list[str],
) -> Group:
    """The comparison on these rows; ``notes`` gets how many the champion could not score.

    Raises Fault if there are none, or they can't be scored.
    """
    folder, through = data.settings_of(challenger)
    known, theirs = learned(champion, folder, through, columns), data.held_out(challenger, columns)
    bare = replace(columns, split=None)
    found, paths, labels = 0, {}, {}
    for name, path in data.partitions(challenger, folder).items():
        local = challenger.local(path)
        if columns.label not in names_of(local):
            continue  # its labels have not come
        rows = truth(local, bare).merge(theirs[columns.key])
        found += len(rows)
        rows = rows[~known.has(rows)]
        if len(rows):
            paths[name], labels[name] = local, rows
    if not found:
        raise Fault(f"none of the rows that the challenger held out is in {folder}, with a label")
    if not paths:
        raise Fault(f"all that the challenger held out is in the data of {champion.name}")
    with scorer(champion.store, champion) as score:
        said = data.scored(score, paths)
    mine = pd.concat([joined(said[name][1], labels[name]) for name in paths], ignore_index=True)
    if lost := sum(map(len, labels.values())) - len(mine):
        notes.append(f"The champion could not score {lost:,} rows.")
    groups = compare(mine, theirs, bare, metrics)
    if not groups:
        raise Fault(f"none of the rows that came later fits {champion.name}")
    (group,) = groups.values()
    return group
