"""A model card as inert HTML: its text is of whoever wrote the commit."""

import posixpath
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

from strata.releases.models.forge import Forge

LIMIT = 20_000  # characters
TOP = 4  # the level of a card's first heading, below those of the page
SCROLL = '<div class="scroll" tabindex="0" role="region" aria-label="Table of the card">'


def rendered(text: str, path: str, commit: str, forge: Forge | None) -> str:
    """Markdown as HTML: no raw HTML, no picture, no link but to the web or to the forge.

    ``path`` is from the top of Git's repository. A link to a file beside it leads to that file of
    the same commit, or is plain text where no forge shows it.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in RULES.items():
        markdown.add_render_rule(name, rule)
    tokens = markdown.parse(text[:LIMIT] + ("\n\n…" if len(text) > LIMIT else ""))
    _number_headings(tokens)
    for token in tokens:
        for child in token.children or []:
            if child.type in ("link_open", "link_close"):
                _tame(child, path, commit, forge)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _number_headings(tokens: Sequence[Token]) -> None:
    """Have the headings go on from those of the page without a gap."""
    above = TOP - 1
    for token in tokens:
        if token.type == "heading_open":
            above = min(int(token.tag[1]) + TOP - 1, above + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{above}"


def _tame(token: Token, path: str, commit: str, forge: Forge | None) -> None:
    token.tag = "a"
    if token.type == "link_open":
        href = _target(str(token.attrs.get("href", "")), path, commit, forge)
        token.attrs = {"href": href, "rel": "noopener noreferrer nofollow"} if href else {}


def _target(href: str, path: str, commit: str, forge: Forge | None) -> str | None:
    """Where a link may lead; None for nowhere."""
    try:
        url = urlsplit(href)
    except ValueError:
        return None
    if url.scheme in ("http", "https", "mailto"):
        return href if url.netloc or url.scheme == "mailto" else None
    if url.scheme or url.netloc or not url.path or forge is None:
        return None
    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(url.path)))
    return None if file.startswith("..") else forge.file(commit, file.lstrip("/"))


RULES = {  # called as methods of the renderer
    "image": lambda self, tokens, at, options, env: escapeHtml(
        self.renderInlineAsText(tokens[at].children, options, env)
    ),
    "table_open": lambda *_: f"{SCROLL}<table>\n",
    "table_close": lambda *_: "</table></div>\n",
}
