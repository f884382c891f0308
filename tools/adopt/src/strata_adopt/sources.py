"""Where a table comes from: text files, Parquet, JSON lines, Excel sheets, or a database.

Each gives its rows as batches of pyarrow's, in memory that does not grow with their number.
"""

import codecs
import csv
import glob
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from statistics import mode
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from pyarrow import parquet
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from strata.core import frames, limits
from strata.core.errors import Fault, first_line
from strata_adopt.header import ROWS, find_header

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".xlsx": "excel",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
}  # fmt: skip
HEAD = 1 << 18  # bytes by which the dialect of a text file is told
BATCH = 50_000  # rows of what is not read by bytes
SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Source:
    """The files of a table by the names that they have in ``data/source``, and how to read them.

    ``options`` are pandas's: sep and encoding of text files, and ``header`` where the names are not
    in the first row: the number of their row, or of several. ``query`` made the one file of a
    database, whose address is in the environment variable ``variable``, or is ``url``.
    """

    format: str
    files: dict[str, Path]
    options: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    url: str = ""
    variable: str = ""

    @property
    def header(self) -> str:
        """The rows with the names, in words; empty where it is the first."""
        if "header" not in self.options:
            return ""
        rows = [int(row) + 1 for row in np.atleast_1d(self.options["header"])]
        return f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"

    def batches(self, name: str) -> Iterator[Any]:
        """The rows of a file, as record batches. Raises Fault if it cannot be read."""
        path, options = self.files[name], self.options
        try:
            match self.format:
                case "csv":
                    yield from _csv(path, options)
                case "parquet":
                    yield from frames.batches(path, name)
                case "json":
                    with pd.read_json(
                        path, lines=True, chunksize=BATCH, dtype=False, encoding="utf-8"
                    ) as chunks:
                        yield from map(batch, chunks)
                case "excel":
                    check_size(path, name)
                    frame = pd.read_excel(path, **options)
                    yield batch(frame.set_axis(_names(frame), axis="columns"))
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            why = _broken_line(path, options) if self.format == "csv" else ""
            raise Fault(f"{name}: {why or 'cannot be read: ' + first_line(error)}") from None


def from_files(source: str, header: Sequence[int] = ()) -> Source:
    """The table in a file, a folder or a glob of files.

    Raises Fault as ``from_named`` does, and for a link that leads out of the folder.
    """
    files, at = files_of(source), Path(source)
    for path in files.values():
        if at.is_dir() and not path.resolve().is_relative_to(at.resolve()):
            raise Fault(f"{path} leads out of {source}: copy what it points to")
    return from_named(source, files, header)


def from_named(source: str, files: dict[str, Path], header: Sequence[int] = ()) -> Source:
    """The table in files, whose names, and not their paths, tell how they are read.

    ``header`` are the rows with the names, counted from 1; they are looked for if none is given.
    Raises Fault if the files are not of one known format, or not written in the same way.
    """
    endings = {PurePosixPath(name).suffix.lower() for name in files}
    formats = {FORMATS.get(ending, ending) for ending in endings}
    if unknown := formats - set(FORMATS.values()):
        raise Fault(
            f"{source}: {min(unknown) or 'a file without an ending'} is no table that can be read; "
            f"there are {', '.join(FORMATS)}"
        )
    if len(formats) > 1:
        raise Fault(f"{source} has files of more than one format: {', '.join(sorted(formats))}")
    (kind,) = formats
    if kind not in ("csv", "excel"):
        return Source(kind, files)
    read = dialect if kind == "csv" else sheet
    (first, options), *rest = [(n, read(path, n, header)) for n, path in files.items()]
    for name, other in rest:
        if other != options:
            raise Fault(f"{name} is written otherwise than {first}: {other}, not {options}")
    return Source(kind, files, options)


