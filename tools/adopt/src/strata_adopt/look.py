"""Show a table, and what in it spoils projects: people look at data before they model it."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from strata import git
from strata.core.errors import Fault
from strata.core.texts import inert
from strata.core.values import aligned
from strata_adopt.tables import batches, files, sampled

if TYPE_CHECKING:
    from strata_adopt.remarks import Column

MOST = 40  # columns without a remark that are listed


def run(args: argparse.Namespace) -> int:
    """Print the columns with remarks, write the page, and print its address."""
    from skrub import TableReport

    from strata_adopt.remarks import columns, of_the_table

    page = args.output or place()
    page.parent.mkdir(parents=True, exist_ok=True)
    with files(args.path, args.rev) as found:
        frame, step, count = sampled(batches(found))
    if frame is None:
        raise Fault(f"{args.path} has no rows")
    if args.target is not None and args.target not in frame:
        has = ", ".join(map(str, frame.columns[:12]))
        raise Fault(f"{args.path} has no column {args.target!r}; there are {has}")
    title = args.path + (f" of {args.rev}" if args.rev else "") + f", {count:,} rows"
    if step > 1:
        title += f", 1 in {step} of which are shown"
    print(title)
    described = columns(frame, args.target)
    plain = [column for column in described if not column.remarks][MOST:]
    print(table([column for column in described if column not in plain]))
    if plain:
        print(f"and {len(plain)} more columns without a remark")
    for remark in of_the_table(frame, args.target):
        print(inert(remark))
    with tempfile.TemporaryDirectory(dir=page.parent) as folder:
        part = Path(folder, "page.html")
        html = TableReport(frame, title=title, verbose=0).html()
        part.write_text(inert(html, "\n\t"), encoding="utf-8", newline="\n")
        part.replace(page)
    print(page.resolve().as_uri())
    return 0


def place() -> Path:
    """Where the page goes if nobody says: where Git ignores it. Raises Fault without DVC."""
    if not (git.top() / ".dvc").is_dir():
        raise Fault("there is no .dvc here to write the page to: name one with --output FILE")
    return git.top() / ".dvc/tmp/look.html"


def table(rows: "list[Column]") -> str:
    """Render columns under a header."""
    cells = [["column", "type", "missing", "distinct", "example", "remark"]]
    for row in rows:
        line = [row.name, row.type, row.missing, f"{row.distinct:,}", row.example]
        cells.append([*line, "; ".join(row.remarks)])
    return aligned(cells)
