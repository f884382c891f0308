"""`.github/retrain.py` against a small GitHub, whose repository Git itself serves."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github import EVE, Fault, GitHub, serve
from project import ROOT, Project, sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="runs on GitHub's Linux machines only"),
]
BRANCH = "retrain/0123456789ab"
WHO = ("-c", "user.name=strata retrain", "-c", "user.email=retrain@strata.invalid")
MERGE = '[tool.strata.retrain]\nauto_merge = "no-worse"\n'
DRIVER = """
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
import forge, retrain
forge.SECONDS, forge.TRIES = 5, 3
try:
    sys.exit(retrain.main(pathlib.Path(sys.argv[2])))
except forge.Failure as failure:
    sys.exit(f"retrain: {failure}")
"""
WHEN = "1000000000 +0000"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A repository of one commit on main; `project` is a clone of it, in which the job runs."""
    with serve(tmp_path) as github:
        project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
        project.path.mkdir()
        project.run("git", "init", "--quiet")
        (project.path / "dvc.lock").write_text("old\n")
        (project.path / "pyproject.toml").write_text("")
        project.commit("Begin")
        project.run("git", "clone", "--quiet", "--bare", ".", str(github.repository))
        yield github


@pytest.fixture
def project(github: GitHub) -> Project:
    return Project(github.folder / "project", sandbox(github.folder / "home"))


def folder_of(project: Project) -> Path:
    return project.path.parent / "retrain"


def write(project: Project, **texts: str) -> None:
    """What `strata retrain` leaves, of a run without a proposal or one that is added later."""
    shutil.rmtree(folder_of(project), ignore_errors=True)
    folder_of(project).mkdir()
    for name, text in texts.items():
        (folder_of(project) / name.replace("body", "body.md")).write_text(text + "\n")


def propose(
    project: Project,
    lock: str = "new",
    title: str = "Retrain on new data: no worse",
    who: tuple[str, ...] = WHO,
    name: str = "dvc.lock",
    branch: str = BRANCH,
    merge: str = "no",
) -> str:
    """A proposal as `strata retrain` makes it; its commit."""
    write(project, branch=branch, title=title, body=f"## {title}", merge=merge, decision="propose")
    (project.path / name).parent.mkdir(exist_ok=True)
    (project.path / name).write_text(lock + "\n")
    project.run("git", "checkout", "--quiet", "-B", branch)
    project.run("git", "add", "--all")
    project.run(
        "git",
        *who,
        "commit",
        "--quiet",
        "--message",
        "Retrain",
        GIT_AUTHOR_DATE=WHEN,
        GIT_COMMITTER_DATE=WHEN,
    )
    bundle = str(folder_of(project) / "change.bundle")
    project.run("git", "bundle", "create", "--quiet", bundle, f"main..{branch}", branch)
    commit = project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "checkout", "--quiet", "--detach", "main")
    project.run("git", "branch", "--quiet", "-D", branch)
    return commit


