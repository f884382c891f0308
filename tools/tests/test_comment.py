"""`.github/comment.py` against a fake GitHub; gh itself where it is installed, else a stand-in."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from github import CML, GH, GitHub, program, serve
from project import ROOT, sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="runs on GitHub's Linux machines only"),
]
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    with serve(tmp_path) as github:
        github.heads[7] = SHA
        yield github


def post(github: GitHub, tmp_path: Path, report: str, number: str = "7", code: int = 0) -> str:
    folder = tmp_path / "report"
    folder.mkdir(exist_ok=True)
    (folder / "number").write_text(number)
    (folder / "report.md").unlink(missing_ok=True)
    (folder / "report.md").write_text(report, encoding="utf-8")
    return run(github, tmp_path, code)


def run(github: GitHub, tmp_path: Path, code: int = 0) -> str:
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    real = shutil.which("gh")
    if real:
        shutil.copy(real, programs / "gh")
    else:
        program(programs, "gh", GH)
    env = sandbox(tmp_path / "home") | github.env
    env |= {"PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    env |= {"HEAD_SHA": SHA, "RUN_URL": "https://localhost/run/1"}
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / ".github/comment.py"), str(tmp_path / "report")],
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_one_comment_is_made_and_then_updated(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "## Strata: better é")
    post(github, tmp_path, "## Strata: worse")
    (comment,) = github.comments
    assert comment["number"] == 7
    assert comment["body"].startswith("## Strata: worse\n\n_Written by the code of 012345678, in")
    # exactly what CML 0.20.6 looks for when it updates
    assert comment["body"].endswith(
        f'\n\n![](https://cml.dev/watermark.png#{SHA} "CML watermark strata-report")'
    )
    assert [line.split()[0] for line in github.log] == ["GET", "GET", "POST", "GET", "GET", "PATCH"]


def test_a_comment_of_a_person_is_not_touched_whatever_it_says(
    github: GitHub, tmp_path: Path
) -> None:
    theirs = '![](https://cml.dev/watermark.png#00 "CML watermark strata-report")'
    github.comments.append(
        {"id": 1, "number": 7, "body": theirs, "user": {"login": "eve", "type": "User"}}
    )
    post(github, tmp_path, "## Strata: better")
    assert github.comments[0]["body"] == theirs
    assert len(github.comments) == 2


@pytest.mark.parametrize("number", ["", "8; touch pwned", "../7", "$(id)", "07", "7\n8", "-1"])
def test_what_is_no_number_is_refused(github: GitHub, tmp_path: Path, number: str) -> None:
    assert "names no pull request" in post(github, tmp_path, "x", number, code=1)
    assert github.log == []


def test_a_number_of_another_pull_request_gets_no_comment(github: GitHub, tmp_path: Path) -> None:
    github.heads[8] = "f" * 40
    assert "is not the head of pull request 8" in post(github, tmp_path, "x", "8")
    assert github.comments == []


def test_github_refusing_is_a_failure(github: GitHub, tmp_path: Path) -> None:
    said = post(github, tmp_path, "x", "9", code=1)
    assert "gh api GET repos/owner/name/pulls/9 failed" in said
    assert "Traceback" not in said


def test_a_link_to_a_secret_is_not_followed(github: GitHub, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    post(github, tmp_path, "x")
    (tmp_path / "report/report.md").unlink()
    (tmp_path / "report/report.md").symlink_to(tmp_path / "secret")
    run(github, tmp_path)
    assert "the secret" not in github.comments[0]["body"]


def test_a_huge_report_is_cut(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "é" * 100_000)
    assert 30_000 < len(github.comments[0]["body"]) < 65_536


@pytest.mark.parametrize("code", [0, 1])
def test_cml_gets_the_arguments_of_its_0_20_6(github: GitHub, tmp_path: Path, code: int) -> None:
    program(tmp_path / "bin", "cml", CML, code=code)
    post(github, tmp_path, "## Strata: better")
    *arguments, body = json.loads((tmp_path / "bin/cml.json").read_text())
    assert arguments == [
        "comment",
        "update",
        "--publish=false",
        "--target=pr/7",
        "--watermark-title=strata-report",
    ]
    assert body.startswith("## Strata: better\n")
    assert len(github.comments) == (1 if code else 0)  # where cml fails, gh posts


@pytest.mark.skipif(not shutil.which("cml"), reason="cml is not installed")
def test_cml_itself_and_gh_find_each_others_comment(github: GitHub, tmp_path: Path) -> None:
    post(github, tmp_path, "by gh")
    (tmp_path / "bin/cml").symlink_to(str(shutil.which("cml")))
    post(github, tmp_path, "by cml")
    (comment,) = github.comments
    assert comment["body"].startswith("by cml")
