"""Texts from outside: what in them misleads whoever reads them, and what is shown instead."""

import re

# Control characters, line ends, halves of characters; and what turns the order of writing around,
# so that a name shows as another. What else Python cannot print may well be in a name.
MISLEADING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def inert(text: str, but: str = "") -> str:
    """A text in which each character that misleads is its escape, as Python writes it.

    Not those that are in ``but``, where ``\\r\\n`` counts as ``\\n``.
    """
    if "\n" in but:
        text = text.replace("\r\n", "\n")
    return MISLEADING.sub(lambda found: found[0] if found[0] in but else _escape(found[0]), text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