def start(github: GitHub, project: Project, **env: str) -> "subprocess.Popen[str]":
    env = sandbox(project.path.parent / "home") | github.env | env
    env |= {"GITHUB_RUN_ID": "5", "GITHUB_REF_NAME": "main", "TOKEN": env["GITHUB_TOKEN"]}
    script = [str(ROOT / ".github/retrain.py"), str(folder_of(project))]
    return subprocess.Popen(
        [sys.executable, "-S", "-c", DRIVER, *script],
        cwd=project.path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def publish(github: GitHub, project: Project, code: int = 0) -> str:
    """Run retrain.py and return what it said."""
    process = start(github, project)
    said, _ = process.communicate()
    assert process.returncode == code, said
    assert "Traceback" not in said
    return said


def writes(github: GitHub) -> list[str]:
    """What was written by the API since the last time this was asked."""
    found = [line for line in github.log if not line.startswith("GET")]
    github.log.clear()
    return found


def test_one_pull_request_is_opened_then_updated(github: GitHub, project: Project) -> None:
    first = propose(project)
    said = publish(github, project)
    assert re.search(r"retrain: opened https://localhost:\d+/owner/name/pull/1\n$", said)
    assert github.tip(BRANCH) == first
    pull = github.pull(1)
    assert pull["title"] == "Retrain on new data: no worse"
    run = f"{github.url}/owner/name/actions/runs/5"
    assert pull["body"] == f"_Written by [this run]({run})._\n\n## Retrain on new data: no worse"

    publish(github, project)  # the same once more
    second = propose(project, "newer", "Retrain on new data: worse")
    assert "updated" in publish(github, project)
    assert github.tip(BRANCH) == second != first
    assert list(github.opened) == [1]
    assert github.pull(1)["title"].endswith(": worse")
    assert [line for line in writes(github) if "POST" in line] == [
        "POST /api/v3/repos/owner/name/pulls"
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("lock", ["same", None])  # of both runs, or of each its own
def test_two_runs_at_once_make_one(github: GitHub, project: Project, lock: str | None) -> None:
    places = []
    for number in ("1", "2"):
        place = Project(project.path.parent / number / "project", project.env)
        shutil.copytree(project.path, place.path)
        propose(place, lock or number)
        places.append(place)
    github.faults["POST /pulls"] = [Fault(seconds=1.0, done=True, status=502)]  # both are past it
    running = [start(github, place) for place in places]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert list(github.opened) == [1]
    assert github.pull(1)["state"] == "open"


def test_commits_of_a_person_stay(github: GitHub, project: Project, tmp_path: Path) -> None:
    propose(project)
    publish(github, project)
    theirs = tmp_path / "theirs"
    project.run("git", "clone", "--quiet", "--branch", BRANCH, str(github.repository), str(theirs))
    person = Project(theirs, project.env)
    (theirs / "params.yaml").write_text("depth: 3\n")
    tip = person.commit("Try a deeper tree")
    person.run("git", "push", "--quiet")
    title = github.pull(1)["title"]
    writes(github)
    for lock in ("new", "newer", "newest"):
        propose(project, lock, f"Retrain {lock}")
        assert "has commits of others, and is left as it is" in publish(github, project)
    assert github.tip(BRANCH) == tip
    assert github.pull(1)["title"] == title
    (comment,) = github.comments
    assert "`Retrain newest`. Not pushed here: this branch has commits of others" in comment["body"]
    assert tip[:9] in comment["body"]


def test_an_amended_commit_is_a_persons(github: GitHub, project: Project) -> None:
    propose(project)
    publish(github, project)
    work = Project(project.path.parent / "work", project.env)
    project.run("git", "clone", "--quiet", "-b", BRANCH, str(github.repository), str(work.path))
    work.run("git", "commit", "--quiet", "--amend", "--message", "Mine")
    work.run("git", "push", "--quiet", "--force")
    propose(project, "newer")
    assert "commits of others" in publish(github, project)


def test_a_refused_pull_request_stays_closed(github: GitHub, project: Project) -> None:
    propose(project)
    publish(github, project)
    github.opened[1]["state"] = "closed"
    propose(project, "newer")
    tip = github.tip(BRANCH)
    assert "is of the same data, and closed: left so" in publish(github, project)
    assert github.tip(BRANCH) == tip
    assert list(github.opened) == [1]


def test_the_branch_of_a_merged_one_may_be_used_again(github: GitHub, project: Project) -> None:
    propose(project)
    publish(github, project)
    github.opened[1] |= {"state": "closed", "merged_at": "2026-01-01T00:00:00Z"}
    commit = propose(project, "newer")
    assert "opened" in publish(github, project)
    assert github.tip(BRANCH) == commit


def merging(project: Project, github: GitHub, text: str = MERGE) -> None:
    (project.path / "pyproject.toml").write_text(text)
    project.commit("Merge what is no worse")
    project.run("git", "push", "--quiet", str(github.repository), "HEAD:main")


def test_it_merges_only_if_the_team_and_the_verdict_say_so(
    github: GitHub, project: Project
) -> None:
    commit = propose(project, merge="yes")
    publish(github, project)
    assert github.tip("main") != commit  # the team has not said so

    project.run("git", "checkout", "--quiet", "main")
    merging(project, github)
    propose(project, "worse", merge="no")
    assert "not merged, as it is not shown to be no worse" in publish(github, project)
    commit = propose(project, "better", merge="yes")
    assert ", and merged it" in publish(github, project)
    assert github.tip("main") == commit
    assert github.pull(1)["merged_at"]


@pytest.mark.parametrize(
    "name", ["src/train.py", "dvc.yaml", ".dvc/config", ".github/x.json", "requirements.lock"]
)
def test_it_never_merges_code(github: GitHub, project: Project, name: str) -> None:
    merging(project, github)
    main = github.tip("main")
    propose(project, name=name, merge="yes")
    assert f"not merged, as more than data has changed: {name!r}" in publish(github, project)
    assert github.tip("main") == main


def test_what_github_does_not_merge_yet_is_said(github: GitHub, project: Project) -> None:
    merging(project, github)
    github.faults["PUT /merge"] = [Fault(status=405, message="Required status check is expected")]
    propose(project, merge="yes")
    assert "not merged yet: GitHub refuses PUT" in publish(github, project)
    publish(github, project)  # the next run tries again
    assert github.pull(1)["merged_at"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"branch": "main"}, "names no branch of its own"),
        ({"branch": "retrain/../../main"}, "names no branch of its own"),
        ({"who": ("-c", "user.email=eve@example.org")}, "is not one commit on top of"),
    ],
)
def test_what_is_no_proposal_is_refused(
    github: GitHub, project: Project, how: dict[str, Any], said: str
) -> None:
    main = github.tip("main")
    real = how.pop("branch", BRANCH)
    propose(project, **how)
    (folder_of(project) / "branch").write_text(real)
    assert said in publish(github, project, code=1)
    assert github.tip("main") == main
    assert not github.tip(BRANCH)
    assert not github.opened


