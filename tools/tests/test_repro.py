"""`strata repro` does what `dvc repro` does, with one Python for all stages."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from project import Project, heed_ctrl_c

pytestmark = pytest.mark.slow

PARENT = 'import os\nfrom pathlib import Path\nPath("parent").write_text(str(os.getppid()))\n'
WAIT = 'print("waits", flush=True)\nimport time\ntime.sleep(600)\n'


def test_the_lock_is_that_of_dvc(project: Project) -> None:
    lock = project.read("dvc.lock")
    assert "train: fitted" in project.run("strata", "repro", "--force")
    assert project.read("dvc.lock") == lock
    assert "Data and pipelines are up to date" in project.run("strata", "repro")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is no warm Python")
def test_all_stages_have_one_parent(project: Project) -> None:
    for name in ("train", "evaluate"):
        path = project.path / f"{name}.py"
        path.write_text(PARENT.replace('"parent"', f'"{name}.parent"') + path.read_text())
    project.run("strata", "repro")
    parents = {(project.path / f"{name}.parent").read_text() for name in ("train", "evaluate")}
    assert len(parents) == 1


def test_arguments_are_those_of_dvc(project: Project) -> None:
    project.set(**{"train.skill": 2.0})
    assert "evaluate" not in project.run("strata", "repro", "train")
    assert "Running stage 'evaluate'" in project.run("strata", "repro", "--dry")
    assert "nothing" in project.run("strata", "repro", "nothing", fails=True)


def test_it_works_below_the_top(project: Project) -> None:
    project.set(**{"train.skill": 2.0})
    below = Project(project.path / "models", project.env)
    assert "train: fitted" in below.run("strata", "repro", "../dvc.yaml")


def test_a_stage_that_fails_is_a_failure(project: Project) -> None:
    (project.path / "train.py").write_text('raise SystemExit("train: no such model")\n')
    said = project.run("strata", "repro", fails=True)
    assert "train: no such model" in said
    assert "failed to reproduce 'train'" in said


def test_without_dvc_it_is_a_line(project: Project) -> None:
    shutil.rmtree(project.path / ".dvc")
    said = project.run("strata", "repro", fails=True)
    assert "Traceback" not in said
    assert "DVC" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.skipif(os.name == "nt", reason="no process groups")
def test_nothing_runs_on_after_it_is_ended(project: Project, number: int, tmp_path: Path) -> None:
    (project.path / "train.py").write_text(PARENT + WAIT)
    process = subprocess.Popen(
        ["strata", "repro"],
        cwd=project.path,
        env=project.env | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    assert process.stdout
    assert any("waits" in line for line in process.stdout)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    process.communicate()  # until all that hold its output or error are gone, the server too
    assert process.wait() != 0
    assert not list(tmp_path.glob("strata-*"))
    assert "stage" not in project.run("git", "status", "--short", "dvc.lock")
