"""`strata retrain`: what new data comes to, on the tiny pipeline."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata, heed_ctrl_c

from strata.compare import CODES
from strata.compare.verdict import WITHIN
from strata.core.errors import Fault
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.retrain.decision import arrived, branch_of, check, data_of, refusal
from strata.retrain.steps import failing

PATIENCE = 20  # seconds
DATA = st.dictionaries(st.text(min_size=1), st.text("0123456789abcdef", min_size=1))
CARD = "# Card\n\n### Stages <b>of & all\n\nA text, as it &lt; stands.\n"
LOG = """Running stage 'data':
> python data.py
data: 800 rows, 0.1 s
Updating lock file 'dvc.lock'

Running stage 'sub/dvc.yaml:check':
> python check.py
check: data/raw/3.parquet: column a: missing
ERROR: failed to reproduce 'check': failed to run: python check.py, exited with 1
"""


@given(DATA, DATA)
def test_a_branch_is_named_by_what_the_data_is(one: dict[str, str], other: dict[str, str]) -> None:
    assert branch_of(one) == branch_of(dict(reversed(one.items())))
    assert (branch_of(one) == branch_of(other)) == (one == other)
    assert bool(arrived(one, other)) == (one != other)
    assert len(branch_of(one)) == len("retrain/") + 12


@pytest.mark.parametrize("word", CODES)
def test_data_that_has_come_is_proposed_whatever_the_model_does(word: str) -> None:
    assert refusal(["data/raw"], {"data": ["param a"]}, True, word) == ""


@pytest.mark.parametrize(
    ("moved", "word", "why"),
    [
        ({}, "better", "dvc.lock is fresh"),
        ({"train": []}, "better", "train gave other bytes here from the same inputs"),
        ({"train": ["param seed"]}, "better", ""),
        ({"train": ["param seed"]}, "no worse", ""),
        ({"train": ["param seed"]}, WITHIN, ""),
        ({"train": ["param seed"]}, "worse", "what dvc.lock lacked is worse"),
        ({"train": ["param seed"]}, "cannot tell", "what dvc.lock lacked is cannot tell"),
    ],
)
def test_without_new_data_only_a_model_that_is_no_worse_is_proposed(
    moved: dict[str, list[str]], word: str, why: str
) -> None:
    found = refusal([], moved, True, word)
    assert (why in found) if why else found == ""


def test_other_bytes_of_the_same_rows_are_no_news() -> None:
    found = refusal(["source"], {"ingest": ["source"]}, False, "no worse")
    assert found == "the pipeline makes the same of source"


def test_the_words_of_the_stage_that_failed_are_found() -> None:
    stage, lines = failing(LOG)
    assert stage == "sub/dvc.yaml:check"
    assert lines[0] == "check: data/raw/3.parquet: column a: missing"
    assert failing("ERROR: dvc.yaml is broken\n") == ("", ["ERROR: dvc.yaml is broken"])


@pytest.mark.parametrize(
    "settings",
    [{"arrives": "x"}, {"arrive": ["x"]}, {"auto_merge": "always"}, {"auto_merge": True}],
)
def test_what_is_no_setting_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(Fault, match=r"\[tool.strata.retrain\]: "):
        check(settings)


def test_a_model_and_what_is_made_of_data_is_no_data(reproduced: Project) -> None:
    with opened(reproduced.path) as store:
        this = Revision(store, None)
        (data,) = (out for out in this.outputs if out.path == "data/raw")
        assert data_of(this) == {"data/raw": data.hash}


def with_arrive(project: Project, command: str, settings: str = "") -> None:
    """Set the command that takes new data."""
    with (project.path / "pyproject.toml").open("a") as text:
        text.write(f"[tool.strata.retrain]\narrive = {json.dumps(command)}\n{settings}")
    project.commit("Set how data comes")


def months(number: int) -> str:
    """A command that lets so many months be there."""
    code = (
        "import pathlib, re; path = pathlib.Path('params.yaml'); "
        f"path.write_text(re.sub(r'months: \\d+', 'months: {number}', path.read_text()))"
    )
    return subprocess.list2cmdline([sys.executable, "-c", code])


def read(project: Project, name: str) -> str:
    return (project.path.parent / "out" / name).read_text(encoding="utf-8").strip()


def retrain(project: Project, strata: Strata, code: int = 0) -> str:
    return strata(project, "retrain", "-o", str(project.path.parent / "out"), code=code)


@pytest.mark.slow
def test_a_change_that_its_length_and_time_do_not_show_is_committed(
    project: Project, strata: Strata
) -> None:
    """As of a param that is set in the second of a checkout."""
    with_arrive(project, f"{months(3)} && touch -d @1 params.yaml")
    os.utime(project.path / "params.yaml", (1, 1))
    project.run("git", "config", "core.trustctime", "false")
    project.run("git", "update-index", "--refresh")
    retrain(project, strata)
    branch = read(project, "branch")
    assert "months: 3" in project.run("git", "show", f"{branch}:params.yaml")


@pytest.mark.slow
def test_new_data_is_proposed_on_a_branch_of_its_own(project: Project, strata: Strata) -> None:
    (project.path / "models/README.md").write_text(CARD)
    with_arrive(project, months(3), 'auto_merge = "no-worse"\n')
    base = project.run("git", "rev-parse", "HEAD").strip()
    said = retrain(project, strata)
    assert read(project, "decision") == "propose"
    assert read(project, "merge") == "yes"
    branch = read(project, "branch")
    assert f"proposed on {branch}: Retrain on new data, data.months 3: no worse" in said
    assert project.run("git", "branch", "--show-current").strip() == branch
    assert project.run("git", "rev-list", f"{base}..").count("\n") == 1
    assert project.run("git", "status", "--porcelain") == ""
    assert "up to date" in project.run("dvc", "status")
    body = read(project, "body.md")
    assert body.startswith("## Retrained: no worse\n\nNew data: `data/raw`.\n")
    assert f"The model against `{base[:9]}`, as no model is released: **no worse**." in body
    assert "stored nowhere: `dvc repro` makes them again" in body
    assert body.count("## Strata: no worse") == 1
    assert "monitor" in body
    escaped = CARD.replace("&", "&amp;").replace("<", "&lt;").rstrip()
    inert = "\n".join(f"> {line}".rstrip() for line in escaped.split("\n"))
    assert f"Open the card of this version</summary>\n\n{inert}" in body
    project.run("git", "bundle", "verify", str(project.path.parent / "out/change.bundle"))

    commit = project.run("git", "rev-parse", "HEAD")
    other = project.copy(project.path.parent / "other" / "project")
    other.run("git", "switch", "--quiet", "main")
    other.run("git", "branch", "--quiet", "-D", branch)
    other.run("dvc", "checkout", "--force", "--quiet")
    retrain(other, strata)
    assert other.run("git", "rev-parse", "HEAD") == commit  # there is no clock in it


@pytest.mark.slow
def test_where_nothing_is_new_nothing_is_proposed(project: Project, strata: Strata) -> None:
    with_arrive(project, months(2))
    tiny.forget(project)  # not even the data is here
    shutil.rmtree(project.path / "data")
    assert "nothing to propose: no new data has come, and dvc.lock is fresh" in retrain(
        project, strata
    )
    assert read(project, "decision") == "nothing"
    assert not (project.path / "data").exists()
    assert project.run("git", "branch", "--format", "%(refname:short)") == "main\n"


@pytest.mark.slow
def test_a_lock_that_was_stale_is_proposed_if_the_model_is_no_worse(
    project: Project, strata: Strata
) -> None:
    project.set(**{"train.skill": -5.0})
    project.commit("Forget dvc repro")
    assert "what dvc.lock lacked is worse" in retrain(project, strata)
    assert read(project, "decision") == "nothing"
    project.run("git", "restore", ".")
    project.set(**{"train.skill": 1.1})
    project.commit("Forget it again")
    retrain(project, strata)
    assert read(project, "body.md").startswith("## Retrained: ")
    assert "No new data; dvc.lock was stale." in read(project, "body.md")


@pytest.mark.slow
def test_the_champion_is_the_newest_release(versions: Project, strata: Strata) -> None:
    for number, at in ((1, "v1"), (2, "v2")):
        versions.run("git", "tag", "-m", "x", f"tiny@v0.{number}.0", at)
    versions.run("git", "tag", "-m", "x", "tiny#prod#1", "v1")
    with_arrive(versions, months(3))
    retrain(versions, strata)
    assert "The model against `tiny@v0.1.0`, which is prod: **better**" in read(versions, "body.md")


@pytest.mark.slow
def test_data_that_a_stage_refuses_stops_it(project: Project, strata: Strata) -> None:
    with (project.path / "data.py").open("a") as code:
        code.write("\nif month > 2:\n    raise SystemExit('data: 2013-03: no rows')\n")
    project.run("dvc", "repro", "--quiet")
    with_arrive(project, months(3))
    said = retrain(project, strata, code=1)
    assert "strata retrain: stage data fails" in said
    assert read(project, "decision") == "stopped"
    assert read(project, "title") == "Retraining stopped: stage data fails"
    assert "\ndata: 2013-03: no rows\n" in read(project, "body.md")
    assert project.run("git", "branch", "--format", "%(refname:short)") == "main\n"
    assert not (project.path.parent / "out/branch").exists()


@pytest.mark.slow
def test_a_command_that_fails_stops_it(project: Project, strata: Strata) -> None:
    with_arrive(project, "echo no answer from the source; exit 3")
    assert "fails, which takes new data" in retrain(project, strata, code=1)
    assert "no answer from the source" in read(project, "body.md")


@pytest.mark.slow
def test_what_is_not_committed_is_never_mixed_in(project: Project, strata: Strata) -> None:
    with_arrive(project, months(3))
    (project.path / "notes").touch()
    assert "not committed: notes; commit first" in retrain(project, strata, code=1)
    assert not (project.path.parent / "out/decision").exists()


@pytest.mark.slow
def test_commits_of_ones_own_on_the_branch_are_kept(project: Project, strata: Strata) -> None:
    with_arrive(project, months(3))
    retrain(project, strata)
    (project.path / "mine").touch()
    mine = project.commit("Mine")
    project.run("git", "switch", "--quiet", "main")
    project.run("dvc", "checkout", "--quiet")
    assert "has commits of yours" in retrain(project, strata, code=1)
    assert project.run("git", "rev-parse", read_branch(project)).strip() == mine


def read_branch(project: Project) -> str:
    listed = project.run("git", "branch", "--list", "--format", "%(refname:short)", "retrain/*")
    return listed.strip()


IMPORTING = tiny.FILES | {
    "data.py": "import pathlib, shutil\n"
    "shutil.rmtree('data/raw', ignore_errors=True)\n"
    "shutil.copytree('source', 'data/raw')\n",
    "dvc.yaml": tiny.FILES["dvc.yaml"]
    .replace("deps: [data.py, requirements.lock]", "deps: [data.py, source]")
    .replace("    params: [data]\n", ""),
    ".gitignore": tiny.FILES[".gitignore"] + "/source\n",
}


@pytest.fixture
def importing(reproduced: Project, tmp_path: Path) -> Project:
    """The pipeline on a folder that is in DVC, of two months; ``next`` holds a third."""
    project = Project(tmp_path / "project", reproduced.env)
    for place, count in (("project/source", 2), ("next", 3)):
        (tmp_path / place).mkdir(parents=True)
        names = sorted((reproduced.path / "data/raw").iterdir())
        for number in range(count):
            shutil.copy(names[number % 2], tmp_path / place / f"2013-0{number + 1}.parquet")
    tiny.write(project.path, IMPORTING)
    project.run("git", "init", "--quiet")
    project.run("dvc", "init", "--quiet")
    return project


def reproduce(project: Project) -> None:
    project.run("dvc", "repro", "--quiet")
    project.commit("Reproduce")


@pytest.mark.slow
def test_new_data_is_never_lost(importing: Project, strata: Strata, tmp_path: Path) -> None:
    """It is in DVC, and was not before; so the run that took it must push it."""
    importing.run("dvc", "add", "--quiet", "source")
    reproduce(importing)
    copy = "import shutil; shutil.copytree('../next', 'source', dirs_exist_ok=True)"
    with_arrive(importing, subprocess.list2cmdline([sys.executable, "-c", copy]))
    base = importing.run("git", "rev-parse", "HEAD").strip()
    said = retrain(importing, strata, code=1)
    assert "new data would be lost, as it is kept nowhere" in said
    assert "no storage is set" in said
    assert read(importing, "decision") == "stopped"

    importing.run("git", "checkout", "--quiet", "--force", "main")
    importing.run("dvc", "checkout", "--force", "--quiet")
    importing.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    importing.commit("Set storage")
    importing.run("dvc", "push", "--quiet")
    retrain(importing, strata)
    assert "Its data and model are in the storage." in read(importing, "body.md")
    assert "source" in read(importing, "body.md")
    assert importing.run("git", "rev-parse", "HEAD~1").strip() != base
    tiny.forget(importing)
    shutil.rmtree(importing.path / "source")
    importing.run("dvc", "pull", "--quiet")
    assert (importing.path / "source/2013-03.parquet").is_file()


@pytest.mark.slow
def test_without_a_command_the_sources_of_imports_are_asked(
    importing: Project, strata: Strata, tmp_path: Path
) -> None:
    shutil.rmtree(importing.path / "source")
    shutil.copytree(tmp_path / "next", tmp_path / "from")
    (tmp_path / "from/2013-03.parquet").unlink()
    importing.run("dvc", "import-url", "--quiet", str(tmp_path / "from"), "source")
    reproduce(importing)
    assert "no new data has come" in retrain(importing, strata)
    shutil.copy(tmp_path / "next/2013-03.parquet", tmp_path / "from")
    retrain(importing, strata)
    assert "New data: `source`." in read(importing, "body.md")

    shutil.rmtree(tmp_path / "from")
    said = retrain(importing, strata, code=1)
    assert "the source of an import gives no data" in said
    assert read(importing, "title") == "Retraining stopped: the source of an import gives no data"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.fault(
    "SIGTERM or Ctrl-C while `strata retrain` takes new data",
    "all that it has started ends with it",
)
def test_all_that_it_has_started_ends_with_it(project: Project, number: signal.Signals) -> None:
    with_arrive(project, "sleep 600 & echo its number is $!; wait")
    process = subprocess.Popen(
        ["strata", "retrain", "-o", str(project.path.parent / "out")],
        cwd=project.path,
        env=project.env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    assert process.stderr
    line = next(line for line in process.stderr if line.startswith("its number is "))
    child = psutil.Process(int(line.split()[-1]))
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    with contextlib.suppress(psutil.NoSuchProcess):
        while child.status() != psutil.STATUS_ZOMBIE:
            assert child.create_time() > time.time() - PATIENCE, "it goes on"
