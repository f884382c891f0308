"""Texts that would do something where they are shown, and how to tell that none has."""

import json
import re
import unicodedata
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

CANARIES = [
    "# approved",
    "![x](http://127.0.0.1/x.png)",
    "<img src=x onerror=1>",
    "@team",
    "[x](javascript:1)",
    "[x]: http://127.0.0.1/",
    "\x1b]0;pwned\x07\x1b[31m",
    "\x9b31m",
    "\u202e",
    "\ud800",
    "`code`",
    "| cell |",
    "```",
    "~~~",
    "$\\href{x}{y}$",
    "\n",
    "\r",
    "\u2028",
    "\\",
    "&lt;b&gt;&#64;team",
    "http://bare.example",
    "www.bare.example",
    "</code></td></table></details>",
    "-->",
    '"',
    "'",
    "*",
    "%%{init}%%",
    ":smile: ",
]
WORKING = re.compile(r"@\w|https?://|www\.|javascript:|\$")  # what GitHub heeds without brackets


def shape(markdown: str) -> tuple[list[str], str]:
    """What a text consists of, as GitHub reads it, and what of it is words outside of code.

    Words and code in a line are one, so that a name may be either.
    """
    parts: list[str] = []
    words = ""
    is_code = False

    def add(part: str) -> None:
        if not (part == "words" and parts[-1:] == ["words"]):
            parts.append(part)

    def read(tokens: list[Token]) -> None:
        nonlocal words, is_code
        for token in tokens:
            if token.type == "inline":
                read(token.children or [])
            elif token.content in ("<code>", "</code>") and token.type == "html_inline":
                is_code = token.content == "<code>"
                add("words")
            elif token.type in ("text", "text_special", "code_inline"):
                add("words")
                words += "" if is_code or token.type == "code_inline" else token.content
            elif token.type == "fence":
                lines = token.content.count("\n") if token.info == "mermaid" else 0
                add(f"fence {token.info} {lines}")
            elif token.type in ("html_inline", "html_block"):
                add(token.content)
            else:
                add(f"{token.type} {token.tag} {token.attrs}")

    read(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown))
    return parts, words


def check_markdown(hostile: str, tame: str) -> None:
    """Assert that a text is what the same is without anything hostile in it."""
    check_text(hostile)
    parts, words = shape(hostile)
    assert parts == shape(tame)[0], hostile
    assert not WORKING.search(words), words


def check_text(text: str) -> None:
    """Assert that nothing in a text steers or misleads, and that it can be written."""
    odd = {repr(char) for char in set(text) - {"\n", "\t"} if is_odd(char)}
    assert not odd, (odd, text)
    text.encode()


def is_odd(char: str) -> bool:
    """Whether it is a control, ends a line, is half a character, or turns the order around."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    odd = unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
    return odd or unicodedata.bidirectional(char) in turning


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        for name, value in attrs:
            assert name not in ("src", "href") or is_ours(value or ""), (tag, attrs)


def is_ours(address: str) -> bool:
    """Whether an address is one that a page may have."""
    return address.startswith(("data:", "#", "https://github.com/"))


def tags(html: str) -> list[tuple[str, list[str]]]:
    """The elements of a page, each with the names of its attributes; none leads elsewhere."""
    check_text(html)
    return _Tags(html).tags


def strict(text: str) -> object:
    """The value of a JSON text, as a reader reads it that knows no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"no JSON: {constant}")

    return json.loads(text, parse_constant=refuse)