def files_of(source: str) -> dict[str, Path]:
    """The files that a path, a folder or a glob names, each by a name of its own.

    Raises Fault if there are none, or two would have the same name.
    """
    if "://" in source or source.startswith("env:"):
        raise Fault("a database needs --query, the SQL that gives the table")
    at = Path(source)
    if at.is_dir():
        paths = sorted(path for path in at.rglob("*") if not path.name.startswith("."))
        names = [path.relative_to(at).as_posix().replace("/", "-") for path in paths]
    else:
        paths = [at] if at.exists() else sorted(map(Path, glob.glob(source, recursive=True)))  # noqa: PTH207 - it may be absolute
        names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise Fault(f"{source}: two files would have the same name; rename one")
    files = {name: path for name, path in zip(names, paths, strict=True) if path.is_file()}
    if not files:
        raise Fault(
            f"{source}: no such file, and no file in it; `dvc checkout` brings what dvc.lock names"
        )
    return files


def check_size(path: Path, name: str) -> None:
    """Raise Fault for a workbook that is none, or larger unpacked than memory may hold."""
    try:
        with ZipFile(path) as parts:
            limits.MEMORY.check(sum(part.file_size for part in parts.infolist()), name)
    except BadZipFile:
        raise Fault(f"{name}: cannot be read: it is no workbook") from None


def sheet(path: Path, name: str, header: Sequence[int] = ()) -> dict[str, Any]:
    """Where the names are in the first sheet of a workbook. Raises Fault if it cannot be read."""
    check_size(path, name)
    try:
        rows = pd.read_excel(path, header=None, nrows=ROWS)
    except (OSError, ValueError, KeyError) as error:
        raise Fault(f"{name}: cannot be read: {first_line(error)}") from None
    return _header(rows.astype("object").where(rows.notna(), None).to_numpy().tolist(), header)


def _header(rows: list[list[Any]], asked: Sequence[int]) -> dict[str, Any]:
    """The option for the rows with the names: none where it is the first."""
    numbers = [row - 1 for row in asked] or find_header(rows)
    if numbers == [0]:
        return {}
    return {"header": numbers if len(numbers) > 1 else numbers[0]}


def dialect(path: Path, name: str, header: Sequence[int] = ()) -> dict[str, Any]:
    """How a text file is written: its encoding, its separator, where its names are.

    Raises Fault if it is empty or not text.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    is_utf8, quotes = _read_through(path)
    if not head.strip():
        raise Fault(f"{name} is empty")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in head:
        raise Fault(f"{name} is no text: it has bytes of 0")
    elif not is_utf8:
        encoding = "cp1252"
    else:
        encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    sample = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    sample = sample[: sample.rfind("\n") + 1] or sample if len(head) == HEAD else sample

    def rows(sep: str) -> list[list[Any]]:
        reader = csv.reader(io.StringIO(sample), delimiter=sep)
        return list(islice(filter(_is_line, reader), 200))

    def fit(sep: str) -> tuple[bool, float, int]:
        """How well a separator parts the rows: into columns, as many in each, many."""
        widths = [len(row) for row in rows(sep)]
        width = mode(widths)
        return width > 1, widths.count(width) / len(widths), width

    sep = max(SEPARATORS, key=fit)
    options = {"sep": sep, "encoding": encoding, **_header(rows(sep), header)}
    # pyarrow takes the rest of the file for a value whose quote is never closed.
    if encoding != "utf-16" and quotes % 2 and (why := _broken_line(path, options)):
        raise Fault(f"{name}: {why}")
    return options


def _read_through(path: Path) -> tuple[bool, int]:
    """Whether a file is in UTF-8, and how many quotes are in it."""
    decoder, quotes, is_utf8 = codecs.getincrementaldecoder("utf-8")(), 0, True
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            quotes += block.count(b'"')
            if is_utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
    return is_utf8 and not decoder.getstate()[0], quotes


def _csv(path: Path, options: dict[str, Any]) -> Iterator[Any]:
    """The rows of a text file, all of them texts, with the names that pandas gives the columns:
    blank and repeated ones are told apart."""
    head = pd.read_csv(path, **options, nrows=0, dtype="str", keep_default_na=False)
    names = _names(head)
    with path.open(encoding=options["encoding"], errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=options["sep"])
        _skip_header(reader, options)
        lines = reader.line_num
    yield from pyarrow.csv.open_csv(
        path,
        pyarrow.csv.ReadOptions(
            column_names=names,
            skip_rows=lines,
            encoding=options["encoding"].removesuffix("-sig"),
            block_size=1 << 22,
        ),
        pyarrow.csv.ParseOptions(delimiter=options["sep"], newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _names(frame: pd.DataFrame) -> list[str]:
    """The names of a frame's columns; those of several rows with a space between them."""
    return [
        " ".join(str(part) for part in name if "Unnamed: " not in str(part))
        if isinstance(name, tuple)
        else str(name)
        for name in frame.columns
    ]


