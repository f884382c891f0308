"""A report for a browser or a terminal: one HTML page that needs no network, or text in columns."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

from strata.core.markdown import join
from strata.core.terminal import unwrapped
from strata.core.texts import inert
from strata.core.values import aligned

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #d0d7de; padding: .25rem .6rem; vertical-align: top }
code { background: #f3f4f6; padding: .1rem .3rem; border-radius: .25rem }
img { margin: .5rem 1rem .5rem 0 }
"""


def page(sections: Sequence[tuple[str, str]], title: str = "Strata report") -> str:
    """Render sections whose text of others is inert already; no script can run in the page."""
    body = MarkdownIt("commonmark").enable("table").render(join(sections, limit=1 << 60))
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n"
        "</html>\n"
    )
    return inert(html, "\n\t")


class FoldedTable(TableElement):
    """A table in which a name that is too long goes on in the next line: rich would cut it off."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            assert isinstance(table, Table)
            for column in table.columns:
                column.overflow = "fold"
            yield table


class TerminalMarkdown(Markdown):
    elements = Markdown.elements | {"table_open": FoldedTable}


def show(text: str) -> None:
    """Print a report on a terminal: of charts, and of what opens on a click, the names alone."""
    drawn = r"- \1: `strata report --html FILE` draws it"
    text = re.sub(r'```mermaid.*?title "(.*?), base.*?```', drawn, text, flags=re.DOTALL)
    folded = r"- \1: `strata report --html FILE` shows it"
    text = re.sub(r"<details><summary>(.*?)</summary>.*?</details>", folded, text, flags=re.DOTALL)
    Console(file=unwrapped(sys.stdout)).print(TerminalMarkdown(text, hyperlinks=False))


def show_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells, the header first, that end with an example and a remark.

    On a terminal that is too narrow, remarks go below their rows and examples are cut short.
    """
    lines, width = aligned(rows).split("\n"), shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or max(map(len, lines)) <= width:
        print("\n".join(lines))
        return
    short = [list(row[:-1]) for row in rows]
    excess = max(map(len, aligned(short).split("\n"))) - width
    longest = max(len(inert(row[-1])) for row in short)
    for row in short[1:] if excess > 0 else []:
        row[-1] = inert(row[-1])[: max(longest - excess, 0)]
    remarks = ["", *(inert(row[-1]) for row in rows[1:])]
    for line, remark in zip(aligned(short).split("\n"), remarks, strict=True):
        print(line)
        if remark:
            print(textwrap.indent(textwrap.fill(remark, width - 4), " " * 4))
