"""Markdown in which no text of others can do anything but be read."""

import html
import math
import re
from collections.abc import Sequence

LIMIT = 60_000  # bytes; GitHub refuses a comment of more than 65,536 characters
ROWS = 40


def code(value: object, limit: int = 80) -> str:
    """Show a text as it is, as code, on one line, cut at ``limit`` characters.

    Neither Markdown nor HTML in it has an effect, in a table or out of one, and no @ calls anyone.
    """
    text = "".join(c if c.isprintable() else " " for c in str(value)[: 2 * limit]).strip()
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if not text:
        return '`""`'
    if set("`|\\") & set(text):  # none of these can be escaped everywhere alike
        inert = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)
        return f"<code>{inert}</code>"
    return f"`{text}`"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], limit: int = ROWS) -> str:
    """A table; a header that ends in ``:`` is of numbers. Says how many rows it leaves out.

    Empty if there is no row.
    """
    if not rows:
        return ""
    names = [name.removesuffix(":") for name in header]
    rule = ["--:" if name.endswith(":") else "---" for name in header]
    lines = ["| " + " | ".join(row) + " |" for row in (names, rule, *rows[:limit])]
    if len(rows) > limit:
        lines += ["", f"… and {len(rows) - limit:,} more."]
    return "\n".join(lines)


def number(value: float) -> str:
    """A value that somebody set, as it is; a count has its thousands parted."""
    return format(value, "," if isinstance(value, int) else ".12g")


def figure(value: float, sign: bool = False, scale: float | None = None) -> str:
    """A measured value: four decimals, fewer from 100 on, more below 0.01; a count is whole.

    A difference has the decimals of the values that differ, whose size is ``scale``.
    """
    plus = "+" if sign and value else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return format(value, f"{plus},")
    size = abs(value if scale is None else scale)
    power = math.floor(math.log10(size)) if 0 < size < math.inf else 0
    text = format(value, f"{plus},.{max(min(5 - power, 4), 2 - power, 0)}f")
    return text if float(text.replace(",", "")) else "0"  # no -0


def plain(text: str) -> str:
    """A sentence for a terminal: without the HTML that keeps a text inert in a comment."""
    return html.unescape(re.sub(r"</?code>", "", text))


def block(text: str) -> str:
    """Lines as they are, in a block of code that nothing in them ends."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def details(summary: str, text: str) -> str:
    """A part that opens on a click; ``summary`` is plain text of ours."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def quoted(text: str, limit: int = 20_000) -> str:
    """Markdown of others, as Markdown: without HTML, pictures and calls, and cut at ``limit``."""
    safe = text[:limit].replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[")
    safe = re.sub(r"@(?=\w)", "@\u200b", safe)
    if len(re.findall(r"^ {0,3}(?:```|~~~)", safe, re.MULTILINE)) % 2:
        safe += "\n```"
    return safe + ("\n\n…" if len(text) > limit else "")


def join(sections: Sequence[tuple[str, str]], limit: int = LIMIT) -> str:
    """Put sections, each a title and a text, under one another, the most important first.

    Those at the end are left out, and named, where the whole would have more than ``limit`` bytes.
    """
    kept = [f"### {title}\n\n{text}" if title else text for title, text in sections]
    note = ""
    while len(kept) > 1 and len("\n\n".join([*kept, note]).encode()) > limit:
        kept.pop()
        names = ", ".join(title.lower() for title, _ in sections[len(kept) :])
        note = f"_Left out, as a comment has a limit: {names}. `strata report --html` shows all._"
    return "\n\n".join([*kept, *([note] if note else [])]) + "\n"
