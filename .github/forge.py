"""GitHub's REST API for the programs of its workflows, which run before anything is installed.

Only the standard library is used. `gh api` would send the requests as well; what it lacks is here:
it gives up at the first bad answer, and waits for no rate limit.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import Request, urlopen

LIMIT = 62_000  # of a text, in bytes; GitHub takes 65,536 characters a comment, or a body
AUTHOR = ("Bot", "github-actions[bot]")  # who writes with the token that each run is given
SECONDS = 20.0  # without a byte from GitHub, and the request has failed
TRIES = 6
# What GitHub might not keep, and what turns the order of writing around.
UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
PATIENCE = 200.0  # seconds, for all that is asked of one object; a job has 15 minutes

T = TypeVar("T")


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

    @classmethod
    def here(cls, program: str, token: str = "GITHUB_TOKEN") -> "GitHub":
        """That of this run, with a token of the environment."""
        url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
        return cls(url, os.environ[token], program)

    def retry(self, attempt: Callable[[], T]) -> T:
        """Make an attempt, and again as long as it raises Again. Raises Failure with the last.

        A request that seemed to fail may have done its work, so an attempt begins with a look.
        """
        for number in count():
            try:
                return attempt()
            except Again as again:
                wait = max(again.wait, 2**number)
                if number + 1 >= TRIES or time.monotonic() + wait > self.until:
                    raise Failure(str(again)) from None
                print(f"{self.program}: {again}; trying again", file=sys.stderr, flush=True)
                time.sleep(wait)
        raise AssertionError

    def once(self, method: str, path: str, **body: Any) -> Any:
        """The answer to one request. Raises Again or Failure."""
        return self.send(method, path, json.dumps(body).encode() if body else None)[0]

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """As ``once``, repeated: only for what does no harm when done twice."""
        return self.retry(lambda: self.once(method, path, **body))

    def pages(self, path: str, **query: str) -> list[Any]:
        """All of a list."""
        items: list[Any] = []
        for page in count(1):
            fields = urlencode(query | {"per_page": "100", "page": str(page)})
            part, more = self.retry(partial(self.send, "GET", f"{path}?{fields}"))
            items += part
            if not more:
                break
        return items

    def send(
        self, method: str, path: str, data: bytes | None = None, kind: str = "application/json"
    ) -> tuple[Any, bool]:
        """The answer to one request, and whether a further page follows. Raises Again, Failure.

        ``path`` is one of the repository, or a whole address.
        """
        what = f"{method} {path.partition('?')[0]}"
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "Content-Type": kind,
            "User-Agent": "strata",
        }
        address = urljoin(f"{self.url}/", path).rstrip("/")
        request = Request(address, data, headers, method=method)
        try:
            try:
                with urlopen(request, timeout=SECONDS) as answer:
                    return json.load(answer), 'rel="next"' in answer.headers.get("Link", "")
            except HTTPError as error:
                with error:
                    text = error.read(1000).decode("utf-8", errors="replace")
                code, fields = error.code, error.headers
        except (OSError, HTTPException, ValueError) as error:  # no answer, or half of one
            raise Again(f"no answer from GitHub to {what}: {error}") from None
        wait = rate_limit(code, fields, text, time.time())
        if wait is not None:
            raise Again(f"GitHub's rate limit stops {what} for {wait:.0f} seconds", wait)
        if code >= 500:
            raise Again(f"GitHub answers {what} with {code}")
        raise Failure(f"GitHub refuses {what}: {code} {' '.join(text.split())[:200]}")


def repository() -> str:
    """The address of this repository."""
    return f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"


def this_run() -> str:
    """The address of this run of a workflow."""
    return f"{repository()}/actions/runs/{os.environ['GITHUB_RUN_ID']}"


def rate_limit(code: int, fields: Message, text: str, now: float) -> float | None:
    """The seconds that an answer asks to wait for; None if it is not about a rate limit."""
    if code not in (403, 429):
        return None
    after, reset = fields.get("Retry-After", ""), fields.get("X-RateLimit-Reset", "")
    if after.isdigit():
        return float(after)
    if fields.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(float(reset) - now, 0) + 1
    return 60 if code == 429 or "rate limit" in text.lower() else None  # the docs' minute


def read(path: Path, limit: int) -> str:
    """The first ``limit`` bytes of a text file; empty if it is a link, or not there."""
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
