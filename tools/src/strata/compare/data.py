"""The rows of a revision with their labels: a folder with a file a partition, named by its time."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from strata.compare.files import AT, said_in
from strata.compare.paired import Columns, is_training, predictions_of, table
from strata.compare.prediction import Scorer
from strata.core import frames
from strata.core.errors import Fault, first_line
from strata.core.settings import section
from strata.dvc.revision import Revision

PLACE = "[tool.strata.monitor]"


def settings_of(revision: Revision) -> tuple[str, str]:
    """The folder of rows, and the param that says through which partition is trained.

    Raises Fault if no folder is named.
    """
    found = section(revision.root, "monitor")
    if strange := sorted(set(found) - {"data", "through"}):
        raise Fault(f"{PLACE}: {strange[0]} is not known; there are data, through")
    folder = found.get("data")
    if not isinstance(folder, str):
        raise Fault(
            f"set data in {PLACE}: the folder of rows with labels, a Parquet file a partition"
        )
    return folder, str(found.get("through", ""))


def partitions(revision: Revision, folder: str) -> dict[str, str]:
    """The path of each partition by its name, in their order. Raises Fault if there are none."""
    found = {PurePosixPath(path).stem: path for path in sorted(revision.files(folder))}
    if not found:
        raise Fault(f"{revision.name} has no file in {folder}")
    return found


def known(revision: Revision, folder: str, through: str) -> dict[str, str]:
    """The partitions that a model knew: those of its commit, through the one that the param named
    ``through`` names, if it names one. Raises Fault if there are none.

    A partition is taken to have rows of its own time only.
    """
    last, there = str(revision.params.get(through)), partitions(revision, folder)
    return {each: path for each, path in there.items() if last not in there or each <= last}


def predictions(
    revision: Revision, path: str, columns: Columns | None = None, also: Sequence[str] = ()
) -> tuple[pd.DataFrame, Columns]:
    """A revision's predictions, in a file of this path, as `paired.table` gives them."""
    place = f"{path} of {revision.name}"
    return table(revision.content(path), place, revision.root, columns, also)


def held_out(revision: Revision, columns: Columns, also: Sequence[str] = ()) -> pd.DataFrame:
    """A revision's predictions of rows that it did not learn from. Raises Fault."""
    path = predictions_of(revision.root, revision.made)
    return without_training(predictions(revision, path, columns, also)[0], columns)


def without_training(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The rows of predictions that are not of training, by their split, if they have one."""
    if columns.split and columns.split in frame:
        return frame[~is_training(frame[columns.split])]
    return frame


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
                    for batch in frames.batches(path, name):
                        writer.write_batch(batch.select(schema.names).cast(schema))
                except (KeyError, ArrowInvalid) as error:
                    why = first_line(error)
                    raise Fault(
                        f"{name} has other columns than partitions before it: {why}"
                    ) from None
        score(rows, out, True)
        said = said_in(out)
    for name, path in paths.items():
        count = pq.read_metadata(path).num_rows
        own = said[said[AT].between(start + 1, start + count)]
        found[name] = (count, own.assign(**{AT: own[AT] - start}))
        start += count
    return found
