"""The comparison of two revisions on rows of one's own, which each scores by its own code."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from strata.compare.evidence import Settings, outdated, seeds_of
from strata.compare.files import AT, FILE, files_of, roles, scored, truth
from strata.compare.paired import SAMPLES, Columns, compare
from strata.compare.scoring import parts
from strata.compare.seeds import Seeds
from strata.compare.verdict import Evidence
from strata.core.errors import Fault, first_line
from strata.dvc.revision import Revision


def gather_on(
    champion: Revision, challenger: Revision, settings: Settings, data: Sequence[Path]
) -> tuple[str, Evidence, list[str]]:
    """The metric that decides, all that a comparison on these files rests on, and its notes.

    Rows without a label, and those that do not fit one of the two, are left out. Raises Fault.
    """
    paths = files_of(data)
    sides = [scored(side, paths) for side in (champion, challenger)]
    columns, known = labelled(challenger.root, paths, sides[1])
    again = known.columns.difference([FILE, AT])  # what names a row may stand in both
    frames = [side.drop(columns=again, errors="ignore").merge(known) for side in sides]
    shared = frames[0][[FILE, AT]].merge(frames[1][[FILE, AT]])
    frames = [frame.merge(shared) for frame in frames]
    notes = list[str]()
    if lost := len(known) - len(shared):
        notes.append(f"{lost:,} of {len(known):,} rows do not fit one of the two.")
    seeds = (seeds_of(champion, notes), seeds_of(challenger, notes))
    metric, found = evidence_on((frames[0], frames[1]), columns, settings, seeds)
    notes += [note for side in found.measured if (note := outdated(side, challenger))]
    return metric, found, notes


def evidence_on(
    frames: tuple[pd.DataFrame, pd.DataFrame],
    columns: Columns,
    settings: Settings,
    seeds: tuple[Seeds | None, Seeds | None],
    samples: int = SAMPLES,
    parts_too: bool = False,
) -> tuple[str, Evidence]:
    """The metric that decides, by its bare name, and what the predictions of two sides show.

    Only the rows that both have count. With ``parts_too`` also what single blocks speak for. Raises
    Fault if the metric can't be had of them.
    """
    metric = parts(settings.headline)[1]
    try:
        groups = compare(*frames, columns, [metric], samples, parts_too)
    except (ValueError, TypeError) as error:  # as of a block that is missing
        raise Fault(first_line(error)) from None
    (group,) = groups.values() if len(groups) == 1 else [None]
    between = group.differences.get(metric) if group else None
    if group is None or between is None:
        raise Fault(f"{metric or 'no metric'} cannot be had of the rows that both scored")
    return metric, Evidence(
        {metric: between.before},
        {metric: between.after},
        {"": group},
        same_rows=True,
        seeds=seeds,
        higher=settings.higher,
        lower=settings.lower,
        margins={parts(name)[1]: limit for name, limit in settings.margins.items()},
    )


def labelled(root: Path, paths: list[Path], scores: pd.DataFrame) -> tuple[Columns, pd.DataFrame]:
    """What each column is, and FILE, AT, label, block and weight of each row of the files.

    Raises Fault if a file cannot be read or has no label.
    """
    known = roles(root, paths[0], scores)
    frames = [truth(path, known).assign(**{FILE: at}) for at, path in enumerate(paths)]
    return known, pd.concat(frames, ignore_index=True)
