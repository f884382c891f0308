"""Show a table, and what in it spoils projects: people look at data before they model it."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skrub import TableReport

from strata import git
from strata.core.errors import Fault
from strata.core.page import show_rows
from strata.core.texts import inert
from strata_adopt import remarks, sources, tables
from strata_adopt.scan import scan
from strata_adopt.sources import Source

MOST = 40  # columns without a remark that are listed


def run(args: argparse.Namespace) -> int:
    """Print the columns with remarks, write the page, and print its address."""
    page = args.output or default_page()
    page.parent.mkdir(parents=True, exist_ok=True)
    with source_of(args) as source:
        table = scan(source, strict=False)
    frame, step, count = table.sample, table.step, table.rows
    if args.target is not None and args.target not in frame:
        has = ", ".join(map(str, frame.columns[:12]))
        raise Fault(f"{args.path} has no column {args.target!r}; there are {has}")
    title = args.path + (f" of {args.rev}" if args.rev else "") + f", {count:,} rows"
    title += f", 1 in {step} of which are shown" if step > 1 else ""
    print(title)
    columns = remarks.describe(frame, args.target)
    plain = [column for column in columns if not column.remarks][MOST:]
    show_rows([remarks.HEADER, *(c.cells for c in columns if c not in plain)])
    if plain:
        print(f"and {len(plain)} more columns without a remark")
    for remark in remarks.of_table(frame, args.target):
        print(inert(remark))
    with tempfile.TemporaryDirectory(dir=page.parent) as folder:
        part = Path(folder, "page.html")
        html = TableReport(frame, title=title, verbose=0).html()
        part.write_text(inert(html, "\n\t"), encoding="utf-8", newline="\n")
        part.replace(page)
    print(page.resolve().as_uri())
    return 0


@contextmanager
def source_of(args: argparse.Namespace) -> Iterator[Source]:
    """The table's source, for the time of a block: files, those of a revision, or a query."""
    if args.query is not None:
        with sources.answer(args.path, args.query) as source:
            yield source
        return
    with tables.files(args.path, args.rev) as files:
        yield sources.from_named(args.path, files, args.header)


def default_page() -> Path:
    """A page in a folder that Git ignores. Raises Fault without DVC."""
    if not (git.top() / ".dvc").is_dir():
        raise Fault("there is no .dvc here to write the page to: name one with --output FILE")
    return git.top() / ".dvc/tmp/look.html"