def test_a_commit_on_top_of_another_is_refused(github: GitHub, project: Project) -> None:
    propose(project)
    (project.path / "more").touch()
    project.run("git", "checkout", "--quiet", "main")
    project.commit("Main has moved")
    assert "is not one commit on top of" in publish(github, project, code=1)


def test_a_run_without_a_decision_fails(github: GitHub, project: Project) -> None:
    write(project)
    assert "has written no decision" in publish(github, project, code=1)


def test_who_may_not_open_pull_requests_is_told_what_to_do(
    github: GitHub, project: Project
) -> None:
    message = "GitHub Actions is not permitted to create or approve pull requests."
    github.faults["POST /pulls"] = [Fault(status=403, message=message)]
    propose(project)
    said = publish(github, project, code=1)
    assert "RETRAIN_TOKEN" in said
    assert "docs/lifecycle.md" in said
    assert "opened" in publish(github, project)  # once it is permitted


def test_one_issue_says_what_is_wrong_and_is_closed_when_it_is_not(
    github: GitHub, project: Project
) -> None:
    github.issue("Retraining stopped", "<!-- strata-retrain x -->", EVE)  # a stranger's
    for text in ("column a: missing", "column a: missing", "column b: missing"):
        write(project, title="Retraining stopped: x", body=text, base="a" * 40, decision="stopped")
        publish(github, project)
    theirs, ours = github.issues
    assert theirs["state"] == "open"
    assert "column b: missing" in ours["body"]
    assert "at aaaaaaaaa" in ours["body"]
    assert "opened" not in publish(github, project)
    write(project, body="no new data has come", decision="nothing")
    assert "nothing to propose: no new data has come" in publish(github, project)
    assert ours["state"] == "closed"
    assert "got through" in ours["body"]
    assert theirs["state"] == "open"
    write(project, title="Retraining stopped: x", body="column b: missing", decision="stopped")
    publish(github, project)  # it is back
    assert [issue["state"] for issue in github.issues] == ["open", "closed", "open"]


def test_an_issue_that_a_person_has_closed_stays_closed_until_there_is_another_fault(
    github: GitHub, project: Project
) -> None:
    write(project, title="Stopped", body="column a: missing", decision="stopped")
    publish(github, project)
    github.issues[0]["state"] = "closed"
    assert "is closed: left so" in publish(github, project)
    assert len(github.issues) == 1
    write(project, title="Stopped", body="column b: missing", decision="stopped")
    publish(github, project)
    assert len(github.issues) == 2


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["POST /issues", "PATCH /issues/1"])
def test_an_answer_that_is_lost_makes_no_second_issue(
    github: GitHub, project: Project, path: str
) -> None:
    github.faults[path] = [Fault(done=True)]
    for text in ("column a: missing", "column b: missing"):
        write(project, title="Stopped", body=text, decision="stopped")
        publish(github, project)
    (issue,) = github.issues
    assert "column b: missing" in issue["body"]


def test_no_token_is_shown(github: GitHub, project: Project) -> None:
    propose(project)
    env = {"GITHUB_SERVER_URL": "https://localhost:1"}  # where nobody listens
    process = start(github, project, **env)
    said, _ = process.communicate()
    assert process.returncode == 1
    assert github.env["GITHUB_TOKEN"] not in said
    assert "git ls-remote" in said
    assert os.environ.get("GITHUB_TOKEN") != github.env["GITHUB_TOKEN"]
