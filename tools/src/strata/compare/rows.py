"""The comparison of two revisions on rows of one's own, which each scores by its own code."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pyarrow import ArrowInvalid, parquet

from strata.compare.evidence import Settings, outdated, seeds_of
from strata.compare.verdict import Evidence
from strata.errors import Fault, first_line
from strata.paired import SAMPLES, Columns, columns_of, compare
from strata.prediction import ROW, scorer
from strata.revision import Revision
from strata.scoring import parts
from strata.seeds import Seeds

FILE, AT = "strata:file", "strata:row"  # what names a row


def gather_on(
    champion: Revision, challenger: Revision, settings: Settings, data: Sequence[Path]
) -> tuple[str, Evidence, list[str]]:
    """The metric that decides, all that a comparison on these files rests on, and its notes.

    Rows without a label, and those that do not fit one of the two, are left out. Raises Fault.
    """
    paths = files_of(data)
    sides = [scored(side, paths) for side in (champion, challenger)]
    columns, truth = labelled(challenger.root, paths, sides[1])
    again = truth.columns.difference([FILE, AT])  # what names a row may stand in both
    frames = [side.drop(columns=again, errors="ignore").merge(truth) for side in sides]
    shared = frames[0][[FILE, AT]].merge(frames[1][[FILE, AT]])
    frames = [frame.merge(shared) for frame in frames]
    notes = list[str]()
    if lost := len(truth) - len(shared):
        notes.append(f"{lost:,} of {len(truth):,} rows do not fit one of the two.")
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
    except ValueError as error:
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


def files_of(data: Sequence[Path]) -> list[Path]:
    """The files of rows, those in folders one by one. Raises Fault if there are none."""
    found = []
    for path in data:
        inside = (each for kind in ("*.parquet", "*.csv") for each in path.glob(kind))
        here = sorted(inside) if path.is_dir() else [path] if path.is_file() else []
        if not here:
            raise Fault(f"{path}: no such file, nor a folder with Parquet or CSV files")
        found += here
    return found


def scored(side: Revision, paths: list[Path]) -> pd.DataFrame:
    """What a revision says of the rows of files: FILE, AT and its predictions."""
    with (
        tempfile.TemporaryDirectory(prefix="strata-") as folder,
        scorer(side.store, side) as score,
    ):
        found = []
        for at, path in enumerate(paths):
            out = Path(folder) / f"{at}.parquet"
            score(path, out, True)
            found.append(pd.read_parquet(out).rename(columns={ROW: AT}).assign(**{FILE: at}))
    return pd.concat(found, ignore_index=True)


def labelled(root: Path, paths: list[Path], scores: pd.DataFrame) -> tuple[Columns, pd.DataFrame]:
    """What each column is, and FILE, AT, label, block and weight of each row of the files.

    Raises Fault if a file cannot be read or has no label.
    """
    known = roles(root, paths[0], scores)
    frames = [truth(path, known).assign(**{FILE: at}) for at, path in enumerate(paths)]
    return known, pd.concat(frames, ignore_index=True)


def roles(root: Path, path: Path, scores: pd.DataFrame) -> Columns:
    """What each column of a file of rows, or of their predictions, is. Raises Fault."""
    both = dict.fromkeys([*scores.columns.drop([FILE, AT]), *names_of(path)])
    return replace(columns_of(root, pd.DataFrame(columns=list(both))), key=[FILE, AT], split=None)


def truth(path: Path, columns: Columns) -> pd.DataFrame:
    """AT, key, label, block and weight of each row of a file that has a label. Raises Fault."""
    names = names_of(path)
    if columns.label not in names:
        raise Fault(f"{path}: no column {columns.label}, which is the label")
    others = filter(None, (columns.block, columns.weight))
    wanted = dict.fromkeys([*columns.key, columns.label, *others])
    frame = _read(path, [name for name in wanted if name in names])
    frame[AT] = range(1, len(frame) + 1)
    return frame.dropna(subset=[columns.label])


def rows_of(path: Path) -> int:
    """The number of rows of a file. Raises Fault if it cannot be read."""
    if path.suffix == ".csv":
        return len(_read(path, names_of(path)[:1]))
    return int(parquet.read_metadata(path).num_rows)


def names_of(path: Path) -> list[str]:
    """The columns of a file."""
    if path.suffix == ".csv":
        return [str(name) for name in _read(path, None, rows=0).columns]
    try:
        return list(parquet.read_schema(path).names)
    except ArrowInvalid as error:
        raise Fault(f"{path}: cannot be read: {first_line(error)}") from None


def _read(path: Path, columns: list[str] | None, rows: int | None = None) -> pd.DataFrame:
    """Some columns of a file, and of a CSV file so many rows. Raises Fault."""
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, usecols=columns, nrows=rows)
        return pd.read_parquet(path, columns=columns)
    except ValueError as error:  # of pyarrow and of pandas
        raise Fault(f"{path}: cannot be read: {first_line(error)}") from None
