"""A model card as HTML that cannot do anything: it is text of whoever wrote the commit."""

import posixpath
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from strata.releases.models.forge import Forge

LIMIT = 20_000  # characters
TOP = 4  # the level of a card's first heading, below those of the page


def rendered(text: str, path: str, commit: str, forge: Forge | None) -> str:
    """Markdown as HTML: no raw HTML, no picture, no link but to the web or to the forge.

    ``path`` is from the top of Git's repository. A link to a file beside it leads to that file of
    the same commit, or is plain text where no forge shows it.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _alt)
    markdown.add_render_rule("table_open", _scrolled)
    markdown.add_render_rule("table_close", _closed)
    tokens = markdown.parse(text[:LIMIT] + ("\n\n…" if len(text) > LIMIT else ""))
    _number_headings(tokens)
    for token in tokens:
        for child in token.children or []:
            if child.type in ("link_open", "link_close"):
                _tame(child, path, commit, forge)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _number_headings(tokens: Sequence[Token]) -> None:
    """Have the headings follow those of the page without a gap."""
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
        at = urlsplit(href)
    except ValueError:
        return None
    if at.scheme in ("http", "https", "mailto"):
        return href if at.netloc or at.scheme == "mailto" else None
    if at.scheme or at.netloc or not at.path or forge is None:
        return None
    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(at.path)))
    return None if file.startswith("..") else forge.file(commit, file.lstrip("/"))


def _alt(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return escapeHtml(self.renderInlineAsText(tokens[at].children, options, env))


def _scrolled(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="scroll" tabindex="0" role="region" aria-label="Table of the card"><table>\n'


def _closed(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>\n"
