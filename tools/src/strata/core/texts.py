"""Text from outside: the characters in it that mislead; and names and counts in words."""

import re
from collections.abc import Sequence

# Control characters, newlines, halves of characters; and what turns the order of writing around,
# so that a name shows as another. What else Python cannot print may well be in a name.
MISLEADING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def inert(text: str, keep: str = "") -> str:
    """Escape each character of a text that misleads, as Python does, but for those in ``keep``.

    Where that has ``\\n``, ``\\r\\n`` becomes it.
    """
    if "\n" in keep:
        text = text.replace("\r\n", "\n")
    return MISLEADING.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def listed(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """The first of some names, inert, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(map(inert, names[:most])) + more


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 row, 2,000 rows, 2 classes."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{plural if number != 1 else ''}"
