"""Rows made up where two ways of computing a model come apart, if they do.

Missing, extreme and smallest values, texts that are no category; and for trees, rows that reach a
branch with a value on its threshold, or just beside: there it shows in what precision one compares.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kit.serve.onnx_graph import Tree

FLOAT32 = np.finfo(np.float32)
CATEGORIES = 2000  # of a text, at most so many are asked for
BASES = 4  # rows in which values are exchanged

Codes = dict[str, dict[str, float]]  # by column, what each of its texts is to the trees


def extremes(rows: pd.DataFrame, texts: dict[str, list[str]]) -> pd.DataFrame:
    """Rows with one value exchanged for another that is rare; ``texts`` are the known ones."""
    few = rows.iloc[:: max(1, len(rows) // BASES)].head(BASES)
    parts = []
    for name in rows.columns:
        if name in texts:
            values = [None, "", "never seen", *texts[name][:CATEGORIES]]
            parts.append(_exchanged(few.head(1), name, values))
        else:
            parts.append(_exchanged(few, name, _numbers(rows[name])))
    gone = few.head(1).copy()
    for name in rows.columns:
        if name in texts or rows[name].dtype.kind == "f":
            gone[name] = np.nan
    return pd.concat([*parts, gone.astype(rows.dtypes)], ignore_index=True)


def _exchanged(few: pd.DataFrame, name: str, values: list[Any]) -> pd.DataFrame:
    rows = few.loc[few.index.repeat(len(values))].reset_index(drop=True)
    rows[name] = pd.Series(values * len(few), dtype=few[name].dtype)
    return rows


def _numbers(values: pd.Series) -> list[Any]:
    dtype: Any = values.dtype
    seen = [values.min(), values.max()] if values.notna().any() else []
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind in "iu":
        large = np.iinfo(dtype).max
        return [*seen, 0, *(each for each in (2**24 + 1, 2**53 + 1) if each <= large)]
    return [*seen, np.nan, 0.0, -0.0, FLOAT32.max, FLOAT32.min, FLOAT32.tiny, -FLOAT32.tiny]


def floor(threshold: float) -> np.float32:
    """The largest float32 that is not above: x <= threshold just if x <= this, for x of float32."""
    near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))


def around(threshold: float, dtype: Any) -> list[Any]:
    """The values of a type on a threshold and beside it, and for float64 where rounding turns."""
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind in "iu":
        whole, limits = np.floor(threshold), np.iinfo(dtype)
        return [int(each) for each in (whole, whole + 1) if limits.min <= each <= limits.max]
    low = floor(threshold)
    high = np.nextafter(low, np.float32(np.inf))
    found = [np.nextafter(low, np.float32(-np.inf)), low, high]
    if dtype != np.float32:
        turn = (float(low) + float(high)) / 2
        for each in (threshold, turn):
            found += [np.nextafter(each, -np.inf), each, np.nextafter(each, np.inf)]
    return [float(each) for each in found if np.isfinite(each)]


def beside(
    trees: list[Tree], names: list[str], rows: pd.DataFrame, codes: Codes, most: int
) -> pd.DataFrame:
    """Rows that reach branches, at most ``most`` of them, with values on their thresholds.

    ``names`` are the features in the trees' order.
    """
    columns: dict[str, list[Any]] = {name: [] for name in names}
    bases: list[Any] = rows[names].iloc[:: max(1, len(rows) // 100)].to_dict("records")
    for at, (tree, parent, node) in enumerate(_branches(trees, most)):
        row = _reaching(tree, parent, node, names, dict(bases[at % len(bases)]), rows, codes)
        name = names[tree.feature[node]]
        if row is None or name in codes:
            continue
        for value in around(float(tree.threshold[node]), rows[name].dtype):
            for other in names:
                columns[other].append(value if other == name else row[other])
    cells = {name: pd.Series(each, dtype=rows[name].dtype) for name, each in columns.items()}
    return pd.DataFrame(cells)[list(rows.columns)]


def _branches(trees: list[Tree], most: int) -> Iterator[tuple[Tree, npt.NDArray[np.int64], int]]:
    """Branches, evenly spaced, each with its tree and the parents of its nodes."""
    total = sum(int((~tree.leaf).sum()) for tree in trees)
    step, seen = max(1, -(-total // most)), 0
    for tree in trees:
        inner = np.flatnonzero(~tree.leaf)
        parent = np.full(len(tree.leaf), -1)
        parent[tree.left[inner]] = inner
        parent[tree.right[inner]] = inner
        for node in inner[-seen % step :: step]:
            yield tree, parent, int(node)
        seen += len(inner)


def _reaching(
    tree: Tree,
    parent: npt.NDArray[np.int64],
    node: int,
    names: list[str],
    row: dict[str, Any],
    rows: pd.DataFrame,
    codes: Codes,
) -> dict[str, Any] | None:
    """A row, changed where it must be to come to a node; None if none is found."""
    limits: dict[str, tuple[float, float]] = {}
    while (above := int(parent[node])) >= 0:
        name, threshold = names[tree.feature[above]], float(tree.threshold[above])
        low, high = limits.get(name, (-np.inf, np.inf))
        if tree.left[above] == node:
            limits[name] = low, min(high, threshold)
        else:
            limits[name] = max(low, threshold), high
        node = above
    for name, (low, high) in limits.items():
        if name in codes:
            known = codes[name]
            inside = (text for text, code in known.items() if low < code <= high)
            if low < known.get(row[name], np.nan) <= high:
                continue
            found = next(inside, None)
        elif low < row[name] <= high:
            continue
        else:
            near = [*around(high, rows[name].dtype), *around(low, rows[name].dtype)]
            found = next((each for each in near if low < each <= high), None)
        if found is None:
            return None
        row[name] = found
    return row
