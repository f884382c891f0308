"""Post a report as the one comment of its pull request, and say by a commit status how it went.

Runs in comment.yml, with a token that may write comments, on files that a stranger's pull request
may have written: they are text to post, cut to a length, and the comment's first line says which
commit wrote them. The number is used only if GitHub confirms that this pull request has the commit
that was run. Without a report the comment says so, and keeps the report of an earlier push.

In:  a folder with number and report.md, either of which may be missing; of the environment
     GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_SERVER_URL, GITHUB_TOKEN, and of the
     run that wrote the report HEAD (owner:branch), HEAD_SHA and RUN_URL.
Out: a comment, new or the one of an earlier push, and the status `strata report` of the commit.
     Exit code 1, with a line why, unless the report was posted or a later commit has taken its
     place. Only the standard library is used.

CML writes the comment where it would choose ours. It is not asked otherwise: it updates the last
comment of the first thirty that looks like one of its own, whoever wrote it, and adds a second one
when two runs are at once, or an answer is lost.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from forge import LIMIT, Failure, GitHub, by_bot, read, repository, this_run

TITLE = "strata-report"
MARK = f"<!-- {TITLE} -->"
NO_REPORT = "**The run of "
# What CML 0.20.6 ends its comments with and looks for; so REST writes it too. The commit is any.
WATERMARK = rf'!\[\]\(https://cml\.dev/watermark\.png#[0-9a-fA-F]+ "CML watermark {TITLE}"\)'
CML_SECONDS = 60.0


def bare(body: str) -> str:
    """A comment without the watermark at its end, and with plain ends of lines."""
    text = body.replace("\r\n", "\n").strip()
    while mark := re.search(rf"{WATERMARK}\Z", text):
        text = text[: mark.start()].rstrip()
    return text


def compose(report: str, sha: str, run: str, earlier: str) -> str:
    """The comment. What says whose it is comes first, where nothing in a report can hide it.

    ``earlier`` is the comment to be replaced: without a report, the report in it is kept.
    """
    if report:
        return f"{MARK}\n_Written by the code of {sha[:9]}, in [this run]({run})._\n\n{report}"
    kept = bare(earlier).removeprefix(MARK).lstrip()
    if kept.startswith(NO_REPORT):
        kept = kept.partition("\n\n")[2]
    line = f"{NO_REPORT}{sha[:9]} [ended without a report]({run}).**"
    if kept:
        line += " Below is the last report there was, of an earlier run."
    return f"{MARK}\n{line}\n\n{kept}".strip()[: LIMIT + 2000]


def is_ours(comment: dict[str, Any]) -> bool:
    """Whether this token wrote a comment, and as a report."""
    body = comment["body"] or ""
    marked = body.startswith(MARK) or re.search(rf"{WATERMARK}\s*\Z", body) is not None
    return by_bot(comment) and marked


def choice_of_cml(comments: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The comment that CML 0.20.6 updates: the last match of the first 30, whoever wrote it."""
    matches = (each for each in comments[:30][::-1] if re.search(WATERMARK, each["body"] or ""))
    return next(matches, None)


def by_cml(number: int, text: str) -> None:
    """Let CML update the comment that it chooses; whether it did is for the caller to look at."""
    command = ["cml", "comment", "update", f"--target=pr/{number}", f"--watermark-title={TITLE}"]
    command += ["--publish=false"]  # the default uploads pictures and files to a public server
    env = os.environ | {
        "CML_REPO": repository(),
        "REPO_TOKEN": os.environ["GITHUB_TOKEN"],
        "ITERATIVE_DO_NOT_TRACK": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "comment.md")
        path.write_text(text, encoding="utf-8", newline="\n")
        try:
            process = subprocess.Popen([*command, str(path)], env=env, start_new_session=True)
        except OSError as error:
            print(f"comment: cml does not start: {error}", file=sys.stderr)
            return
        try:
            process.wait(CML_SECONDS)  # on a rate limit it would wait for an hour
        except subprocess.TimeoutExpired:
            print("comment: cml takes too long and is ended", file=sys.stderr)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it started
            process.wait()


def post(github: GitHub, number: int, report: str, sha: str, run: str) -> str:
    """Write the comment, unless it is there already, and return its address."""
    with_cml = shutil.which("cml") is not None

    def attempt() -> str:
        nonlocal with_cml
        comments = github.pages(f"issues/{number}/comments")
        ours = next((each for each in reversed(comments) if is_ours(each)), None)
        text = compose(report, sha, run, ours["body"] if ours else "")
        if ours and bare(ours["body"]) == bare(text):
            return str(ours["html_url"])
        if with_cml and ours and choice_of_cml(comments) is ours:
            with_cml = False
            by_cml(number, text)
            return attempt()
        body = f'{text}\n\n![](https://cml.dev/watermark.png#{sha} "CML watermark {TITLE}")'
        if ours:
            comment = github.once("PATCH", f"issues/comments/{ours['id']}", body=body)
        else:
            comment = github.once("POST", f"issues/{number}/comments", body=body)
        return str(comment["html_url"])

    return github.retry(attempt)


def pulls(github: GitHub, number: str, sha: str, head: str) -> list[int]:
    """The pull requests whose head the commit is; none if theirs has moved on to another.

    The report names one, in ``number``; without a report it is all those from ``head``.
    """
    if not number:
        opened = github.pages("pulls", head=head)
        return [each["number"] for each in opened if each["head"]["sha"] == sha]
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number):
        raise Failure("the report names no pull request: its number is not one")
    newest = github.ask("GET", f"pulls/{number}")["head"]
    if newest["sha"] != sha and newest["label"] != head:
        raise Failure(f"{sha[:9]} is not the head of pull request {number}")
    return [int(number)] if newest["sha"] == sha else []


def main(folder: Path) -> int:
    """Post the report and set the status. Raises Failure if the status cannot be set."""
    sha, run = os.environ["HEAD_SHA"], os.environ["RUN_URL"]
    outcome = "error", "The report was not posted: see this run", this_run()
    try:
        github = GitHub.here("comment")
        report = read(folder / "report.md", LIMIT)
        numbers = pulls(github, read(folder / "number", 20), sha, os.environ["HEAD"])
        links = [post(github, number, report, sha, run) for number in numbers]
        if not links:
            outcome = "success", "Not posted: the pull request has another head by now", run
        elif report:
            outcome = "success", "The report is in a comment", links[0]
        else:
            outcome = "failure", "The run ended without a report", run
    except Failure as failure:
        outcome = "failure", f"Not posted: {failure}", this_run()
    finally:
        state, description, link = outcome
        print(f"comment: {description} ({link})", file=sys.stderr, flush=True)
        github = GitHub.here("comment")  # with its own patience
        status = {"context": "strata report", "state": state, "target_url": link}
        github.ask("POST", f"statuses/{sha}", description=description[:140], **status)
    return 0 if state == "success" else 1


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except Failure as failure:
        sys.exit(f"comment: the status of the commit is not set: {failure}")
