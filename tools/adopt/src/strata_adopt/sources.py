"""Where a table comes from: text files, Parquet, JSON lines, Excel sheets, or a database.

Each gives its rows as batches of pyarrow's, in memory that does not grow with their number.
"""

import codecs
import csv
import glob
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.core.errors import Fault, first_line

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "json", ".ndjson": "json",
    ".parquet": "parquet", ".xlsx": "excel",
}  # fmt: skip
HEAD = 1 << 18  # bytes by which the dialect of a text file is told
BATCH = 50_000  # rows of what is not read by bytes
SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Source:
    """The files of a table by the names that they have in ``data/source``, and how to read them.

    ``options`` are pandas's for text files: sep and encoding. ``query`` made the one file of a
    database, whose address is in the environment variable ``variable``, or is ``url``.
    """

    format: str
    files: dict[str, Path]
    options: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    url: str = ""
    variable: str = ""

    def batches(self, name: str) -> Iterator[Any]:
        """The rows of a file, as record batches. Raises Fault if it cannot be read."""
        import pyarrow as pa

        path = self.files[name]
        reader = {"csv": _csv, "json": _json, "parquet": _parquet, "excel": _excel}[self.format]
        try:
            yield from reader(path, self.options)
        except (pa.ArrowException, OSError, ValueError) as error:
            why = _where(path, self.options) if self.format == "csv" else ""
            raise Fault(f"{name}: {why or 'cannot be read: ' + first_line(error)}") from None


def files_of(source: str) -> dict[str, Path]:
    """The files that a path, a folder or a glob names, each by a name of its own.

    Raises Fault if there are none, or they are not of one known format.
    """
    at = Path(source)
    if at.is_dir():
        inside = sorted(path for path in at.rglob("*") if not path.name.startswith("."))
        found = {path.relative_to(at).as_posix().replace("/", "-"): path for path in inside}
        top = at.resolve()
        for path in inside:
            if not path.resolve().is_relative_to(top):
                raise Fault(f"{path} leads out of {source}: copy what it points to")
    else:
        names = [at] if at.exists() else sorted(map(Path, glob.glob(source, recursive=True)))  # noqa: PTH207 - it may be absolute
        inside = names
        found = {path.name: path for path in names}
    if len(found) < len(inside):
        raise Fault(f"{source}: two files would have the same name; rename one")
    found = {name: path for name, path in found.items() if path.is_file()}
    if not found:
        raise Fault(f"{source}: no such file, and no file in it")
    formats = {FORMATS.get(path.suffix.lower(), path.suffix) for path in found.values()}
    if strange := formats - set(FORMATS.values()):
        raise Fault(
            f"{source}: {min(strange) or 'a file without an ending'} is no table that can be read; "
            f"there are {', '.join(FORMATS)}"
        )
    if len(formats) > 1:
        raise Fault(f"{source} has files of more than one format: {', '.join(sorted(formats))}")
    return found


def opened(source: str) -> Source:
    """The table that files hold. Raises Fault if there is none, or its text cannot be told."""
    found = files_of(source)
    first = next(iter(found.values()))
    kind = FORMATS[first.suffix.lower()]
    if kind != "csv":
        return Source(kind, found)
    told = {name: dialect(path, name) for name, path in found.items()}
    options = next(iter(told.values()))
    for name, other in told.items():
        if other != options:
            raise Fault(f"{name} is written otherwise than {first.name}: {other}, not {options}")
    return Source(kind, found, options)


