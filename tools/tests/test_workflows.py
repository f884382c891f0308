"""The workflows as GitHub runs them: by act, on this machine, against a small GitHub of our own.

Not GitHub's: the set-up, cache and artifact actions are stand-ins. report.yml gets no token at
all, and comment.yml nothing of the pull request but the artifact.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from github import GH, TOKEN, GitHub, program, serve
from project import ROOT, Project

WORKFLOWS = ROOT / ".github/workflows"
MAKEFILE = """export PATH := $(CURDIR)/.venv/bin:$(PATH)
setup: ; @true
repro: ; @dvc repro
"""
STUB = """name: stub
inputs:
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
    return sorted(set(re.findall(r"uses: (\S+)", text)))


def test_every_action_is_pinned_to_a_commit_with_its_version() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_shell_line_has_an_expression_in_it() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), step


def test_only_the_workflow_without_foreign_code_may_write() -> None:
    for path in sorted(WORKFLOWS.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        permissions = [content["permissions"]]
        permissions += [job.get("permissions", {}) for job in content["jobs"].values()]
        writes = {key for each in permissions for key, value in each.items() if value == "write"}
        assert writes == ({"pull-requests"} if path.name == "comment.yml" else set()), path.name
        assert content["concurrency"]
        assert "pull_request_target" not in path.read_text(encoding="utf-8")


class Actions:
    """What of GitHub Actions act does not bring: events, artifacts, the programs of a runner."""

    def __init__(self, project: Project, github: GitHub, folder: Path) -> None:
        self.project, self.github, self.folder = project, github, folder
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        self.base = project.run("git", "rev-parse", "HEAD").strip()
        project.run("git", "remote", "add", "origin", f"{github.url}/owner/name")  # act asks it
        program(folder / "bin", "gh", GH)

    def stub(self, name: str, commit: str) -> str:
        """What the stand-in of an action does; there, `make` finds its tools set up already."""
        there, project = f"{self.artifacts}/report", self.project.path
        return {
            "checkout": f"git clone --quiet {project} . && git checkout --quiet {commit}"
            f" && ln -s {project}/.dvc/cache .dvc/cache && mkdir .venv"
            f" && ln -s {sys.prefix}/* .venv && touch .venv/.ready",
            "upload-artifact": f"cp -R ${{{{ inputs.path }}}} {there}",
            "download-artifact": f"cp -R {there} ${{{{ inputs.path }}}}",
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
        env["PATH"] = os.pathsep.join([str(self.folder / "bin"), env["PATH"]])
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
        pull = {
            "number": number,
            "head": {"sha": head, "ref": "x$(touch pwned)", "repo": {"full_name": f"{owner}/name"}},
            "base": {"sha": self.base, "ref": "main", "repo": {"full_name": "owner/name"}},
        }
        repository = {"full_name": "owner/name", "default_branch": "main"}
        repository |= {"name": "name", "owner": {"login": "owner"}}  # type: ignore[dict-item]
        event = {"action": "synchronize", "number": number, "pull_request": pull}
        self.act("pull_request", "report.yml", event | {"repository": repository}, head, code=code)
        assert (self.artifacts / "report/number").read_text() == f"{number}\n"
        assert not (self.project.path / "pwned").exists()
        run = {
            "id": 1,
            "event": "pull_request",
            "conclusion": "failure" if code else "success",
            "head_sha": head,
            "head_branch": "x$(touch pwned)",
            "head_repository": {"full_name": f"{owner}/name"},
            "html_url": f"{self.github.url}/owner/name/actions/runs/1",
        }
        secrets = ["--secret", f"GITHUB_TOKEN={TOKEN}"]
        for name, value in self.github.env.items():
            if not name.startswith("GITHUB_"):
                secrets += ["--env", f"{name}={value}"]
        self.act(
            *("workflow_run", "comment.yml", {"workflow_run": run, "repository": repository}),
            *(self.base, *secrets),
        )
        comments = [c for c in self.github.comments if c["number"] == number]
        assert len(comments) == 1
        return str(comments[0]["body"])


@pytest.fixture
def actions(project: Project, tmp_path: Path) -> Iterator[Actions]:
    shutil.copytree(ROOT / ".github", project.path / ".github")
    (project.path / "Makefile").write_text(MAKEFILE)
    project.commit("Add the workflows")
    with serve(tmp_path) as github:
        yield Actions(project, github, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("act"), reason="act has no wheel for this system")
def test_pull_requests_get_one_comment_each_that_follows_their_pushes(actions: Actions) -> None:
    project = actions.project
    project.set(**{"train.skill": 1.1})
    project.run("dvc", "repro", "--quiet")
    body = actions.push(7, project.commit("More trees"))
    assert re.match(r"## Strata: (better|worse|within noise)\n", body)
    assert "| `train.skill` | 1 | 1.1 |" in body
    assert "| `data` | unchanged |" in body
    assert "paired by day" in body

    project.set(**{"train.skill": 1.2})
    stale = project.commit("Forget dvc repro")
    body = actions.push(7, stale, code=1)
    assert body.startswith("## Strata: lock stale\n")
    assert "the committed dvc.lock has another `train`" in body
    assert "| `train.skill` | 1 | 1.2 |" in body
    assert [line.split()[0] for line in actions.github.log].count("POST") == 1

    project.run("dvc", "repro", "--quiet")
    settings = project.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace("= 0.6", "= 0.99"))
    body = actions.push(8, project.commit("A gate too high"), code=1, fork=True)
    assert body.startswith("## Strata: gate failed\n")
    assert "**gate failed**: `test.roc_auc` `minimum` 0.99: 0." in body
    assert len(actions.github.comments) == 2
