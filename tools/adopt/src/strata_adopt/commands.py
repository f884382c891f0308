"""The two commands and their arguments; `strata` finds them by the entry points of pyproject.toml.

No more than this is imported to show a help.
"""

from argparse import ArgumentParser
from pathlib import Path

from strata.arguments import Command

SOURCE = (
    "a CSV, TSV, JSON lines, Parquet or Excel file, a folder or glob of them, or with --query a "
    "database: SQLAlchemy's address, or env:NAME of a variable that has it"
)


def _add_reading(parser: ArgumentParser) -> None:
    """Add the arguments that say how a table is read."""
    parser.add_argument("--query", help="SQL that gives the table")
    parser.add_argument(
        "--header", metavar="ROW", nargs="+", type=int, default=[],
        help="the rows with the names, from 1; looked for if not given",
    )  # fmt: skip


def _look(parser: ArgumentParser) -> None:
    """Show a table, of the workspace or a revision, and what may spoil it."""
    parser.add_argument("path", help=SOURCE)
    parser.add_argument("--rev", help="as a tag, branch, commit or experiment has it")
    parser.add_argument("--target", metavar="COLUMN", help="what a model is to predict")
    _add_reading(parser)
    parser.add_argument("-o", "--output", type=Path, help="the page; in .dvc/tmp if not given")


def _adopt(parser: ArgumentParser) -> None:
    """Put a table of your own in the place of the demo's."""
    parser.add_argument("source", help=SOURCE)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    parser.add_argument("--task", choices=["binary", "multiclass", "regression"])
    parser.add_argument("--positive", metavar="CLASS", help="the class that a binary task is about")
    parser.add_argument("--time", metavar="COLUMN", help="the moment, by which to hold rows out")
    parser.add_argument("--group", metavar="COLUMN", help="what is held out as a whole")
    parser.add_argument("--key", metavar="COLUMN", nargs="+", default=[], help="what names a row")
    parser.add_argument("--weight", metavar="COLUMN", help="how much a row counts")
    parser.add_argument(
        "--drop", metavar="COLUMN", nargs="+", default=[], help="what is known only afterwards"
    )
    parser.add_argument(
        "--dates", choices=["day-first", "month-first", "year-first"], default="",
        help="how to read dates such as 03/04/2024",
    )  # fmt: skip
    _add_reading(parser)
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what is proposed")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written")


LOOK = Command("strata_adopt.look", _look)
ADOPT = Command("strata_adopt.adopt", _adopt)
