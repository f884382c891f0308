"""The errors that the tools raise on purpose, and a line for any other."""

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


SECRETS = [  # each with what it is shown as
    (r"(?i)(https?://)[^/\s@'\"]+@", r"\1***@"),  # a token may stand for the user
    (r"(\w://[^/\s:@]*):[^/\s@]+@", r"\1:***@"),
    (
        r"(?i)([?&;](?=[\w.-]*(?:key|token|sig|secret|pass|cred))[\w.-]*=)[^&;\s'\"]+",
        r"\1***",
    ),
    (r"(Invalid line) \(.*\) \(matched", r"\1 (matched"),  # of a settings file, shown by its parser
]


LONG = 20_000  # characters; no message needs them, and the name of a thing may have millions


def without_secrets(text: str) -> str:
    """Mask the passwords and tokens in the URLs of a text that is to be shown.

    A long text is cut before and after, so that no half of a URL escapes the masks.
    """
    if len(text) > LONG:
        return without_secrets(text[:LONG])[: LONG // 2] + "…"
    for pattern, shown in SECRETS:
        text = re.sub(pattern, shown, text)
    return text


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""

    def __str__(self) -> str:
        return without_secrets(super().__str__())


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its class if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reason(error: BaseException) -> str:
    """The first line of the root cause of an error of DVC's, which wraps others."""
    while error.__cause__:
        error = error.__cause__
    if mark := getattr(error, "problem_mark", None):  # of a YAML parser
        return f"line {mark.line + 1}: {getattr(error, 'problem', '')}"
    return first_line(error)


class Ended(KeyboardInterrupt):
    """A signal that asks the process to end, so that it cleans up as on Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


@contextlib.contextmanager
def on_signals(handle: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Handle the signals that ask a process to end; those that it ignores stay ignored."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(number: int, frame: FrameType | None) -> None:
    """Raise Ended: a handler for ``on_signals`` where work may stop at any point."""
    del frame
    raise Ended(number)


class Deferred:
    """A handler that notes a signal; ``check`` raises Ended for it where work may stop."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.number = number

    def check(self) -> None:
        """Raise Ended if a signal came."""
        if self.number is not None:
            raise Ended(self.number)
