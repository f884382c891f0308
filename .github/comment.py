"""Post a report as the one comment of its pull request: through CML, or without it through gh.

Runs in comment.yml, with a token that may write comments, on files that a stranger's pull request
may have written: they are text to post, cut to a length, and say which commit wrote them. The
number is used only if GitHub confirms that this pull request has the commit the report is of.

In:  a folder with number and report.md; of the environment GITHUB_REPOSITORY, GITHUB_SERVER_URL,
     GITHUB_TOKEN, HEAD_SHA and RUN_URL.
Out: a comment, new or the one of an earlier push. Only the standard library is needed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TITLE = "strata-report"
LIMIT = 62_000  # bytes; GitHub takes 65,536 characters, and the marker needs some


def main(folder: Path) -> int:
    """Post the report. Returns 1, with a line why, if it is not one that can be posted."""
    repository, sha = os.environ["GITHUB_REPOSITORY"], os.environ["HEAD_SHA"]
    number = read(folder / "number", 20).strip()
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number):
        print("comment: the report names no pull request", file=sys.stderr)
        return 1
    if gh("GET", f"repos/{repository}/pulls/{number}")["head"]["sha"] != sha:
        print(f"comment: {sha[:9]} is not the head of pull request {number}; nothing to say")
        return 0
    body = read(folder / "report.md", LIMIT)
    body += f"\n\n_Written by the code of {sha[:9]}, in [this run]({os.environ['RUN_URL']})._\n"
    if not by_cml(number, body):
        by_gh(repository, number, body, sha)
    return 0


def read(path: Path, limit: int) -> str:
    """The start of a text file, at most ``limit`` bytes; empty for a link or what is no file."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as stream:
        return stream.read(limit).decode("utf-8", errors="ignore")


def by_cml(number: str, body: str) -> bool:
    """Let CML update the comment; False if it is not installed or does not manage to."""
    if not shutil.which("cml"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "comment.md")
        path.write_text(body, encoding="utf-8", newline="\n")
        # Publishing, the default, would upload pictures and linked files to a public server.
        done = subprocess.run(
            [
                *("cml", "comment", "update", "--publish=false", f"--target=pr/{number}"),
                *(f"--watermark-title={TITLE}", str(path)),
            ],
            env=os.environ | {"ITERATIVE_DO_NOT_TRACK": "1"},
            check=False,
        )
    return done.returncode == 0


def by_gh(repository: str, number: str, body: str, sha: str) -> None:
    """Do what CML does, with its marker, so that either finds the other's comment."""
    title = f'"CML watermark {TITLE}")'
    text = f"{body}\n\n![](https://cml.dev/watermark.png#{sha} {title}"
    comments = f"repos/{repository}/issues/{number}/comments"
    ours = [
        comment["id"]
        for page in gh("GET", comments, "--paginate", "--slurp")
        for comment in page
        if title in comment["body"] and comment["user"]["type"] == "Bot"
    ]
    if ours:
        gh("PATCH", f"repos/{repository}/issues/comments/{ours[-1]}", body=text)
    else:
        gh("POST", comments, body=text)


def gh(method: str, path: str, *options: str, body: str | None = None) -> Any:
    """Ask GitHub's REST API through gh, which retries and knows the server's certificate."""
    host = os.environ.get("GITHUB_SERVER_URL", "https://github.com").removeprefix("https://")
    token = os.environ["GITHUB_TOKEN"]
    done = subprocess.run(
        ["gh", "api", "--method", method, path, *options, *(["--input", "-"] if body else [])],
        input=json.dumps({"body": body}) if body else None,
        env=os.environ | {"GH_HOST": host, "GH_TOKEN": token, "GH_ENTERPRISE_TOKEN": token},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        sys.exit(f"comment: gh api {method} {path} failed")  # gh has said why
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
