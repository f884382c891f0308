"""Attach files to the GitHub release of a tag: all of them, or nobody sees the release.

Runs in release.yml. The release is a draft until its files are there. What is there already stays
as it is: a file of the same name and content counts as attached, one of other content is a failure.
So a second run goes on where the first one stopped, which `gh release` cannot: it refuses a file
that is there, or replaces it.

In:  a tag, a file of notes, and files; of the environment GITHUB_API_URL, GITHUB_REPOSITORY and
     GITHUB_TOKEN.
Out: the release, and its address as a line. Exit code 1 with a line why, if anything fails. Only
     the standard library is used.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from forge import Again, Failure, GitHub


def release_of(github: GitHub, tag: str, notes: str) -> Any:
    """The release of a tag, a draft if it is new."""
    draft = {"tag_name": tag, "name": tag, "body": notes, "draft": True}

    def attempt() -> Any:
        known = (each for each in github.pages("releases") if each["tag_name"] == tag)
        return next(known, None) or github.once("POST", "releases", **draft)

    return github.retry(attempt)


def attach(github: GitHub, release: Any, path: Path) -> None:
    """Attach a file. Raises Failure if the release has another of its name."""
    data = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"

    def attempt() -> None:
        assets = github.pages(f"releases/{release['id']}/assets")
        asset = next((each for each in assets if each["name"] == path.name), None)
        asset = asset or upload(github, release, path.name, data)
        if (asset["state"], asset["digest"]) != ("uploaded", digest):
            raise Failure(f"the release has another {path.name}, or half of it: remove it there")

    github.retry(attempt)


def upload(github: GitHub, release: Any, name: str, data: bytes) -> Any:
    """Send a file to where the release takes them. Raises Again if that fails."""
    address = f"{release['upload_url'].partition('{')[0]}?name={quote(name)}"
    try:
        return github.send("POST", address, data, "application/octet-stream")[0]
    except Again:
        raise
    except Failure as failure:  # another run may have attached it just now
        raise Again(str(failure)) from None


def main(tag: str, notes: str, *files: str) -> None:
    """Attach files to the release of a tag, and publish it."""
    github = GitHub.here("attach")
    release = release_of(github, tag, Path(notes).read_text(encoding="utf-8"))
    for name in files:
        attach(github, release, Path(name))
    if release["draft"]:
        release = github.ask("PATCH", f"releases/{release['id']}", draft=False)
    print(f"attach: {len(files)} files to {release['html_url']}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failure as failure:
        sys.exit(f"attach: {failure}")
