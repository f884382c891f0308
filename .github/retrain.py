"""Publish what `strata retrain` proposes: push its branch, open or update its one pull request.

Runs in retrain.yml, after the job that ran the pipeline, with tokens that may write, and runs no
code of the project. What the other job wrote is text to post, cut to a length, and a commit to push
to a branch that is Strata's own: one on top of the commit that this run is of, and no other.

In:  a folder, as `strata retrain` describes it; the repository that this stands in, at that commit
     and with all branches, for its history and the setting auto_merge; of the environment
     GITHUB_API_URL, GITHUB_REF_NAME, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_SERVER_URL,
     GITHUB_TOKEN, and TOKEN for the branch and the pull request, which may be the same.
Out: a branch and a pull request, made or brought up to date; or an issue, opened or updated. A line
     says which. Exit code 1 if that was not possible. Only the standard library is used.

`gh pr` and `gh issue` would do for one run that nothing disturbs. What is here beyond them: an
answer that is lost opens no second one, two runs at once end with one, and what a person has
closed, or has committed to the branch, stays.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from forge import AUTHOR, LIMIT, Again, Failure, GitHub, by_bot, code, read, repository, this_run

MARK = "<!-- strata-retrain"
WHO = "retrain@strata.invalid"  # the committer of what `strata retrain` makes
BRANCH = r"retrain/[0-9a-f]{12}"
COMMIT = r"[0-9a-f]{40}"
# What a retraining may change and be merged unread; never code, nor what decides what code runs.
KINDS = "dvc|csv|json|md|png|svg|tsv"
DATA = rf"(?:[^./][^/]*/)*(?:dvc\.lock|params\.yaml|[^./][^/]*\.(?:{KINDS}))"
HINT = "allow it in the repository's settings of Actions, or set RETRAIN_TOKEN: docs/lifecycle.md"
METHODS = ("merge", "squash", "rebase")


def git(*arguments: str, token: str = "") -> str:
    """Run Git without hooks and return what it printed. Raises Failure with its reason."""
    env = os.environ | {"LC_ALL": "C", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0"}
    settings = {"core.hooksPath": "/dev/null"}
    if token:  # in the environment, where no list of processes shows it
        word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        server = os.environ["GITHUB_SERVER_URL"]
        settings[f"http.{server}/.extraheader"] = f"Authorization: Basic {word}"
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for at, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{at}": key, f"GIT_CONFIG_VALUE_{at}": value}
    done = subprocess.run(
        ["git", *arguments], env=env, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        output = done.stderr.strip().splitlines() or ["no message"]
        errors = [line for line in output if re.match(r"fatal|error|remote|!| !", line)] or output
        raise Failure(f"git {arguments[0]}: {' '.join(errors)[:300]}")
    return done.stdout.strip()


def proposed(folder: Path) -> tuple[str, str, str]:
    """The branch, its commit and the commit below it, taken from the bundle into this repository.

    Raises Failure if the bundle is not one commit of `strata retrain` on top of this one.
    """
    branch, base = read(folder / "branch", 50), git("rev-parse", "HEAD")
    if not re.fullmatch(BRANCH, branch):
        raise Failure("the proposal names no branch of its own")
    bundle = str(folder / "change.bundle")
    git("fetch", "--quiet", "--no-tags", bundle, f"+refs/heads/{branch}:refs/strata/proposed")
    commit = git("rev-parse", "refs/strata/proposed")
    if git("log", "--format=%P %ce", "-1", commit) != f"{base} {WHO}":
        raise Failure(f"the proposal is not one commit on top of {base[:9]}")
    return branch, commit, base


def others(base: str, tip: str) -> list[str]:
    """The commits of a branch that are neither in the base nor made by `strata retrain`."""
    lines = git("log", "--format=%H %ce", f"{base}..{tip}").splitlines()
    return [line.split()[0] for line in lines if line.split(" ", 1)[1] != WHO]


def push(address: str, token: str, branch: str, commit: str, base: str) -> list[str]:
    """Push a commit to its branch, unless that has commits of others; returns those.

    Raises Again if somebody else has moved the branch meanwhile.
    """
    line = git("ls-remote", "--heads", address, f"refs/heads/{branch}", token=token)
    tip = line.split("\t")[0]
    if tip == commit:
        return []
    if tip:
        git("fetch", "--quiet", "--no-tags", address, tip, token=token)
        if theirs := others(base, tip):
            return theirs
    lease = f"--force-with-lease=refs/heads/{branch}:{tip}"
    try:
        git("push", "--quiet", lease, address, f"{commit}:refs/heads/{branch}", token=token)
    except Failure as failure:
        if re.search(r"stale info|rejected|cannot lock ref|already exists", str(failure)):
            raise Again(f"{branch} was moved meanwhile: {failure}") from None
        raise
    return []


def propose(team: GitHub, bot: GitHub, folder: Path) -> str:
    """Push the branch and open or update its pull request; returns a line that says so."""
    branch, commit, base = proposed(folder)
    title, body = read(folder / "title", 250), read(folder / "body.md", LIMIT)
    text = f"_Written by [this run]({this_run()})._\n\n{body}"
    owner = os.environ["GITHUB_REPOSITORY"].partition("/")[0]

    def attempt() -> str:
        pulls = team.pages("pulls", state="all", head=f"{owner}:{branch}")
        pull = next((each for each in pulls if each["state"] == "open"), None)
        refused = [each for each in pulls if not each["merged_at"]]
        if not pull and refused:
            return f"{refused[0]['html_url']} is of the same data, and closed: left so"
        theirs = push(repository(), team.token, branch, commit, base)
        if theirs and pull:
            comment(bot, pull["number"], f"[Made again]({this_run()}): {code(title)}", theirs)
            return f"{pull['html_url']} has commits of others, and is left as it is"
        if theirs:
            return f"{branch} has commits of others, and no pull request: left as it is"
        if pull:
            pull = team.once("PATCH", f"pulls/{pull['number']}", title=title, body=text)
            did = "updated"
        else:
            pull, did = opened(team, title, text, branch), "opened"
        return f"{did} {pull['html_url']}{merge(team, folder, pull['number'], commit, base)}"

    return team.retry(attempt)


def opened(team: GitHub, title: str, text: str, branch: str) -> Any:
    """A new pull request. Raises Failure, or Again if another run has opened one meanwhile."""
    into = os.environ["GITHUB_REF_NAME"]
    try:
        return team.once("POST", "pulls", title=title, body=text, head=branch, base=into)
    except Again:
        raise
    except Failure as failure:
        if "not permitted" in str(failure):
            raise Failure(f"{failure}: {HINT}") from None
        if "already exists" in str(failure):
            raise Again(str(failure)) from None
        raise


def comment(bot: GitHub, number: int, first: str, theirs: list[str]) -> None:
    """Say once on a pull request that it was left alone, and keep that up to date."""
    shown = ", ".join(each[:9] for each in theirs[:5])
    text = f"{MARK} -->\n{first}. Not pushed here: this branch has commits of others ({shown})."
    path = f"issues/{number}/comments"
    ours = [c for c in bot.pages(path) if by_bot(c) and (c["body"] or "").startswith(MARK)]
    if ours:
        bot.ask("PATCH", f"issues/comments/{ours[-1]['id']}", body=text)
    else:
        bot.once("POST", path, body=text)


def merge(team: GitHub, folder: Path, number: int, commit: str, base: str) -> str:
    """Merge a proposal if the settings want it and nothing speaks against it; returns the outcome.

    The other job is not trusted: the setting is read here, and only data may have changed.
    """
    settings = tomllib.loads(git("show", "HEAD:pyproject.toml"))
    ours = settings.get("tool", {}).get("strata", {}).get("retrain", {})
    if ours.get("auto_merge", "never") != "no-worse":
        return ""
    if read(folder / "merge", 10) != "yes":
        return "; not merged, as it is not shown to be no worse, or its report names a problem"
    paths = git("diff", "--name-only", "--no-renames", "-z", base, commit).split("\0")
    if beside := [path for path in paths if path and not re.fullmatch(DATA, path)]:
        return f"; not merged, as more than data has changed: {beside[0]!r}"
    allowed = team.ask("GET", "")
    how = next((way for way in METHODS if allowed.get(f"allow_{way}_commit", True)), METHODS[0])
    try:
        team.ask("PUT", f"pulls/{number}/merge", sha=commit, merge_method=how)
    except Failure as failure:  # a check that is not done, a review that is missing
        return f"; not merged yet: {failure}"
    return ", and merged it"


def report(bot: GitHub, folder: Path) -> str:
    """Open an issue that says why retraining stopped, or bring the open one up to date."""
    title, body = read(folder / "title", 250), read(folder / "body.md", LIMIT)
    base = read(folder / "base", 50)
    mark = f"{MARK} {hashlib.sha256(f'{title}{body}'.encode()).hexdigest()[:12]} -->"
    at = f" at {base[:9]}" if re.fullmatch(COMMIT, base) else ""
    text = f"{mark}\n_Found by [this run]({this_run()}){at}._\n\n{body}"

    def attempt() -> str:
        ours = issues(bot, "all")
        current = next((issue for issue in ours if issue["state"] == "open"), None)
        same = [issue for issue in ours if issue["body"].startswith(mark)]
        if not current and same:
            return f"{same[0]['html_url']} says the same, and is closed: left so"
        if current:
            issue = bot.once("PATCH", f"issues/{current['number']}", title=title, body=text)
            return f"updated {issue['html_url']}"
        return f"opened {bot.once('POST', 'issues', title=title, body=text)['html_url']}"

    return bot.retry(attempt)


def issues(bot: GitHub, state: str) -> list[dict[str, Any]]:
    """The issues that earlier runs have opened, the newest first."""
    return [
        issue
        for issue in bot.pages("issues", state=state, creator=AUTHOR[1])
        if by_bot(issue) and "pull_request" not in issue and (issue["body"] or "").startswith(MARK)
    ]


def settle(bot: GitHub) -> None:
    """Close the issue of an earlier run: the data gets through now."""
    for issue in issues(bot, "open"):
        earlier = issue["body"].partition("-->")[2]
        text = f"{MARK} -->\n_[This run]({this_run()}) got through._\n\n{earlier}"
        bot.ask("PATCH", f"issues/{issue['number']}", state="closed", body=text[:LIMIT])


def main(folder: Path) -> int:
    """Publish what there is. Raises Failure if that is not possible."""
    bot, team = GitHub.here("retrain"), GitHub.here("retrain", "TOKEN")
    decision = read(folder / "decision", 20)
    if decision not in ("stopped", "nothing", "propose"):
        raise Failure("the run of the pipeline has written no decision: its log says why")
    if decision == "stopped":
        outcome = report(bot, folder)
    else:
        settle(bot)
        outcome = f"nothing to propose: {read(folder / 'body.md', 500)}"
    if decision == "propose":
        outcome = propose(team, bot, folder)
    print(f"retrain: {outcome}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except Failure as failure:
        sys.exit(f"retrain: {failure}")
