"""GitHub's REST API for the programs of its workflows; only the standard library is used."""

import json
import re
import sys
import time
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

LIMIT = 62_000  # of a text, in bytes; GitHub takes 65,536 characters a comment, or a body
AUTHOR = ("Bot", "github-actions[bot]")  # who writes with the token that each run is given
SECONDS = 20.0  # without a byte from GitHub, and the request has failed
TRIES = 6
# What GitHub might not keep, and what turns the order of writing around.
UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
PATIENCE = 200.0  # seconds, for all that is asked of one object; a job has 15 minutes


class Failure(Exception):
    """What cannot be done, in one line."""


class Again(Failure):
    """A request that may do better, or have been done unseen; not before ``wait`` seconds."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class GitHub:
    """The REST API of one repository, given up at ``until`` of the monotonic clock."""

    url: str
    token: str
    program: str  # who says what goes wrong
    until: float = field(default_factory=lambda: time.monotonic() + PATIENCE)

    def once(self, method: str, path: str, **body: Any) -> tuple[Any, bool]:
        """The answer to one request, and whether a further page follows. Raises Again, Failure."""
        what = f"{method} {path.partition('?')[0]}"
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "User-Agent": "strata",
        }
        data = json.dumps(body).encode() if body else None
        request = Request(f"{self.url}/{path}".rstrip("/"), data, headers, method=method)
        try:
            try:
                with urlopen(request, timeout=SECONDS) as answer:
                    return json.load(answer), 'rel="next"' in answer.headers.get("Link", "")
            except HTTPError as error:
                with error:
                    said = error.read(1000).decode("utf-8", errors="replace")
                code, fields = error.code, error.headers
        except (OSError, HTTPException, ValueError) as error:  # no answer, or half of one
            raise Again(f"no answer from GitHub to {what}: {error}") from None
        wait = rate_limit(code, fields, said, time.time())
        if wait is not None:
            raise Again(f"GitHub's rate limit stops {what} for {wait:.0f} seconds", wait)
        if code >= 500:
            raise Again(f"GitHub answers {what} with {code}")
        raise Failure(f"GitHub refuses {what}: {code} {' '.join(said.split())[:200]}")

    def pause(self, again: Again, attempt: int) -> None:
        """Wait before the next attempt, counted from 0; where there is none, raise ``again``."""
        wait = max(again.wait, 2**attempt)
        if attempt + 1 >= TRIES or time.monotonic() + wait > self.until:
            raise again
        print(f"{self.program}: {again}; trying again", file=sys.stderr, flush=True)
        time.sleep(wait)

    def ask(self, method: str, path: str, **body: Any) -> tuple[Any, bool]:
        """As ``once``, repeated: only for what does no harm when done twice."""
        for attempt in count():
            try:
                return self.once(method, path, **body)
            except Again as again:
                self.pause(again, attempt)
        raise AssertionError

    def pages(self, path: str, **query: str) -> list[Any]:
        """All of a list."""
        found = []
        for page in count(1):
            query |= {"per_page": "100", "page": str(page)}
            items, more = self.ask("GET", f"{path}?{urlencode(query)}")
            found += items
            if not more:
                break
        return found


def rate_limit(code: int, fields: Message, said: str, now: float) -> float | None:
    """Seconds that GitHub asks to wait for; None if it was no rate limit that it answered with."""
    if code not in (403, 429):
        return None
    after, reset = fields.get("Retry-After", ""), fields.get("X-RateLimit-Reset", "")
    if after.isdigit():
        return float(after)
    if fields.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(float(reset) - now, 0) + 1
    return 60 if code == 429 or "rate limit" in said.lower() else None  # the docs' minute


def read(path: Path, limit: int) -> str:
    """The start of a text file, at most ``limit`` bytes; empty for a link or what is no file."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    text = data[:limit].decode("utf-8", errors="ignore") + "\n\n_Cut here._" * (len(data) > limit)
    return UNFIT.sub("", text).strip()


def code(text: str) -> str:
    """A text in a line of Markdown, as code that nothing in it ends."""
    return f"`{' '.join(text.replace('`', ' ').split())}`"


def by_bot(thing: dict[str, Any]) -> bool:
    """Whether a comment or an issue was written with the token that each run is given."""
    user = thing["user"] or {}  # none: a deleted account
    return (user.get("type"), user.get("login")) == AUTHOR
