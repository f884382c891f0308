"""Tables in Parquet and CSV, of which a few bytes can stand for more than any memory holds.

What Parquet says of itself is looked at first, page by page. That does not tell how large texts
become that it has only once: so they are read as it has them, and measured.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from strata.core import limits, parquet_pages
from strata.core.errors import Fault, first_line

Source = Path | bytes
ROWS = 65_536  # of a batch
CELL = 8  # bytes that a value takes at least, as a number of most types does


def names(source: Source, place: str) -> list[str]:
    """The columns of a Parquet file. Raises Fault, naming the place, if it is none."""
    with _opened(source, place) as file:
        return list(file.schema_arrow.names)


def count(source: Source, place: str) -> int:
    """The rows of a Parquet file. Raises Fault, naming the place, if it is none."""
    with _opened(source, place) as file:
        return int(file.metadata.num_rows)


def read(source: Source, place: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Some columns of a Parquet file, or all. Raises Fault, naming the place, if it is none, has
    none of such a name, or is too large."""
    with _opened(source, place) as file:
        limits.ROWS.check(file.metadata.num_rows, place)
        absent = [name for name in columns or [] if name not in file.schema_arrow.names]
        if absent:
            raise Fault(f"{place}: there is no column {absent[0]}")
        least = _least(source, file, columns)
        limits.MEMORY.check(sum(least), place)
        size, parts = 0, list[pa.RecordBatch]()
        for batch in _batches(source, range(len(least)), columns):
            size += sum(map(_decoded, batch.columns))
            limits.MEMORY.check(size, place)
            parts.append(_plain(batch, file.schema_arrow))
        schema = parts[0].schema if parts else _picked(file.schema_arrow, columns)
        frame: pd.DataFrame = pa.Table.from_batches(parts, schema).to_pandas()
        return frame


def batches(source: Source, place: str) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, some thousands at a time. Raises Fault as ``read`` does, but for
    the file as a whole, which may be of any size."""
    with _opened(source, place) as file:
        for group, least in enumerate(_least(source, file, None)):
            limits.MEMORY.check(least, place)
            for batch in _batches(source, [group], None):
                limits.MEMORY.check(sum(map(_decoded, batch.columns)), place)
                yield _plain(batch, file.schema_arrow)


def csv(source: Source, place: str, **options: Any) -> pd.DataFrame:
    """A CSV file, with options of pandas'. Raises Fault, naming the place."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    limits.CSV.check(size, place)
    try:
        opened: Any = io.BytesIO(source) if isinstance(source, bytes) else source
        frame: pd.DataFrame = pd.read_csv(opened, **options)
        return frame
    except (ValueError, OverflowError, MemoryError) as error:
        raise Fault(f"{place}: cannot be read: {first_line(error)}") from None


@contextmanager
def _opened(source: Source, place: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file, and whatever fails with it as a Fault."""
    try:
        with pq.ParquetFile(_arrows(source)) as file:
            limits.COLUMNS.check(file.metadata.num_columns, place)
            yield file
    except (Fault, FileNotFoundError, GeneratorExit):
        raise
    except Exception as error:  # what is in it may be anything, and pandas has words of its own
        raise Fault(f"{place}: cannot be read: {first_line(error)}") from None


def _arrows(source: Source) -> Any:
    return pa.BufferReader(source) if isinstance(source, bytes) else source


def _least(source: Source, file: pq.ParquetFile, columns: Sequence[str] | None) -> list[int]:
    """How much memory some columns of each group of rows take at least."""
    meta = file.metadata
    tops = [meta.schema.column(at).path.partition(".")[0] for at in range(meta.num_columns)]
    used = [at for at, top in enumerate(tops) if columns is None or top in columns]
    whole = source if isinstance(source, bytes) else pa.memory_map(str(source)).read_buffer()
    data, sizes = memoryview(whole).cast("B"), list[int]()
    for group in range(meta.num_row_groups):
        size = 0
        for at in used:
            chunk = meta.row_group(group).column(at)
            start = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                start = min(start, chunk.dictionary_page_offset)
            end = start + (chunk.total_compressed_size if chunk.num_values else 0)
            held = sum(parquet_pages.sizes(data, start, end))
            size += max(chunk.num_values * max(CELL, meta.schema.column(at).length), held)
        sizes.append(size)
    return sizes


def _batches(
    source: Source, groups: Sequence[int], columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """Some groups of rows as the file has them: texts once, and which row has which."""
    with pq.ParquetFile(_arrows(source)) as file:
        meta = file.metadata.schema
        leaves = [meta.column(at) for at in range(len(meta))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(_arrows(source), read_dictionary=texts) as file:
        wanted = list(columns) if columns is not None else None
        how: Any = {"row_groups": list(groups), "columns": wanted, "use_pandas_metadata": True}
        yield from file.iter_batches(ROWS, **how)


def _decoded(array: pa.Array) -> int:
    """The bytes of an array once each row has its own copy of its text."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        if pa.types.is_nested(kind.value_type) or not len(array.dictionary):
            return int(array.nbytes)
        if not _is_text(kind.value_type):
            return int(array.nbytes) + CELL * len(array)
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0) + CELL * len(array)
    if pa.types.is_struct(kind):
        return sum(map(_decoded, array.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return CELL * len(array) + _decoded(array.flatten())
    return int(array.nbytes)


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return any(test(kind) for test in tests) or bool(pa.types.is_large_binary(kind))


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with the types that the file names."""
    return batch.cast(_picked(schema, batch.schema.names))


def _picked(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    picked = schema.names if columns is None else columns
    return pa.schema([schema.field(name) for name in picked], schema.metadata)
