"""The workflows as GitHub runs them: by act, on this machine, against a small GitHub of our own.

Not GitHub's: the set-up, cache, artifact and attestation actions are stand-ins. report.yml gets no
token at all, comment.yml nothing of the pull request but the artifact, and of release.yml only what
attaches the artifact a token. So it is with both jobs of retrain.yml, but that act knows no
permissions.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import warm
import yaml
from github import TOKEN, Fault, GitHub, program, serve
from project import ROOT, Project, sandbox

WORKFLOWS = ROOT / ".github/workflows"
BRANCH = "x$(touch pwned)"
REPOSITORY = {
    "repository": {
        **{"full_name": "owner/name", "default_branch": "main", "name": "name"},
        "owner": {"login": "owner"},
    }
}
MAKEFILE = """export PATH := $(CURDIR)/.venv/bin:$(PATH)
setup: ; @true
repro: ; @dvc repro
"""
STUB = """name: stub
inputs:
  name: {{}}
  path: {{}}
runs:
  using: composite
  steps:
    - run: {run}
      shell: bash
"""


def used() -> list[str]:
    """Each action of the workflows, as owner/name@commit."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*.yml")))
    return sorted(set(re.findall(r"\buses: (\S+)", text)))


def test_every_action_is_pinned_to_a_commit_with_its_version() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"\buses:", line):
                assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_shell_line_has_an_expression_in_it() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), step


MAY_WRITE = {  # and why: see the workflow
    ("comment.yml", "comment"): {"pull-requests", "statuses"},
    ("pages.yml", "deploy"): {"pages", "id-token"},
    ("retrain.yml", "publish"): {"contents", "issues", "pull-requests"},
    ("release.yml", "attach"): {"attestations", "contents", "id-token"},
    ("release.yml", "image"): {"attestations", "id-token", "packages"},
}


def test_only_jobs_that_run_no_code_of_the_pipeline_may_write() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert "write" not in content["permissions"].values(), path.name
        assert content["concurrency"]
        assert "pull_request_target" not in path.read_text(encoding="utf-8")
        for name, job in content["jobs"].items():
            granted = job.get("permissions", {}).items()
            writes = {key for key, value in granted if value == "write"}
            assert writes == MAY_WRITE.get((path.name, name), set()), (path.name, name)
            lines = "\n".join(step.get("run", "") for step in job["steps"])
            assert not writes or not re.search(r"\bmake\b|\.venv|\bdvc\b", lines), lines


