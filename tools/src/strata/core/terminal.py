"""The door to the terminal: what a command prints can't steer it, nor fail for its encoding."""

import sys
from collections.abc import Iterable
from typing import Any

from strata.core.texts import inert


class Door:
    """A stream that takes only inert texts; what is behind it does the rest."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.stream.write(inert(text, "\n\t").encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def guard() -> None:
    """Put a door before both streams of this process, for good: a traceback passes it, too.

    DVC, as soon as it is imported, has colorama wrap the streams, which writes escapes of its own
    and fails at others'. So that comes first, to be behind the door.
    """
    import dvc  # noqa: F401

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Door):
            setattr(sys, name, Door(stream))


def unwrapped(stream: Any) -> Any:
    """The stream itself, for those who write escapes of their own, and no others'."""
    return stream.stream if isinstance(stream, Door) else stream