def _skip_header(reader: Any, options: dict[str, Any]) -> list[str]:
    """Read the rows of a text file through the last one with names, and return that one."""
    last = max(np.atleast_1d(options.get("header", 0)))
    return next(islice(filter(_is_line, reader), last, None))


def _is_line(row: list[str]) -> bool:
    """Whether a line of a text file is none of the blank ones, which pandas passes over."""
    return len(row) > 1 or bool("".join(row).strip())


def _broken_line(path: Path, options: dict[str, Any]) -> str:
    """The first line of a text file that cannot be parsed, and why; empty if there is none."""
    with path.open(encoding=options["encoding"], errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=options["sep"], strict=True)
        line = 0  # where the row before ends
        try:
            width = len(_skip_header(reader, options))
            line = reader.line_num
            for row in reader:
                if row and len(row) != width:
                    why = f"has {len(row)} values, and the header {width} names"
                    is_open = ": a quote is open" if reader.line_num > line + 1 else ""
                    return f"line {line + 1} {why}{is_open}"
                line = reader.line_num
        except StopIteration:
            return "there is no header"
        except csv.Error as error:
            why = first_line(error)
            if "end of data" in why or "field larger" in why:
                why = "a quote is opened, and never closed"
            return f"line {line + 1}: {why}"
    return ""


def batch(frame: pd.DataFrame) -> Any:
    """A frame as a record batch: what is mixed in a column is text. Raises ValueError if nested."""
    arrays = []
    for name, values in frame.items():
        kinds = {type(value) for value in values.dropna()} if values.dtype == object else set()
        if kinds & {list, dict}:
            raise ValueError(f"column {name!r} is nested: give each of its parts a column")
        texts = values.map(str, na_action="ignore") if len(kinds) > 1 else values
        arrays.append(pa.array(texts, from_pandas=True))
    return pa.RecordBatch.from_arrays(arrays, [str(name) for name in frame.columns])


@contextmanager
def answer(address: str, query: str) -> Iterator[Source]:
    """The rows of a query, which are asked for once, and kept for the time of a block."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        yield from_query(address, query, Path(folder))


def from_query(address: str, query: str, folder: Path) -> Source:
    """Run a query, and keep its rows as ``query.parquet`` in ``folder``.

    ``address`` is SQLAlchemy's, without a password, or ``env:NAME`` of a variable that has it.
    Raises Fault if the database does not answer, or says no.
    """
    variable = address.removeprefix("env:") if address.startswith("env:") else ""
    if variable and variable not in os.environ:
        raise Fault(f"{variable} is not set in the environment: export {variable}=…")
    path, writer = folder / "query.parquet", None
    try:
        url = make_url(os.environ[variable] if variable else address)
        if url.password and not variable:
            raise Fault(
                "an address with a password does not go on a command line: put it into a variable, "
                "export DATABASE_URL=…, and say env:DATABASE_URL"
            )
        with create_engine(url).connect().execution_options(stream_results=True) as connection:
            for chunk in pd.read_sql(text(query), connection, chunksize=BATCH):
                table = pa.Table.from_batches([batch(chunk)])
                writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_table(table.cast(writer.schema))
    except ModuleNotFoundError as error:
        raise Fault(f"the driver of this database is not installed: {error.name}") from None
    except (SQLAlchemyError, pd.errors.DatabaseError, pa.ArrowException, ValueError) as error:
        raise Fault(f"{variable or 'the database'}: {first_line(error)}") from None
    if writer is None:
        raise Fault("the query gives no row")
    writer.close()
    files = {"query.parquet": path}
    return Source("parquet", files, query=query, url="" if variable else address, variable=variable)