def test_a_release_takes_nothing_from_a_cache_that_others_write() -> None:
    text = (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
    assert "actions/cache" not in text
    assert "secrets." not in text


def test_what_publishes_the_page_runs_nothing_else_and_no_pull_request_starts_it() -> None:
    content = yaml.safe_load((WORKFLOWS / "pages.yml").read_text(encoding="utf-8"))
    assert set(content[True]) == {"push", "workflow_dispatch"}  # YAML 1.1 reads `on` as a truth
    assert content[True]["push"]["branches"] == ["main"]
    assert content["permissions"] == {"contents": "read"}
    build, deploy = (content["jobs"][name] for name in ("build", "deploy"))
    assert "permissions" not in build
    (only,) = deploy["steps"]
    assert only["uses"].startswith("actions/deploy-pages@")
    assert "cache" not in " ".join(step.get("uses", "") for step in build["steps"])


GITLAB = {
    "apt-get": "",
    "npm": "",
    "sleep": "",
    "make": 'test -z "$BROKEN"',
    ".venv/bin/dvc": "",
    ".venv/bin/strata": 'printf "$REPORT"',
    "cml": 'cat comment.md >> posted; echo >> calls; test "$(wc -l < calls)" -gt "$REFUSALS"',
}


@pytest.mark.skipif(sys.platform != "linux", reason="runs on GitLab's Linux machines only")
@pytest.mark.parametrize(
    ("report", "refusals", "token", "code", "calls"),
    [
        ("## Strata: better", 0, "x", 0, 1),
        ("## Strata: better", 2, "x", 0, 3),  # GitLab answers late, and all is well
        ("## Strata: better", 9, "x", 1, 3),
        ("## Strata: better", 0, "", 0, 0),
        ("", 0, "x", 1, 0),
        (r"\n \n", 0, "x", 1, 0),
    ],
)
def test_on_gitlab_no_report_replaces_none_and_a_failure_fails(
    tmp_path: Path, report: str, refusals: int, token: str, code: int, calls: int
) -> None:
    job = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))["report"]
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name, text in GITLAB.items():
        path = tmp_path / (name if "/" in name else f"bin/{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "REPORT": report, "REFUSALS": str(refusals)}
    env |= {"REPO_TOKEN": token, "CI_COMMIT_SHORT_SHA": "0123abcd", "CI_JOB_URL": "https://x/1"}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=tmp_path,
        env=env | {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "main"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    written = (tmp_path / "posted").read_text() if calls else ""
    assert (
        written
        == f"_Written by the code of 0123abcd, in [this job](https://x/1)._\n\n{report}" * calls
    )


CURL = """#!/usr/bin/env python3
# A small GitLab behind the command that asks it: issues and merge requests, in a file.
import json, pathlib, sys
from urllib.parse import urlsplit

words, way, fields, url = sys.argv[1:], "GET", {{}}, ""
while words:
    word = words.pop(0)
    if word == "--request":
        way = words.pop(0)
    elif word in ("--data", "--data-urlencode"):
        text = words.pop(0)
        name, _, value = text.partition("=")
        if "@" in text and not value:
            name, _, path = text.partition("@")
            value = pathlib.Path(path).read_text()
        fields[name] = value
    elif word == "--config":
        assert pathlib.Path(words.pop(0)).read_text() == 'header = "PRIVATE-TOKEN: secret"\\n'
    elif word in ("--max-time", "--retry"):
        words.pop(0)
    elif not word.startswith("-"):
        url = word
kept = pathlib.Path({kept!r})
state = json.loads(kept.read_text()) if kept.exists() else {{"issues": [], "merge_requests": []}}
kind, *rest = urlsplit(url).path.removeprefix("/api/v4/projects/9/").split("/")
things = state[kind]
if way == "GET":
    print(json.dumps([t for t in things if all(t.get(k) == v for k, v in fields.items())]))
elif way == "POST":
    things.append({{"iid": len(things) + 1, "state": "opened"}} | fields)
elif rest[1:] == ["merge"]:
    things[int(rest[0]) - 1]["merge"] = fields
else:
    things[int(rest[0]) - 1].update(fields)
kept.write_text(json.dumps(state))
"""


class GitLab:
    """The job `propose` of .gitlab-ci.yml, in a clone whose origin is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder, folder / "gitlab.json"
        self.project = Project(folder / "project", sandbox(folder / "home"))
        self.project.path.mkdir()
        self.project.run("git", "init", "--quiet")
        (self.project.path / "dvc.lock").write_text("old\n")
        (self.project.path / ".gitignore").write_text("retrain\ntoken.conf\n")
        (self.project.path / "pyproject.toml").write_text("[tool.strata.retrain]\n")
        self.base = self.project.commit("Begin")
        self.served = folder / "served.git"
        self.project.run("git", "clone", "--quiet", "--bare", ".", str(self.served))
        program(folder / "bin", "curl", CURL, kept=str(self.kept))
        config = Path(self.project.env["GIT_CONFIG_GLOBAL"])
        short = f'[url "{self.served}"]\n insteadOf = https://gitlab.test/a/b.git\n'
        config.write_text(config.read_text() + short)

    @property
    def state(self) -> Any:
        return json.loads(self.kept.read_text())

    def tip(self, branch: str) -> str:
        return self.project.run("git", "ls-remote", str(self.served), branch).partition("\t")[0]

    def propose(self, code: int = 0, token: str = "secret", **texts: str) -> str:
        """Run the job on a folder as `strata retrain` leaves it, and return what it said."""
        out = self.project.path / "retrain"
        out.mkdir(exist_ok=True)
        for name, text in texts.items():
            (out / name.replace("body", "body.md")).write_text(f"{text}\n")
        job = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))["propose"]
        env = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "RETRAIN_TOKEN": token}
        env |= {"API": "https://gitlab.test/api/v4/projects/9", "CI_COMMIT_SHA": self.base}
        env |= {"CI_COMMIT_BRANCH": "main", "CI_PROJECT_URL": "https://gitlab.test/a/b"}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            cwd=self.project.path,
            env=self.project.env | env | {"CI_SERVER_URL": "https://gitlab.test"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def retrained(self, lock: str, name: str = "dvc.lock", merge: str = "no") -> tuple[str, str]:
        """A proposal, published; its branch, its commit, and what was said."""
        branch, run = "retrain/0123456789ab", self.project.run
        run("git", "checkout", "--quiet", "-B", branch, self.base)
        (self.project.path / name).write_text(f"{lock}\n")
        run("git", "add", "--all")
        who = ("-c", "user.name=x", "-c", "user.email=retrain@strata.invalid")
        run("git", *who, "commit", "--quiet", "--message", f"Retrain {lock}")
        (self.project.path / "retrain").mkdir(exist_ok=True)
        bundle = ("bundle", "create", "--quiet", "retrain/change.bundle")
        run("git", *bundle, f"{self.base}..{branch}", branch)
        commit = run("git", "rev-parse", "HEAD").strip()
        run("git", "checkout", "--quiet", "--detach", self.base)
        run("git", "branch", "--quiet", "-D", branch)
        texts: dict[str, Any] = {"title": f"Retrain: {lock}", "body": f"## {lock}", "merge": merge}
        return commit, self.propose(decision="propose", branch=branch, **texts)


@pytest.mark.skipif(sys.platform != "linux", reason="runs on GitLab's Linux machines only")
def test_on_gitlab_new_data_makes_one_merge_request(tmp_path: Path) -> None:
    gitlab, branch = GitLab(tmp_path), "retrain/0123456789ab"
    for lock in ("better", "worse", "worse"):
        commit, _ = gitlab.retrained(lock)
        assert gitlab.tip(branch) == commit
    (request,) = gitlab.state["merge_requests"]
    assert request["title"] == "Retrain: worse\n"
    assert request["description"] == "## worse\n"
    assert (request["source_branch"], request["target_branch"]) == (branch, "main")

    theirs = Project(tmp_path / "theirs", gitlab.project.env)
    theirs.path.mkdir()
    theirs.run("git", "clone", "--quiet", "--branch", branch, str(gitlab.served), ".")
    (theirs.path / "mine").touch()
    tip = theirs.commit("Mine")
    theirs.run("git", "push", "--quiet")
    assert "has commits of others" in gitlab.retrained("newer")[1]
    assert gitlab.tip(branch) == tip

    gitlab.kept.write_text(gitlab.kept.read_text().replace("opened", "closed"))
    assert "was closed: left so" in gitlab.retrained("newest")[1]
    assert len(gitlab.state["merge_requests"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="runs on GitLab's Linux machines only")
def test_on_gitlab_only_data_that_is_no_worse_is_merged_where_the_team_says_so(
    tmp_path: Path,
) -> None:
    gitlab = GitLab(tmp_path)

    def merged() -> Any:
        return gitlab.state["merge_requests"][0].get("merge")

    gitlab.retrained("a", merge="yes")
    assert merged() is None
    (gitlab.project.path / "pyproject.toml").write_text('auto_merge = "no-worse"\n')
    gitlab.base = gitlab.project.commit("Merge what is no worse")
    gitlab.retrained("b", merge="no")
    gitlab.retrained("c", name="train.py", merge="yes")
    assert merged() is None
    commit, _ = gitlab.retrained("d", merge="yes")
    assert merged()["sha"] == commit


@pytest.mark.skipif(sys.platform != "linux", reason="runs on GitLab's Linux machines only")
def test_on_gitlab_one_issue_says_what_is_wrong(tmp_path: Path) -> None:
    gitlab = GitLab(tmp_path)
    for text in ("column a: missing", "column b: missing"):
        gitlab.propose(decision="stopped", title="Stopped", body=text)
    (issue,) = gitlab.state["issues"]
    assert issue["description"] == "column b: missing\n"
    assert issue["labels"] == "strata-retrain"
    assert "nothing new" in gitlab.propose(decision="nothing", body="nothing new", token="")
    assert "No RETRAIN_TOKEN" in gitlab.propose(decision="stopped", token="", code=1)


class Actions:
    """What of GitHub Actions act does not bring: events, artifacts, the programs of a runner."""

    def __init__(self, project: Project, github: GitHub, folder: Path) -> None:
        self.project, self.github, self.folder = project, github, folder
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        self.broken: set[str] = set()  # actions that fail
        self.base = project.run("git", "rev-parse", "HEAD").strip()
        project.run("git", "remote", "add", "origin", f"{github.url}/owner/name")  # act asks it

    def stub(self, name: str, commit: str) -> str:
        """What the stand-in of an action does; there, `make` finds its tools set up already."""
        there, project = f"{self.artifacts}/${{{{ inputs.name }}}}", self.project.path
        if name in self.broken:
            return "exit 1"
        if commit:  # GitHub checks out a merge of the pull request's head into its base
            get = (
                f"git clone --quiet {project} . && git checkout --quiet {self.base}"
                f" && git -c user.name=x -c user.email=x merge --quiet --no-ff -m Merge {commit}"
            )
        else:
            get = f"git clone --quiet {self.github.repository} ."
        return {
            "checkout": f"{get} && ln -s {project}/.dvc/cache .dvc/cache && mkdir .venv"
            f" && ln -s {warm.place()}/* .venv && touch .venv/.ready",
            "upload-artifact": f"cp -R ${{{{ inputs.path }}}} {there}",
            "download-artifact": f"cp -R {there} ${{{{ inputs.path }}}}",
            "upload-pages-artifact": f"cp -R ${{{{ inputs.path }}}} {self.artifacts}/site",
        }.get(name, "echo a stand-in")

    def act(
        self, event: str, workflow: str, content: Any, commit: str, *options: str, code: int = 0
    ) -> str:
        """Run a workflow on an event, in a fresh clone at a commit, and return its log."""
        (self.folder / "event.json").write_text(json.dumps(content))
        stubs = []
        for action in used():
            name = action.split("@")[0].split("/")[1]
            stub = self.folder / "stubs" / name
            stub.mkdir(parents=True, exist_ok=True)
            (stub / "action.yml").write_text(STUB.format(run=self.stub(name, commit)))
            stubs += ["--local-repository", f"{action}={stub}"]
        env = self.project.env | {"ACT_DISABLE_VERSION_CHECK": "1"}
        done = subprocess.run(
            [
                *("act", event, "--workflows", f".github/workflows/{workflow}"),
                *("--eventpath", str(self.folder / "event.json")),
                *("--platform", "ubuntu-latest=-self-hosted", "--pull=false"),
                *("--action-offline-mode", "--no-cache-server", "--no-skip-checkout"),
                *("--github-instance", self.github.url.removeprefix("https://")),
                *stubs,
                *options,
            ],
            cwd=self.project.path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode != 0) == bool(code), done.stdout
        return done.stdout

    def push(self, number: int, head: str, code: int = 0, fork: bool = False) -> str:
        """A push to a pull request: report.yml, then comment.yml; the last comment's text."""
        self.github.heads[number] = head
        shutil.rmtree(self.artifacts / "report", ignore_errors=True)
        owner = "stranger" if fork else "owner"
        self.github.labels[number] = f"{owner}:{BRANCH}"
        pull = {
            "number": number,
            "head": {"sha": head, "ref": BRANCH, "repo": {"full_name": f"{owner}/name"}},
            "base": {"sha": self.base, "ref": "main", "repo": {"full_name": "owner/name"}},
        }
        event = {"action": "synchronize", "number": number, "pull_request": pull}
        self.act("pull_request", "report.yml", event | REPOSITORY, head, code=code)
        assert (self.artifacts / "report/number").read_text() == f"{number}\n"
        assert not (self.project.path / "pwned").exists()
        self.comment(head, "failure" if code else "success", owner)
        assert self.github.statuses[head]["state"] == "success"
        comments = [c for c in self.github.comments if c["number"] == number]
        assert len(comments) == 1
        whose, _, body = comments[0]["body"].partition("\n\n")
        assert f"_Written by the code of {head[:9]}, in [this run]" in whose
        return str(body)

    def comment(self, head: str, conclusion: str, owner: str = "owner", code: int = 0) -> None:
        """What follows when report.yml has ended."""
        run = {
            "id": 1,
            "event": "pull_request",
            "conclusion": conclusion,
            "head_sha": head,
            "head_branch": BRANCH,
            "head_repository": {"full_name": f"{owner}/name", "owner": {"login": owner}},
            "html_url": f"{self.github.url}/owner/name/actions/runs/1",
        }
        event = {"workflow_run": run} | REPOSITORY
        self.act("workflow_run", "comment.yml", event, self.base, *self.trusted, code=code)

    @property
    def trusted(self) -> list[str]:
        """What a workflow gets that may write."""
        options = ["--secret", f"GITHUB_TOKEN={TOKEN}"]
        for name, value in self.github.env.items():
            if not name.startswith("GITHUB_"):
                options += ["--env", f"{name}={value}"]
        return options

    def retrain(self, code: int = 0) -> str:
        """A run of retrain.yml, as scheduled."""
        shutil.rmtree(self.artifacts / "retrain", ignore_errors=True)
        event = {"schedule": "23 4 * * 1"} | REPOSITORY
        return self.act("schedule", "retrain.yml", event, "", *self.trusted, code=code)


@pytest.fixture
def actions(project: Project, tmp_path: Path) -> Iterator[Actions]:
    shutil.copytree(ROOT / ".github", project.path / ".github")
    (project.path / "Makefile").write_text(MAKEFILE)
    project.commit("Add the workflows")
    with serve(tmp_path) as github:
        yield Actions(project, github, tmp_path)


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_pull_requests_get_one_comment_each_that_follows_their_pushes(actions: Actions) -> None:
    project = actions.project
    project.set(**{"train.skill": 1.1})
    project.run("dvc", "repro", "--quiet")
    body = actions.push(7, project.commit("More trees"))
    assert re.match(r"## Strata: (better|worse|no worse|cannot tell)\n", body)
    assert "| `train.skill` | 1 | 1.1 |" in body
    assert "Unchanged stages: 1 of 3." in body
    assert "paired by day" in body

    project.set(**{"train.skill": 1.2})
    stale = project.commit("Forget dvc repro")
    body = actions.push(7, stale, code=1)
    assert body.startswith("## Strata: lock stale\n")
    assert "the committed dvc.lock has another `train`" in body
    assert "| `train.skill` | 1 | 1.2 |" in body
    assert len(actions.github.comments) == 1

    project.run("dvc", "repro", "--quiet")
    settings = project.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace("= 0.6", "= 0.99"))
    body = actions.push(8, project.commit("A gate too high"), code=1, fork=True)
    assert body.startswith("## Strata: gate failed\n")
    assert "**gate failed**: `test.roc_auc` `minimum` 0.99: 0." in body
    assert len(actions.github.comments) == 2


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
@pytest.mark.skipif(
    not shutil.which("curl"), reason="curl, which GitHub's machines have, is missing"
)
def test_what_goes_wrong_is_seen_on_the_pull_request(actions: Actions) -> None:
    github, head = actions.github, "a" * 40
    github.heads[7], github.labels[7] = head, f"stranger:{BRANCH}"
    actions.comment(head, "failure", "stranger", code=1)  # there is no artifact
    (comment,) = github.comments
    assert "**The run of aaaaaaaaa [ended without a report](" in comment["body"]
    assert github.statuses[head]["state"] == "failure"

    github.statuses.clear()
    actions.comment(head, "action_required")  # it waits for a maintainer: nothing went wrong
    assert github.statuses == {}

    actions.broken = {"checkout"}
    actions.comment(head, "success", code=1)
    assert github.statuses[head]["state"] == "error"
    assert github.statuses[head]["description"] == "Not posted: the set-up failed"
    here = f"{github.url}/owner/name/actions/runs/"
    assert github.statuses[head]["target_url"].startswith(here)


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_the_page_is_written_of_the_whole_history(actions: Actions) -> None:
    project, head = actions.project, actions.base
    project.run("git", "tag", "--annotate", "tiny@v0.1.0", "--message", "tiny\n\nwhy it was taken")
    project.run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/pushed-one", head)
    event = json.loads(json.dumps(REPOSITORY))
    event["repository"]["has_pages"] = False
    actions.act("push", "pages.yml", event, head, "--job", "build")
    assert not (actions.artifacts / "site").exists()
    event["repository"]["has_pages"] = True
    actions.act("push", "pages.yml", event, head, "--job", "build")
    page = (actions.artifacts / "site/index.html").read_text(encoding="utf-8")
    for text in ("why it was taken", "Card of the tiny model", "pushed-one", "test.roc_auc"):
        assert text in page


def with_source(actions: Actions, settings: str = "") -> Path:
    """Have new data come as a file says: the number of months that the source has."""
    project, source = actions.project, actions.folder / "months"
    (project.path / "arrive.py").write_text(
        "import pathlib, re\n"
        f"months = pathlib.Path({str(source)!r}).read_text()\n"
        "path = pathlib.Path('params.yaml')\n"
        "path.write_text(re.sub(r'months: \\d+', f'months: {months}', path.read_text()))\n"
    )
    check = (
        "\nif len(list(folder.iterdir())) > 8:\n    raise SystemExit('data: 2013-09: no rows')\n"
    )
    with (project.path / "data.py").open("a") as code:
        code.write(check)
    with (project.path / "pyproject.toml").open("a") as text:
        text.write(f'[tool.strata.retrain]\narrive = "python arrive.py"\n{settings}')
    with (project.path / ".gitignore").open("a") as text:
        text.write("/.venv\n/retrain\n")
    project.run("dvc", "repro", "--quiet")
    project.commit("Take new data")
    project.run("git", "clone", "--quiet", "--bare", ".", str(actions.github.repository))
    return source


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_new_data_makes_one_pull_request_and_bad_data_one_issue(actions: Actions) -> None:
    github, source = actions.github, with_source(actions)
    source.write_text("3")
    actions.retrain()
    (number,) = github.opened
    pull = github.pull(number)
    assert pull["title"] == "Retrain on new data, data.months 3: no worse"
    branch = pull["head"]["label"].removeprefix("owner:")
    assert re.fullmatch("retrain/[0-9a-f]{12}", branch)
    assert github.tip(f"{branch}^") == github.tip("main")
    body = pull["body"]
    assert body.index("## Retrained: no worse") < body.index("onitor") < body.index("## Strata: ")
    assert "| `data.months` | 2 | 3 |" in body
    assert "Reproduces: **yes**, 3 of 3 stages ran here" in body

    actions.retrain()  # the same data
    assert list(github.opened) == [number]
    assert github.pull(number)["head"] == pull["head"]  # and the same bytes

    source.write_text("9")
    for _ in range(2):
        actions.retrain(code=1)
        (issue,) = github.issues
        assert issue["title"] == "Retraining stopped: stage data fails"
        assert "\ndata: 2013-09: no rows\n" in issue["body"]
    assert list(github.opened) == [number]

    source.write_text("2")
    said = actions.retrain()
    assert "nothing to propose: no new data has come, and dvc.lock is fresh" in said
    assert issue["state"] == "closed"
    assert github.pull(number)["head"] == pull["head"]
    assert (list(github.opened), len(github.issues)) == ([number], 1)


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_a_pushed_tag_has_its_bundle_attached(actions: Actions, tmp_path: Path) -> None:
    project, github = actions.project, actions.github
    (project.path / "service").mkdir()
    (project.path / "service/Dockerfile").write_text("FROM scratch\n")
    export = "import pathlib, sys; pathlib.Path(sys.argv[1], 'model.onnx').write_text('a graph')\n"
    (project.path / "export.py").write_text(export)
    with (project.path / "pyproject.toml").open("a") as text:
        text.write('[tool.strata.release]\nexport = "python export.py"\n')
    head = actions.base = project.commit("A service")
    project.run("git", "tag", "--annotate", "--message", "Better, by far", "tiny@v0.1.0")
    docker = tmp_path / "docker-bin"
    docker.mkdir()
    (docker / "docker").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/docker\ncat serving/model.onnx >> {tmp_path}/docker\n'
        'test "$1" != inspect || echo "image@sha256:0123"\n'
    )
    (docker / "docker").chmod(0o755)
    options = ["--secret", f"GITHUB_TOKEN={TOKEN}"]
    options += ["--env", f"SSL_CERT_FILE={github.env['SSL_CERT_FILE']}"]
    options += ["--env", f"PATH={docker}:{project.env['PATH']}"]
    event = {"ref": "refs/tags/tiny@v0.1.0", "after": head} | REPOSITORY
    for _ in range(2):  # the second time, all is there already
        shutil.rmtree(actions.artifacts / "report", ignore_errors=True)
        actions.act("push", "release.yml", event, head, *options)
    (release,) = github.releases
    assert (release["tag_name"], release["draft"]) == ("tiny@v0.1.0", False)
    assert release["body"].strip() == "Better, by far"
    (asset,) = github.assets[1]
    assert asset["name"] == "tiny-v0.1.0.tar"
    project.run("tar", "--extract", "--file", str(github.folder / asset["name"]))
    said = project.run("sh", "-c", "strata verify-release tiny-v0.1.0; echo code $?")
    assert "refused" not in said
    assert said.endswith("code 4\n")  # it is not signed
    image = (tmp_path / "docker").read_text()
    built = "--build-arg VERSION=tiny-v0.1.0 --tag ghcr.io/owner/name:tiny-v0.1.0 ."
    assert f"build --file service/Dockerfile {built}" in image
    assert "push ghcr.io/owner/name:tiny-v0.1.0\na graph" in image


