"""Attach files to the GitHub release of a tag: all of them, or nobody sees the release.

Runs in release.yml. The release is a draft until its files are there. What is there already stays
as it is: a file of the same name and content counts as attached, one of other content is a failure.

In:  a tag, a file of notes, and files; of the environment GITHUB_API_URL, GITHUB_REPOSITORY and
     GITHUB_TOKEN.
Out: the release, and its address as a line. Exit code 1 with a line why, if anything fails. Only
     the standard library is used.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from forge import SECONDS, Again, Failure, GitHub


def until(github: GitHub, look: Callable[[], Any], make: Callable[[], object]) -> Any:
    """What ``look`` finds, after ``make`` if it is not there yet.

    A request that seemed to fail may have done its work: each attempt begins with a look.
    """
    for attempt in count():
        if found := look():
            return found
        try:
            make()
        except Again as again:
            github.pause(again, attempt)
    raise AssertionError


def release_of(github: GitHub, tag: str, notes: str) -> Any:
    """The release of a tag, a draft if it is new."""

    def look() -> Any:
        return next((each for each in github.pages("releases") if each["tag_name"] == tag), None)

    new = {"tag_name": tag, "name": tag, "body": notes, "draft": True}
    return until(github, look, lambda: github.once("POST", "releases", **new))


def attach(github: GitHub, release: Any, path: Path) -> None:
    """Attach a file. Raises Failure if the release has another of its name."""
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    def look() -> bool:
        assets = github.pages(f"releases/{release['id']}/assets")
        there = [each for each in assets if each["name"] == path.name]
        if there and (there[0]["state"], there[0]["digest"]) != ("uploaded", digest):
            raise Failure(f"the release has another {path.name}, or half of it: remove it there")
        return bool(there)

    until(github, look, lambda: upload(github, release, path))


def upload(github: GitHub, release: Any, path: Path) -> None:
    """Send a file to where the release takes them. Raises Again if that fails."""
    address = f"{release['upload_url'].partition('{')[0]}?name={quote(path.name)}"
    headers = {
        "Authorization": f"Bearer {github.token}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(path.stat().st_size),
    }
    try:
        with (
            path.open("rb") as stream,
            urlopen(Request(address, stream, headers, method="POST"), timeout=SECONDS),
        ):
            pass
    except HTTPError as error:
        with error:
            raise Again(f"GitHub answers {path.name} with {error.code}") from None
    except (OSError, HTTPException) as error:
        raise Again(f"no answer from GitHub to {path.name}: {error}") from None


def main(tag: str, notes: str, *files: str) -> None:
    """Attach files to the release of a tag, and publish it."""
    address = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
    github = GitHub(address, os.environ["GITHUB_TOKEN"], "attach")
    release = release_of(github, tag, Path(notes).read_text(encoding="utf-8"))
    for name in files:
        attach(github, release, Path(name))
    if release["draft"]:
        release, _ = github.ask("PATCH", f"releases/{release['id']}", draft=False)
    print(f"attach: {len(files)} files to {release['html_url']}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failure as failure:
        sys.exit(f"attach: {failure}")
