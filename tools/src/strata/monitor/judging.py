"""Holds the champion against a challenger on each partition since."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from strata.compare.evidence import Settings
from strata.compare.rows import evidence_on
from strata.compare.verdict import Estimate, judged
from strata.errors import Fault, first_line
from strata.monitor import looks
from strata.monitor.past import Challenger
from strata.paired import Columns
from strata.prediction import ROW, Scorer
from strata.seeds import Seeds

AT = "strata:row"


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


def scored(score: Scorer, paths: Mapping[str, Path]) -> dict[str, tuple[int, pd.DataFrame]]:
    """The number of rows of each partition, and the champion's predictions by the row's number.

    All are scored as one file, since starting the champion takes longer. Raises Fault.
    """
    found, start = {}, 0
    with TemporaryDirectory(prefix="strata-") as folder:
        rows, out = Path(folder) / "rows.parquet", Path(folder) / "out.parquet"
        schema = pq.read_schema(next(iter(paths.values()))).remove_metadata()
        with pq.ParquetWriter(rows, schema) as writer:
            for name, path in paths.items():
                try:
                    writer.write_table(pq.read_table(path).select(schema.names).cast(schema))
                except (KeyError, ArrowInvalid) as error:
                    why = first_line(error)
                    raise Fault(
                        f"{name} has other columns than partitions before it: {why}"
                    ) from None
        score(rows, out, True)
        said = pd.read_parquet(out).rename(columns={ROW: AT})
    for name, path in paths.items():
        count = pq.read_metadata(path).num_rows
        own = said[said[AT].between(start + 1, start + count)]
        found[name] = (count, own.assign(**{AT: own[AT] - start}))
        start += count
    return found


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
    others = filter(None, (columns.block, columns.weight))
    wanted = dict.fromkeys([*columns.key, columns.label, *others])
    there = pq.read_schema(path).names
    truth = pd.read_parquet(path, columns=[each for each in wanted if each in there])
    truth = truth.assign(**{AT: range(1, len(truth) + 1)})
    if columns.label not in truth:
        return Partition(name, rows, rows - len(champion), 0, why="it has no labels yet")
    frame = champion.drop(columns=truth.columns.difference([AT]), errors="ignore").merge(truth)
    frame = frame.dropna(subset=[columns.label])
    base = Partition(name, rows, rows - len(champion), int(truth[columns.label].notna().sum()))
    if not base.labelled:
        return _because(base, "it has no labels yet")
    if known is not None:
        frame = frame.merge(known[columns.key])
    if frame.empty:
        return _because(base, "the champion learned from it")
    keys = frame[columns.key]
    having = [
        (each, mine)
        for each in challengers
        if len(mine := each.held_out.merge(keys, on=columns.key))
    ]
    if not having:
        return _because(base, "no challenger held it out; --replay trains them")
    challenger, theirs = having[-1]
    metric, found = evidence_on((frame, theirs), columns, settings, seeds, parts_too=True)
    best, way = judged(metric, found), found.direction(metric)
    if best is None or not way or best.refused:
        why = best.refused if best else "no metric"
        return _because(base, why or f"which way of {metric} is better is not known")
    (group,) = found.groups.values()
    parts = np.array(group.differences[metric].parts) * way
    look = looks.Look(parts, (found.fit(metric) or 0.0) / 1.96)
    expected, observed = _means(frame, columns)
    return Partition(
        *(name, rows, base.refused, base.labelled, challenger.name),
        *(best, look, expected, observed),
    )


def _because(partition: Partition, why: str) -> Partition:
    return Partition(partition.name, partition.rows, partition.refused, partition.labelled, why=why)


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