@pytest.mark.slow
def test_a_release_is_seen_once_all_is_attached_and_never_changed(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Notes")
    (tmp_path / "one.tar").write_bytes(b"one")
    (tmp_path / "two.tar").write_bytes(b"two")
    (tmp_path / "github").mkdir()

    def attach(github: GitHub, *files: str) -> "subprocess.CompletedProcess[str]":
        script = str(ROOT / ".github/attach.py")
        return subprocess.run(
            [sys.executable, script, "a@v1.0.0", "notes.md", *files],
            cwd=tmp_path,
            env=github.env,
            capture_output=True,
            text=True,
            check=False,
        )

    with serve(tmp_path / "github") as github:
        github.faults = {
            "POST /releases": [Fault(done=True)],  # made, and the answer lost
            "POST /assets": [Fault(), Fault(done=True)],
            "PATCH /releases/1": [Fault()],
        }
        done = attach(github, "one.tar", "two.tar")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"attach: 2 files to {github.url}/owner/name/releases/1\n"
        (release,) = github.releases
        assert not release["draft"]
        assert [each["name"] for each in github.assets[1]] == ["one.tar", "two.tar"]
        assert "PATCH" in github.log[-1]

        (tmp_path / "one.tar").write_bytes(b"another")
        done = attach(github, "one.tar")
        assert done.returncode == 1
        assert done.stderr == (
            "attach: the release has another one.tar, or half of it: remove it there\n"
        )
        assert (github.folder / "one.tar").read_bytes() == b"one"


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_what_is_no_worse_is_merged_where_the_team_says_so(actions: Actions) -> None:
    github, source = actions.github, with_source(actions, 'auto_merge = "no-worse"\n')
    source.write_text("3")
    actions.retrain()
    (pull,) = map(github.pull, github.opened)
    assert pull["merged_at"]
    assert github.tip("main") == pull["head"]["sha"]
    assert "nothing to propose: no new data has come" in actions.retrain()
    assert len(github.opened) == 1
