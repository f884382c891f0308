"""A report for a browser or a terminal: one HTML page that needs no network, or text in columns."""

import re
import sys
from collections.abc import Sequence

from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown

from strata.core.markdown import join
from strata.core.terminal import unwrapped
from strata.core.texts import inert

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


def show(text: str) -> None:
    """Print a report on a terminal: charts by name only."""
    drawn = r"- \1: `strata report --html FILE` draws it"
    text = re.sub(r'```mermaid.*?title "(.*?), base.*?```', drawn, text, flags=re.DOTALL)
    Console(file=unwrapped(sys.stdout)).print(Markdown(text, hyperlinks=False))