def dialect(path: Path, name: str) -> dict[str, Any]:
    """The encoding and the separator of a text file. Raises Fault if it is empty or not text."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    is_utf8, quotes = _read_through(path)
    if not head.strip():
        raise Fault(f"{name} is empty")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in head:
        raise Fault(f"{name} is no text: it has bytes of 0")
    else:
        encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        if not is_utf8:
            encoding = "cp1252"
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    text = text[: text.rfind("\n") + 1] or text if len(head) == HEAD else text
    widths = {}
    for mark in SEPARATORS:
        rows = [len(row) for row in csv.reader(io.StringIO(text), delimiter=mark) if row][:200]
        steady = sum(width == rows[0] for width in rows) / len(rows)
        widths[mark] = (rows[0] > 1, steady, rows[0])
    sep = max(SEPARATORS, key=lambda mark: widths[mark])
    options = {"sep": sep, "encoding": encoding}
    # pyarrow takes the rest of the file for a value whose quote is never closed.
    if encoding != "utf-16" and quotes % 2 and (why := _where(path, options)):
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


def header(path: Path, options: dict[str, Any]) -> list[str]:
    """The names of a text file's columns, as pandas has them: blank and repeated ones are told
    apart."""
    import pandas as pd

    head = pd.read_csv(path, **options, nrows=0, dtype="str", keep_default_na=False)
    return [str(name) for name in head.columns]


def _csv(path: Path, options: dict[str, Any]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    names = header(path, options)
    reader = arrow.open_csv(
        path,
        arrow.ReadOptions(
            column_names=names,
            skip_rows_after_names=1,
            encoding=options["encoding"].removesuffix("-sig"),
            block_size=1 << 22,
        ),
        arrow.ParseOptions(delimiter=options["sep"], newlines_in_values=True),
        arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    yield from reader


def _where(path: Path, options: dict[str, Any]) -> str:
    """What is wrong with a text file that cannot be parsed, and in which line."""
    with path.open(encoding=options["encoding"], errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=options["sep"], strict=True)
        begun = 1
        try:
            width = len(next(reader))
            for row in reader:
                if len(row) != width and row:
                    return (
                        f"line {begun + 1} has {len(row)} values, and the header {width} names"
                        + (": a quote is open" if reader.line_num > begun + 1 else "")
                    )
                begun = reader.line_num
        except StopIteration:
            return "there is no header"
        except csv.Error as error:
            said = first_line(error)
            if "end of data" in said or "field larger" in said:
                said = "a quote is opened, and never closed"
            return f"line {begun + 1}: {said}"
    return ""


def _parquet(path: Path, options: dict[str, Any]) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(BATCH)


def _json(path: Path, options: dict[str, Any]) -> Iterator[Any]:
    import pandas as pd

    read = pd.read_json(path, lines=True, chunksize=BATCH, dtype=False, encoding="utf-8")
    with read as chunks:
        for chunk in chunks:
            yield batch(chunk)


def _excel(path: Path, options: dict[str, Any]) -> Iterator[Any]:
    import pandas as pd

    yield batch(pd.read_excel(path))


def batch(frame: Any) -> Any:
    """A frame as a record batch: what is mixed in a column is text. Raises ValueError if nested."""
    import pyarrow as pa

    arrays = []
    for name, values in frame.items():
        kinds = {type(value) for value in values.dropna()} if values.dtype == object else set()
        if kinds & {list, dict}:
            raise ValueError(f"column {name!r} is nested: give each of its parts a column")
        if len(kinds) > 1:
            values = values.map(str, na_action="ignore")
        arrays.append(pa.array(values, from_pandas=True))
    return pa.RecordBatch.from_arrays(arrays, [str(name) for name in frame.columns])


def queried(address: str, query: str, folder: Path) -> Source:
    """Run a query, and keep its rows as ``query.parquet`` in ``folder``.

    ``address`` is SQLAlchemy's, without a password, or ``env:NAME`` of a variable that has it.
    Raises Fault if the database does not answer, or says no.
    """
    import os

    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError

    variable = address.removeprefix("env:") if address.startswith("env:") else ""
    if variable and variable not in os.environ:
        raise Fault(f"{variable} is not set in the environment: export {variable}=…")
    try:
        url = make_url(os.environ[variable] if variable else address)
        if url.password and not variable:
            raise Fault(
                "an address with a password does not go on a command line: put it into a variable, "
                "export DATABASE_URL=…, and say env:DATABASE_URL"
            )
        engine = create_engine(url)
        path, writer = folder / "query.parquet", None
        with engine.connect().execution_options(stream_results=True) as connection:
            for chunk in pd.read_sql(text(query), connection, chunksize=BATCH):
                table = pa.Table.from_batches([batch(chunk)])
                writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_table(table.cast(writer.schema))
        if writer is None:
            raise Fault("the query gives no row")
        writer.close()
    except ModuleNotFoundError as error:
        raise Fault(f"the driver of this database is not installed: {error.name}") from None
    except (SQLAlchemyError, pd.errors.DatabaseError, pa.ArrowException, ValueError) as error:
        raise Fault(f"{variable or 'the database'}: {first_line(error)}") from None
    shown = "" if variable else address
    return Source("parquet", {"query.parquet": path}, query=query, url=shown, variable=variable)
