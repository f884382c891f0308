"""Markdown in which no text of others can do anything but be read."""

import html
import math
import re
from collections.abc import Sequence

from strata.core.texts import inert

LIMIT = 60_000  # bytes; GitHub refuses a comment of more than 65,536 characters
ROWS = 40
LANGUAGE = re.compile(  # what stands behind the fence of a block of code
    r"^((?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*(?:`{3,}(?=[^`\n]*$)|~{3,})).*$", re.MULTILINE
)


def code(value: object, limit: int = 80) -> str:
    """Show a text as it is, as code, on one line, cut at ``limit`` characters.

    Neither Markdown nor HTML in it has an effect, in a table or out of one, and no @ calls anyone.
    """
    text = inert("".join(" " if c.isspace() else c for c in str(value)[: 2 * limit]).strip())
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if not text:
        return '`""`'
    if set("`|\\") & set(text):  # none of these can be escaped everywhere alike
        escaped = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)
        return f"<code>{escaped}</code>"
    return f"`{text}`"


def term(value: object) -> str:
    """A name in a sentence: as it is if it is of letters, digits, - and _, else as code."""
    text = str(value)
    return text if re.fullmatch(r"[^\W_]+([-_ ][^\W_]+)*", text) else code(text)


def label(value: object, limit: int = 40) -> str:
    """A text where nothing can be quoted: its letters, digits, and signs without a meaning."""
    return "".join(c if c.isalnum() or c in " _-.,/" else "·" for c in str(value)[:limit]) or "·"


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
    return inert(re.sub(r"<code>(.*?)</code>", lambda match: html.unescape(match[1]), text))


def block(text: str) -> str:
    """Lines as they are, in a block of code that nothing in them ends."""
    text = inert(text, "\n\t")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def details(summary: str, text: str) -> str:
    """A part that opens on a click; ``summary`` is plain text of ours."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def quoted(text: str, limit: int = 20_000) -> str:
    """Markdown of others, as a quotation: without HTML, pictures and calls, and cut at ``limit``.

    Nothing in it reaches out of it: a block of code ends with it, and no link is defined in it, for
    words of ours. A block of code has no language, in which GitHub may see a drawing.
    """
    safe = inert(text[:limit], "\n\t").replace("&", "&amp;").replace("<", "&lt;")
    safe = safe.replace("![", "!\\[").replace("]:", "]\u200b:")
    safe = re.sub(r"@(?=\w)", "@\u200b", safe)
    safe = LANGUAGE.sub(r"\1", safe) + ("\n\n…" if len(text) > limit else "")
    return "\n".join(f"> {line}".rstrip() for line in safe.rstrip().split("\n"))


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
    return inert("\n\n".join([*kept, *([note] if note else [])]), "\n\t") + "\n"
