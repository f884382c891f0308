"""The metrics of groups of rows: held-out partitions, and the rows that share a value."""

import re

import numpy as np
import pandas as pd

from kit.learn.outcomes import columns_of, labels, weights
from kit.params import Data, Evaluate
from kit.report import summary
from kit.report.evaluation import blocks
from kit.report.scores import parts, pseudo_values, standard_error
from kit.report.tasks import base_rate, task_of

Groups = list[tuple[str, pd.DataFrame]]  # each with its name, in rows of predictions


def table(groups: Groups, classes: list[str], data: Data, settings: Evaluate) -> str:
    """A row a group: its rows, its blocks, its base rate if binary, and METRICS ± their error.

    A metric of fewer than two blocks has no error.
    """
    task, columns, found = task_of(data), columns_of(classes, data.task), []
    for name, rows in groups:
        label, weight = labels(rows, data, classes), weights(rows, data)
        said, block = rows[columns].to_numpy(), blocks(rows, settings.block)
        measure = task.scores(label, said if data.task == "multiclass" else said[:, 0])
        figures, count = measure(weight), len(rows) if block is None else len(pd.unique(block))
        values = pseudo_values(measure, weight, parts(block, len(rows)))
        errors = {metric: standard_error(own) for metric, own in values.items()}
        shares = base_rate(label, weight, data).values()
        cells = [f"{shown(figures[m])} ± {shown(errors[m])}" for m in task.METRICS]
        counts = [f"{len(rows):,}", f"{count:,}"]
        found.append([name, *counts, *(summary.figure(share) for share in shares), *cells])
    rate = ["base rate"] if data.task == "binary" else []
    return summary.grid(["", "rows", "blocks", *rate, *task.METRICS.values()], found)


def shown(value: float | None) -> str:
    """A figure; a dash for one that does not exist."""
    return summary.figure(None if value is None or not np.isfinite(value) else value)


def by_partition(said: pd.DataFrame) -> Groups:
    """The rows of each partition and split, in their order."""
    parts = said.groupby(["partition", "split"], sort=True)
    return [(f"{cell(str(name))}, {part}", rows) for (name, part), rows in parts]


def by_value(rows: pd.DataFrame, column: str, most: int) -> Groups:
    """The rows of each of the ``most`` most frequent values of a column, then all others.

    Equally frequent values come in the order of their names. A missing value is one, too.
    """
    values = rows[column].astype(object).where(rows[column].notna(), "missing").map(str)
    counts = values.value_counts()
    names = sorted(counts.index, key=lambda name: (-counts[name], name))
    found = [(f"{cell(column)}: {cell(name)}", rows[values == name]) for name in names[:most]]
    if others := names[most:]:
        found.append((f"{cell(column)}: {len(others)} others", rows[values.isin(others)]))
    return found


def cell(text: str) -> str:
    """A text in a cell of a table, whatever it holds."""
    return re.sub(r"([|`<\\*_\[])", r"\\\1", " ".join(text.split()))
