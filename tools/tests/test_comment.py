"""`.github/comment.py` against a small GitHub, with neither `gh` nor, but for its tests, `cml`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from github import CML, EVE, Fault, GitHub, program, serve
from project import ROOT, sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="runs on GitHub's Linux machines only"),
]
SHA = "0123456789abcdef0123456789abcdef01234567"
HEAD = "stranger:a/branch&x=$(touch pwned)"
RUN = "https://localhost/run/1"
MARK = "<!-- strata-report -->\n"
WATERMARK = '![](https://cml.dev/watermark.png#{} "CML watermark strata-report")'
COMMENTS = "/issues/7/comments"
DRIVER = """
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
import comment, forge
comment.CML_SECONDS, forge.SECONDS, forge.TRIES = 1, 1, 3
try:
    sys.exit(comment.main(pathlib.Path(sys.argv[2])))
except comment.Failure as failure:
    sys.exit(str(failure))
"""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with serve(tmp_path) as github:
        github.heads[7], github.labels[7] = SHA, HEAD
        yield github


def post(
    github: GitHub,
    tmp_path: Path,
    report: str | None,
    number: str | None = "7",
    sha: str = SHA,
    code: int = 0,
    hasty: bool = True,
) -> str:
    """Post a report; None for a file that is not there."""
    folder = tmp_path / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in {"number": number, "report.md": report}.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return run(github, tmp_path, code, sha, hasty)


def run(github: GitHub, tmp_path: Path, code: int = 0, sha: str = SHA, hasty: bool = True) -> str:
    """Run comment.py, with shorter waits if ``hasty``, and return what it said."""
    env = sandbox(tmp_path / "home") | github.env
    env |= {"PATH": str(tmp_path / "bin"), "GITHUB_RUN_ID": "5"}  # nothing else is needed
    env |= {"GITHUB_SHA": "c" * 40, "HEAD_SHA": sha, "HEAD": HEAD, "RUN_URL": RUN}
    script = [str(ROOT / ".github/comment.py"), str(tmp_path / "report")]
    done = subprocess.run(
        [sys.executable, "-S", *(["-c", DRIVER] if hasty else []), *script],
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def written(github: GitHub, method: str) -> list[str]:
    """The writes to comments, in order."""
    return [line for line in github.log if line.startswith(method) and "/statuses/" not in line]


def test_one_comment_is_made_and_then_updated(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "## Strata: better é")
    run(github, tmp_path, hasty=False)  # as on a runner, and a second time: nothing to do
    assert not written(github, "PATCH")
    post(github, tmp_path, "## Strata: worse")
    (comment,) = github.comments
    assert comment["number"] == 7
    assert comment["body"] == (
        f"{MARK}_Written by the code of 012345678, in [this run]({RUN})._\n\n## Strata: worse\n\n"
        + WATERMARK.format(SHA)  # exactly what CML 0.20.6 looks for when it updates
    )
    assert len(written(github, "POST")) == len(written(github, "PATCH")) == 1
    assert github.statuses[SHA]["state"] == "success"
    assert github.statuses[SHA]["target_url"] == comment["html_url"]


def test_ours_is_found_behind_any_number_of_others(github: GitHub, tmp_path: Path) -> None:
    for _ in range(235):
        github.comment("a question", EVE)
    post(github, tmp_path, "one")
    post(github, tmp_path, "two")
    assert len(github.comments) == 236
    assert "two" in github.comments[-1]["body"]


@pytest.mark.parametrize(
    "user",
    [
        EVE,
        {"login": "github-actions[bot]", "type": "User"},
        {"login": "another[bot]", "type": "Bot"},
    ],
)
@pytest.mark.parametrize("mark", [MARK, WATERMARK.format("00")])
def test_a_comment_of_another_is_not_touched_whatever_it_says(
    github: GitHub, tmp_path: Path, user: dict[str, str], mark: str
) -> None:
    github.comment(mark, user)
    program(tmp_path / "bin", "cml", CML, does="")
    post(github, tmp_path, "## Strata: better")
    post(github, tmp_path, "## Strata: worse")  # ours is the last match now
    github.comment(mark, user)
    (tmp_path / "bin/cml.json").unlink(missing_ok=True)
    post(github, tmp_path, "## Strata: no change")  # and now theirs is
    assert (tmp_path / "bin/cml.json").exists() == (mark == MARK)  # which CML does not know
    theirs, ours, others = github.comments
    assert theirs["body"] == others["body"] == mark
    assert "no change" in ours["body"]


def test_the_bots_other_comments_are_not_ours(github: GitHub, tmp_path: Path) -> None:
    github.comment(f"Eve asked:\n> {MARK}\n> {WATERMARK.format('00')}\n\nA label was set.")
    post(github, tmp_path, "## Strata: better")
    assert len(github.comments) == 2


def test_a_comment_that_cml_made_is_ours(github: GitHub, tmp_path: Path) -> None:
    github.comment(f"An old report\r\n\r\n{WATERMARK.format('00')}")
    post(github, tmp_path, "## Strata: better")
    (comment,) = github.comments
    assert "An old report" not in comment["body"]


@pytest.mark.parametrize("hostile", ["```\n", "<!-- ", "<details><pre>", WATERMARK.format(0), MARK])
def test_no_report_hides_whose_it_is_nor_loses_the_comment(
    github: GitHub, tmp_path: Path, hostile: str
) -> None:
    for text in ("one", "two"):
        post(github, tmp_path, hostile + text)
        (comment,) = github.comments
        assert comment["body"].startswith(f"{MARK}_Written by the code of 012345678, in [this run]")
        assert hostile + text in comment["body"]


@pytest.mark.parametrize("number", ["8; touch pwned", "../7", "$(id)", "07", "7\n8", "-1", "0"])
def test_what_is_no_number_is_refused(github: GitHub, tmp_path: Path, number: str) -> None:
    assert "names no pull request" in post(github, tmp_path, "x", number, code=1)
    assert github.comments == []
    assert github.statuses[SHA]["state"] == "failure"


def test_a_number_of_another_pull_request_gets_no_comment(github: GitHub, tmp_path: Path) -> None:
    github.heads[8] = "f" * 40
    said = post(github, tmp_path, "x", "8", code=1)
    assert "012345678 is not the head of pull request 8" in said
    assert github.comments == []
    assert github.statuses[SHA]["state"] == "failure"


def test_github_refusing_is_a_failure_seen_on_the_commit(github: GitHub, tmp_path: Path) -> None:
    said = post(github, tmp_path, "x", "9", code=1)
    assert "GitHub refuses GET pulls/9: 404" in said
    status = github.statuses[SHA]
    assert status["state"] == "failure"
    assert status["context"] == "strata report"
    assert status["description"].startswith("Not posted: GitHub refuses GET pulls/9: 404")
    assert status["target_url"] == f"{github.url}/owner/name/actions/runs/5"


def test_a_status_that_cannot_be_set_fails_the_run(github: GitHub, tmp_path: Path) -> None:
    github.faults[f"POST /statuses/{SHA}"] = [Fault(403, message="Resource not accessible")]
    assert "GitHub refuses POST statuses/" in post(github, tmp_path, "x", code=1)
    assert len(github.comments) == 1


@pytest.mark.parametrize("report", [None, "", " \n\t\n"])
def test_no_report_never_replaces_a_good_one(
    github: GitHub, tmp_path: Path, report: str | None
) -> None:
    post(github, tmp_path, "## Strata: better\n\nAll of it")
    good = github.comments[0]["body"].removeprefix(MARK)
    for sha in ("a" * 40, "b" * 40):  # twice, and nothing piles up
        github.heads[7] = sha
        post(github, tmp_path, report, sha=sha, code=1)
        (comment,) = github.comments
        assert comment["body"].startswith(
            f"{MARK}**The run of {sha[:9]} [ended without a report]({RUN}).**"
            " Below is the last report there was, of an earlier run.\n\n"
        )
        assert comment["body"].count("The run of") == 1
        assert good.removesuffix(WATERMARK.format(SHA)) in comment["body"]
        assert github.statuses[sha]["state"] == "failure"
        assert github.statuses[sha]["description"] == "The run ended without a report"
        assert github.statuses[sha]["target_url"] == RUN
    github.heads[7] = SHA
    post(github, tmp_path, "## Strata: worse")
    (comment,) = github.comments
    assert "The run of" not in comment["body"]
    assert "All of it" not in comment["body"]


def test_without_an_artifact_the_pull_request_is_found_by_its_head(
    github: GitHub, tmp_path: Path
) -> None:
    github.heads |= {6: SHA, 8: "f" * 40}
    github.labels[8] = HEAD
    post(github, tmp_path, None, number=None, code=1)
    (comment,) = github.comments
    assert comment["number"] == 7
    assert "ended without a report" in comment["body"]
    assert "Below is" not in comment["body"]


@pytest.mark.parametrize("number", ["7", None])
def test_a_commit_that_another_has_followed_is_passed_over(
    github: GitHub, tmp_path: Path, number: str | None
) -> None:
    old = "a" * 40
    assert "has another head by now" in post(github, tmp_path, "x", number, sha=old)
    assert github.comments == []
    assert github.statuses[old]["state"] == "success"


def test_a_link_to_a_secret_is_not_followed(github: GitHub, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    post(github, tmp_path, "x")
    (tmp_path / "report/report.md").unlink()
    (tmp_path / "report/report.md").symlink_to(tmp_path / "secret")
    run(github, tmp_path, code=1)
    assert "the secret" not in github.comments[0]["body"]


def test_a_huge_report_is_cut_and_says_so(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "é" * 100_000)
    assert 30_000 < len(github.comments[0]["body"]) < 65_536
    assert "\n\n_Cut here._\n\n" in github.comments[0]["body"]


@pytest.mark.thorough
@pytest.mark.parametrize("done", [False, True])
def test_a_bad_answer_neither_loses_a_comment_nor_doubles_it(
    github: GitHub, tmp_path: Path, done: bool
) -> None:
    github.faults = {
        "GET /pulls/7": [Fault(503)],
        f"GET {COMMENTS}": [Fault(500)],
        f"POST {COMMENTS}": [Fault(502, done=done)],
        f"POST /statuses/{SHA}": [Fault(502, done=done)],
    }
    said = post(github, tmp_path, "one")
    assert "GitHub answers POST issues/7/comments with 502; trying again" in said
    github.faults["PATCH /issues/comments/100"] = [Fault(504, done=done)]
    post(github, tmp_path, "two")
    (comment,) = github.comments
    assert "two" in comment["body"]
    assert not any(github.faults.values())
    assert github.statuses[SHA]["state"] == "success"


@pytest.mark.thorough
def test_a_slow_answer_is_not_waited_for(github: GitHub, tmp_path: Path) -> None:
    github.faults[f"POST {COMMENTS}"] = [Fault(200, seconds=2, done=True)]
    assert "no answer from GitHub to POST" in post(github, tmp_path, "one")
    assert len(github.comments) == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"Retry-After": "1"}, "Too many requests"),
        (403, {"Retry-After": "1"}, "You have exceeded a secondary rate limit"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}, "API rate limit exceeded"),
    ],
)
def test_a_rate_limit_is_waited_for(
    github: GitHub, tmp_path: Path, status: int, headers: dict[str, str], message: str
) -> None:
    github.faults[f"POST {COMMENTS}"] = [Fault(status, headers, message=message)]
    assert "GitHub's rate limit stops POST" in post(github, tmp_path, "one")
    assert len(github.comments) == 1


def test_a_rate_limit_of_an_hour_is_a_failure_at_once(github: GitHub, tmp_path: Path) -> None:
    limit = Fault(403, {"Retry-After": "3600"})
    github.faults[f"GET {COMMENTS}"] = [limit]
    said = post(github, tmp_path, "one", code=1)
    assert "GitHub's rate limit stops GET issues/7/comments for 3600 seconds" in said
    assert github.log.count(f"GET /api/v3/repos/owner/name{COMMENTS}") == 1
    assert github.statuses[SHA]["state"] == "failure"


@pytest.mark.thorough
def test_no_github_is_one_line(github: GitHub, tmp_path: Path) -> None:
    github.faults["GET /pulls/7"] = [Fault(502)] * 99
    said = post(github, tmp_path, "one", code=1)
    assert "Not posted: GitHub answers GET pulls/7 with 502" in said


UPDATES = """
import ssl, urllib.request
context = ssl.create_default_context()
body = pathlib.Path(sys.argv[-1]).read_text("utf-8")
body += '\\n\\n![](https://cml.dev/watermark.png#ab "CML watermark strata-report")'
url = os.environ["CML_REPO"].replace("/owner", "/api/v3/repos/owner") + "/issues/comments/100"
headers = {"Authorization": "token " + os.environ["REPO_TOKEN"]}
data = json.dumps({"body": body}).encode()
urllib.request.urlopen(urllib.request.Request(url, data, headers, method="PATCH"))
"""
HANGS = """
code = "import time; time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", code])
record.with_name("child").write_text(str(child.pid))
time.sleep(99)
"""


@pytest.mark.parametrize(
    "does",
    [UPDATES, "sys.exit(1)", "", HANGS],
    ids=["updates", "fails", "does nothing", "hangs"],
)
def test_cml_updates_the_comment_and_is_not_believed(
    github: GitHub, tmp_path: Path, does: str
) -> None:
    program(tmp_path / "bin", "cml", CML, does=does)
    post(github, tmp_path, "one")
    assert not (tmp_path / "bin/cml.json").exists()  # it makes no comment
    post(github, tmp_path, "two")
    *arguments, body = json.loads((tmp_path / "bin/cml.json").read_text())
    assert arguments == [
        "comment",
        "update",
        "--target=pr/7",
        "--watermark-title=strata-report",
        "--publish=false",
    ]
    assert body.startswith(f"{MARK}_Written by")
    (comment,) = github.comments
    assert "\n\ntwo\n\n" in comment["body"]
    assert len(written(github, "PATCH")) == 1
    assert ("#ab " in comment["body"]) == (does == UPDATES)
    if "Popen" in does:
        child = int((tmp_path / "bin/child").read_text())
        state = Path(f"/proc/{child}/stat")
        assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.parametrize("before", [35, 29])
def test_cml_is_called_only_where_it_would_choose_ours(
    github: GitHub, tmp_path: Path, before: int
) -> None:
    program(tmp_path / "bin", "cml", CML, does="")
    for _ in range(before):
        github.comment("a question", EVE)
    post(github, tmp_path, "one")
    post(github, tmp_path, "two")
    assert (tmp_path / "bin/cml.json").exists() == (before == 29)
    assert len(github.comments) == before + 1


@pytest.mark.skipif(not shutil.which("cml"), reason="cml is not installed")
def test_cml_itself_updates_our_comment(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "by REST")
    (tmp_path / "bin").mkdir()
    for name in ("cml", "node", "git", "sh"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    said = post(github, tmp_path, "by cml\n\n```\n<!--", hasty=False)
    (comment,) = github.comments
    assert comment["body"].endswith(f"by cml\n\n```\n<!--\n\n{WATERMARK.format('c' * 40)}"), said
    assert len(written(github, "PATCH")) == 1
