"""The metrics along a line of history are those that each commit, read by itself, has."""

import json

import pytest
from project import Project, Strata, sandbox
from tiny import write
from zoo import DVC

from strata import git
from strata.core.errors import Fault
from strata.core.values import Leaves
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata.releases.history import points

pytestmark = pytest.mark.slow


def one_by_one(project: Project) -> list[tuple[str, Leaves | None]]:
    """The commits in which the metrics changed, by reading every commit whole."""
    found: list[tuple[str, Leaves | None]] = []
    with opened(project.path) as store:
        commits = git.git("rev-list", "--first-parent", "--reverse", "HEAD", root=project.path)
        for commit in commits.split():
            try:
                metrics: Leaves | None = Revision(store, commit).metrics
            except Fault:
                metrics = None
            if repr(metrics) != (repr(found[-1][1]) if found else "{}"):
                found.append((commit, metrics))
    return found


def along(project: Project) -> list[tuple[str, Leaves | None]]:
    with opened(project.path) as store:
        line = git.first_parents(project.path, refs.commit_of("HEAD", project.path))
        return [(point.commit.hash, point.metrics) for point in points(store, line)]


def yaml(metrics: str, head: str = "", wdir: str = "") -> str:
    at = f"    wdir: {wdir}\n" if wdir else ""
    return f"{head}stages:\n  a:\n    cmd: x\n{at}    metrics: [{metrics}: {{cache: false}}]\n"


STEPS: list[dict[str, str]] = [
    {"README.md": "no DVC yet"},
    {**DVC, "dvc.yaml": yaml("m.json")},  # which is not there yet
    {"m.json": '{"a": 1}'},
    {"code.py": "1"},
    {"m.json": '{"a":   1}'},  # the same values
    {"m.json": '{"a": 2, "deep": {"b": NaN}}'},
    {"m.json": '{"a": '},  # broken
    {"m.json": "[1]"},
    {"m.json": '{"a": 3}', "other.json": '{"c": 1}'},
    {"dvc.yaml": yaml("m.json") + "metrics: [other.json]\n"},
    {"dvc.yaml": yaml("other.json")},
    {"dvc.yaml": "stages: ["},  # broken
    {"code.py": "2"},
    {"dvc.lock": "<<<<<<<", "dvc.yaml": yaml("other.json", "# another\n")},  # broken, too
    {"dvc.lock": "schema: '2.0'\n"},
    {"dvc.yaml": yaml("${name}.json"), "params.yaml": "name: m\n"},
    {"params.yaml": "name: other\n"},
    {"dvc.yaml": yaml("${at}.json", "vars: [conf/v.yaml]\n"), "conf/v.yaml": "at: m\n"},
    {"conf/v.yaml": "at: other\n"},
    {"dvc.yaml": yaml("all"), "all/x.json": '{"x": 1}', "all/y.json": '{"y": 1}'},
    {"all/y.json": '{"y": 2}'},
    {"sub/dvc.yaml": yaml("n.json", wdir="deep"), "sub/deep/n.json": '{"n": 5}'},
    {"sub/deep/n.json": '{"n": 6}'},
]


@pytest.mark.parametrize("folder", ["", "teams/ml"])
def test_reading_few_things_finds_what_reading_all_does(
    folder: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("history")
    project = Project(top / "project" / folder, sandbox(top / "home"))
    project.path.mkdir(parents=True)
    project.run("git", "init", "--quiet", str(top / "project"))
    for at, files in enumerate(STEPS):
        write(project.path, files)
        project.commit(f"Step {at}")
    project.run("git", "switch", "--quiet", "--create", "side", "HEAD~2")
    write(project.path, {"all/x.json": '{"x": 8}'})
    project.commit("Beside it")
    project.run("git", "switch", "--quiet", "main")
    project.run("git", "merge", "--quiet", "--no-edit", "side")
    (project.path / "all/y.json").unlink()
    project.commit("Remove one")
    found = along(project)
    assert repr(found) == repr(one_by_one(project))
    assert len(found) > 12


def test_metrics_that_dvc_keeps_are_found_as_well(project: Project, strata: Strata) -> None:
    file = project.path / "dvc.yaml"
    file.write_text(file.read_text().replace("metrics.json: {cache: false}", "metrics.json"))
    project.run("git", "rm", "--quiet", "--cached", "metrics/metrics.json")
    for skill in (1.5, 2.0):
        project.set(**{"train.skill": skill})
        project.run("dvc", "repro", "--quiet")
        project.commit(f"Skill {skill}")
    found = along(project)
    assert json.dumps(found) == json.dumps(one_by_one(project))
    assert len(found) == 3
