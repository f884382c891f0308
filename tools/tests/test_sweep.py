"""Sweeps as a user drives them: real git, real dvc, mostly on a pipeline of one short stage."""

import csv
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from project import Project, heed_ctrl_c, ref_of, run_queue, sandbox, sources
from tiny import create

from strata.sweep import worker

pytestmark = pytest.mark.slow

STEP = """\
import json, os, sys, time
from pathlib import Path
import numpy as np
from ruamel.yaml import YAML

step = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())["step"]
time.sleep(step["sleep"])
if step["x"] < 0:
    sys.exit("step: x is below 0")
score = float(np.round(1 - (step["x"] - 2) ** 2 / 100 - step["y"] / 1000, 6))
score = float("nan") if step["x"] == 66 else score
Path("model.txt").write_text(f"{step['x']} {step['y']}" * 100)
Path("metrics.json").write_text(json.dumps({"score": score, "score_se": 0.002, "loss": -score}))
"""

KILLER = """\
import psutil

if step["x"] == 3:
    [each.kill() for each in psutil.Process().parents() if "strata.sweep.worker" in each.cmdline()]
    time.sleep(60)
"""

KILL_WARM = """
import psutil

if step["x"] == 2 and not Path(os.environ["ONCE"]).exists():
    Path(os.environ["ONCE"]).touch()
    server, *_ = (each for each in psutil.Process().parents() if "server.py" in str(each.cmdline()))
    server.kill()
    time.sleep(60)
"""

PIPELINE = """\
stages:
  step:
    cmd: python -m step
    deps: [step.py]
    params: [step]
    outs: [model.txt]
    metrics:
      - metrics.json:
          cache: false
"""

AIM = ("--metric", "score", "--direction", "maximize")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("tiny")
    params = "step:\n  x: 1\n  y: 0\n  sleep: 0.0 # seconds\n"
    files = {"step.py": STEP, "dvc.yaml": PIPELINE, "params.yaml": params}
    return create(folder / "project", sandbox(folder / "home"), files)


@pytest.fixture
def tiny(made: Project, tmp_path: Path) -> Project:
    """A fresh repository with one stage: score is best at x = 2 and falls with y; x < 0 fails."""
    return made.copy(tmp_path / "tiny")


def table(project: Project, name: str) -> list[dict[str, str]]:
    with (project.path / f"sweeps/{name}/trials.csv").open() as file:
        return list(csv.DictReader(file))


def lock_of(project: Project, experiment: str) -> Any:
    return yaml.safe_load(show(project, experiment, "dvc.lock"))


def show(project: Project, experiment: str, path: str) -> str:
    return project.run("git", "show", f"{ref_of(project, experiment)}:{path}")


def begin(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["strata", "sweep", *arguments],
        cwd=project.path,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )


def wait_for_trials(process: subprocess.Popen[str], count: int) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith(f"[{count}/"):
            return
    raise AssertionError("the sweep ended early")


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a few seconds; a zombie has ended."""
    for _ in range(100):
        processes = [each for each in processes if each.is_running()]
        processes = [each for each in processes if each.status() != psutil.STATUS_ZOMBIE]
        if not processes:
            break
        time.sleep(0.1)
    return processes


@pytest.mark.thorough
def test_dvcs_own_queue_works_as_documented(tiny: Project) -> None:
    tiny.run("dvc", "exp", "run", "--name", "one", "-S", "step.x=3")
    tiny.run("git", "reset", "--quiet", "--hard")
    tiny.run("dvc", "exp", "run", "--queue", "--name", "q", "-S", "step.x=2,4", "-S", "step.y=5,6")
    run_queue(tiny, 4)
    shown = tiny.run("dvc", "exp", "show", "--csv")
    assert all(f"\nq-{number}," in shown for number in (1, 2, 3, 4))
    tiny.run("dvc", "exp", "apply", "q-3")
    assert tiny.read("model.txt").startswith(b"4 5")
    tiny.run("dvc", "exp", "branch", "q-2", "second")
    assert "x: 2" in tiny.run("git", "show", "second:params.yaml")


def test_a_grid_leaves_experiments_a_table_and_the_workspace_as_it_was(tiny: Project) -> None:
    (tiny.path / "notes.txt").write_text("mine")
    before = tiny.run("git", "status", "--porcelain")
    said = tiny.run(
        "strata", "sweep", "--name", "g", "-S", "step.x=1,2,-1", "-S", "step.y=range(0,2)", *AIM
    )
    assert "6 trials asked = 4 finished + 2 failed" in said
    assert "step: x is below 0" in said
    assert "1 other ties with it (g-4), by its standard error alone" in said
    assert "it takes 20 finished trials, here are 4" in said
    assert tiny.run("git", "status", "--porcelain") == before
    assert list((tiny.path / ".dvc/tmp/sweeps").iterdir()) == []

    rows = table(tiny, "g")
    assert [row["experiment"] for row in rows] == ["g-3", "g-4", "g-1", "g-2", "g-5", "g-6"]
    assert [row["state"] for row in rows] == ["finished"] * 4 + ["failed"] * 2
    assert {row["se"] for row in rows[:4]} == {"0.002"}
    assert not (tiny.path / "sweeps/g/importance.csv").exists()
    tiny.run("dvc", "plots", "show", "sweeps/g/trials.csv", "-x", "x", "-y", "score", "--json")

    shown = tiny.run("dvc", "exp", "show", "--csv")
    assert all(f"\ng-{number}," in shown for number in (1, 2, 3, 4))
    for row in rows[:4]:
        params = yaml.safe_load(show(tiny, row["experiment"], "params.yaml"))["step"]
        assert (str(params["x"]), str(params["y"])) == (row["x"], row["y"])
        metrics = json.loads(show(tiny, row["experiment"], "metrics.json"))
        assert float(row["score"]) == metrics["score"]


def test_an_experiment_has_what_dvcs_own_would_have(tiny: Project) -> None:
    """Of new files those that dvc.yaml names; two stages write one dvc.lock."""
    (tiny.path / "also.py").write_text(
        "from pathlib import Path\n"
        "Path('new').mkdir(exist_ok=True)\n"
        "for name in ('new/curve.csv', 'top.json', 'undeclared.txt', 'ignored.json'):\n"
        "    Path(name).write_text('{\"a\": 1}')\n"
    )
    (tiny.path / "dvc.yaml").write_text(
        PIPELINE + "  also:\n    cmd: python also.py\n    deps: [also.py, model.txt]\n"
        "    outs:\n      - new: {cache: false}\nplots: [top.json, ignored.json]\n"
    )
    (tiny.path / ".gitignore").write_text("/model.txt\n/ignored.json\n/sweeps\n")
    tiny.commit("a second stage, never run")
    tiny.run("strata", "sweep", "--name", "ours", "-S", "step.x=31", *AIM)
    tiny.run("dvc", "exp", "run", "--name", "theirs-1", "-S", "step.x=31")
    files = ["dvc.lock", "metrics.json", "params.yaml", "new/curve.csv", "top.json"]
    assert [show(tiny, "ours-1", name) for name in files] == [
        show(tiny, "theirs-1", name) for name in files
    ]
    ours, theirs = ref_of(tiny, "ours-1"), ref_of(tiny, "theirs-1")
    assert tiny.run("git", "diff", "--stat", ours, theirs) == ""
    assert "undeclared.txt" not in tiny.run("git", "ls-tree", "-r", "--name-only", ours)


def test_a_trial_finds_nothing_of_another_but_what_git_ignores(tiny: Project) -> None:
    text = STEP + "\nassert not Path('left/over').exists()\n"
    (tiny.path / "step.py").write_text(
        text + "Path('left').mkdir()\nPath('left/over').write_text('undeclared')\n"
    )
    tiny.commit("it leaves something behind")
    said = tiny.run("strata", "sweep", "--name", "l", "-S", "step.x=31,32", "--jobs", "1", *AIM)
    assert "2 finished + 0 failed" in said
    assert "left" not in tiny.run("git", "ls-tree", "-r", "--name-only", ref_of(tiny, "l-2"))


@pytest.mark.parametrize(
    "harm", ["shutil.rmtree('.git')", "open('.git/index.lock', 'x')", "shutil.rmtree('.')"]
)
def test_a_trial_that_breaks_its_clone_harms_nothing_else(tiny: Project, harm: str) -> None:
    """Without a .git in it, Git would go up from it and find the user's."""
    text = STEP + f"\nif step['x'] == 3:\n    import shutil\n\n    {harm}\n"
    (tiny.path / "step.py").write_text(text)
    tiny.commit("it breaks its clone")
    (tiny.path / "notes.txt").write_text("mine")
    before = tiny.run("git", "status", "--porcelain"), tiny.run("git", "rev-parse", "HEAD")
    how = ("--jobs", "1", *AIM)
    said = tiny.run("strata", "sweep", "--name", "g", "-S", "step.x=3,4", *how)
    assert "2 trials asked = 1 finished + 1 failed" in said
    assert (
        tiny.run("git", "status", "--porcelain"),
        tiny.run("git", "rev-parse", "HEAD"),
    ) == before
    assert tiny.read("notes.txt") == b"mine"


def keep_params(project: Project) -> None:
    """Let DVC keep the params, and Git no more."""
    project.run("git", "rm", "--quiet", "--cached", "params.yaml")
    project.run("dvc", "add", "params.yaml")
    project.commit("params in DVC")


def test_params_may_be_in_a_file_that_dvc_keeps(tiny: Project) -> None:
    keep_params(tiny)
    tiny.run("strata", "sweep", "--name", "ours", "-S", "step.x=31,32", "--jobs", "1", *AIM)
    assert [row["score"] for row in table(tiny, "ours")] == ["-7.41", "-8.0"]
    tiny.run("dvc", "exp", "run", "--name", "theirs", "-S", "step.x=31")
    assert tiny.run("git", "diff", ref_of(tiny, "ours-1"), ref_of(tiny, "theirs")) == ""


TWO = """
import os
from pathlib import Path
from strata.git import git
from strata.dvc import experiment
from strata.sweep import experiments

home = Path.cwd()
base = git("rev-parse", "HEAD")
root, _ = experiments.prepare(home, base, home.with_name("worker"))
os.chdir(root)
found = []
for name, said in (("a", "step.x=31"), ("b", "step.y=2")):
    experiments.clean(root, base)
    found.append(experiment.run(root, base, name, [said], [])["score"])
print(found)
"""


@pytest.mark.parametrize("kept", [False, True])
def test_a_param_that_a_trial_does_not_set_is_that_of_the_commit(tiny: Project, kept: bool) -> None:
    if kept:
        keep_params(tiny)
    assert "[-7.41, 0.988]" in tiny.run("python", "-c", TWO)


def test_hydra_composes_the_params_where_dvc_is_told_so(tiny: Project) -> None:
    (tiny.path / "conf").mkdir()
    (tiny.path / "conf/config.yaml").write_text("step: {x: 1, y: 4, sleep: 0.0}\n")
    tiny.run("dvc", "config", "hydra.enabled", "true")
    tiny.commit("hydra")
    tiny.run("strata", "sweep", "--name", "ours", "-S", "step.x=31", *AIM)
    assert yaml.safe_load(show(tiny, "ours-1", "params.yaml"))["step"] == {
        "x": 31,
        "y": 4,
        "sleep": 0.0,
    }


def test_a_search_finds_the_best_and_applies_it(tiny: Project) -> None:
    search = ("-S", "step.x=interval(0,9)", "-S", "step.y=tag(log,interval(0.01,1))")
    same = [
        tiny.run("strata", "sweep", "--name", name, *search, *AIM, "--trials", "8", "--jobs", "1")
        for name in ("s", "t")
    ]
    assert table(tiny, "s")[0]["x"] == table(tiny, "t")[0]["x"], "one seed, two searches"
    assert "8 trials asked = 8 finished + 0 failed" in same[0]

    said = tiny.run("strata", "sweep", "--resume", "s", "--apply", "best", "--branch", "winner")
    best = table(tiny, "s")[0]
    assert f"best: {best['experiment']}, score" in said
    assert f"{best['experiment']} is in the workspace" in said
    assert "up to date" in tiny.run("dvc", "status")
    assert f"x: {best['x']}" in (tiny.path / "params.yaml").read_text()
    assert f"x: {best['x']}" in tiny.run("git", "show", "winner:params.yaml")


def test_a_trial_runs_the_stages_that_the_settings_name_and_says_so(tiny: Project) -> None:
    with (tiny.path / "dvc.yaml").open("a") as file:
        file.write("  look:\n    cmd: python look.py\n    deps: [look.py, model.txt]\n")
        file.write("    outs: [look.txt]\n")
    (tiny.path / "look.py").write_text("import shutil; shutil.copy('model.txt', 'look.txt')\n")
    settings = tiny.path / "strata.toml"
    settings.write_text('[sweep]\nstages = ["stop"]\n')
    tiny.run("dvc", "repro")
    tiny.commit("Look")
    said = tiny.run("strata", "sweep", "--name", "s", "-S", "step.x=2,3", *AIM, fails=True)
    assert "[tool.strata.sweep]: stages: no stage 'stop'; there are step, look" in said
    settings.write_text('[sweep]\nstages = ["step"]\n')
    tiny.commit("Say it right")
    best = ("--apply", "best", "--branch", "better")
    said = tiny.run("strata", "sweep", "--name", "s", "-S", "step.x=2,3", *AIM, *best)
    assert "branch better begins with s-1; run `dvc repro` there for what trials leave out" in said
    assert "run `dvc repro` for what trials leave out, and commit it to keep it" in said
    assert lock_of(tiny, "s-1")["stages"]["look"] == lock_of(tiny, "s-2")["stages"]["look"]
    assert "Running stage 'step'" not in tiny.run("dvc", "repro")
    assert tiny.read("look.txt") == tiny.read("model.txt")


def test_minimizing_turns_the_table_round(tiny: Project) -> None:
    aim = ("--metric", "loss", "--direction", "minimize")
    said = tiny.run("strata", "sweep", "--name", "m", "-S", "step.x=0,2,5", *aim)
    assert [row["x"] for row in table(tiny, "m")] == ["2", "0", "5"]
    assert "whether others tie with it cannot be told" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-S", "step.z=1,2", *AIM], "step.z is not a key of params.yaml"),
        (["-S", "step.x=range(3,3)", *AIM], "has no values"),
        (["-S", "step.x=1,2", "--metric", "scor"], "no metric 'scor'; did you mean 'score'?"),
        (["-S", "step.x=1,2", "--metric", "score"], "--direction maximize or minimize"),
        (["-S", "step.x=1,2"], "no metric to look at"),
        ([*AIM], "nothing to vary"),
        (["-S", "none.yaml:step.x=1,2", *AIM], "has no file none.yaml"),
        (["-S", "~step.x", *AIM], "take the key away in a commit"),
        (["-S", "step.x=shuffle(1,2)", *AIM], "leave shuffle() out"),
        (["-S", "step.x=1,2", *AIM, "--apply", "bad-3"], "not a trial of bad"),
        (["-S", "step.x=1,2", *AIM, "--branch", "main"], "a branch main exists"),
        (["-S", "step.x=1,2", *AIM, "--branch", "x y"], "cannot name a branch"),
        (["-S", "step.x=1,2", *AIM, "--jobs", "0"], "at least 1"),
        (["-S", "step.x=1,2", *AIM, "--trials", "0"], "at least 1"),
        pytest.param(
            ["-S", "step.x=1,2", *AIM, "--scheduler", "tcp://127.0.0.1:9"],
            "no Dask scheduler",
            marks=pytest.mark.thorough,  # it waits ten seconds for one
        ),
        (["-S", "step.x=1,2", *AIM, "--scheduler", "nonsense"], "no Dask scheduler"),
    ],
)
def test_bad_input_is_refused_in_one_line(tiny: Project, arguments: list[str], said: str) -> None:
    output = tiny.run("strata", "sweep", "--name", "bad", *arguments, fails=True)
    assert len(output.splitlines()) == 1, output
    assert said in output
    assert not (tiny.path / "sweeps/bad").exists()


@pytest.mark.parametrize("name", ["", ".", "a..b", "a/b", "a b", "-1"])
def test_a_name_that_git_or_a_folder_cannot_have_is_refused(tiny: Project, name: str) -> None:
    said = tiny.run("strata", "sweep", f"--name={name}", "-S", "step.x=1,2", *AIM, fails=True)
    assert said == f"strata sweep: {name!r} cannot name a sweep; use letters, digits, - and _\n"
    said = tiny.run("strata", "sweep", f"--resume={name}", fails=True)
    assert said == f"strata sweep: no sweep {name!r} to go on with; there are: -\n"


def test_a_failed_trial_is_run_again_when_asked(tiny: Project) -> None:
    step = tiny.path / "step.py"
    step.write_text(
        STEP.replace("score = float(np", "Path(os.environ['GATE']).stat()\nscore = float(np", 1)
    )
    tiny.commit("Fail without a gate")
    gate = tiny.path.parent / "gate"
    tiny = Project(tiny.path, tiny.env | {"GATE": str(gate)})
    tiny.run("strata", "sweep", "--name", "f", "-S", "step.x=1,2", *AIM, fails=True)
    gate.touch()
    said = tiny.run("strata", "sweep", "--resume", "f", fails=True)
    assert "2 trials asked = 0 finished + 2 failed" in said
    said = tiny.run("strata", "sweep", "--resume", "f", "--retry")
    assert "2 trials asked = 2 finished + 0 failed" in said
    assert [row["x"] for row in table(tiny, "f")] == ["2", "1"]
    said = tiny.run("strata", "sweep", "--name", "n", "--retry", "-S", "step.x=1", *AIM, fails=True)
    assert "--retry is for a sweep that --resume names" in said


@pytest.mark.thorough
def test_a_warm_python_that_dies_is_started_again(tiny: Project) -> None:
    step = tiny.path / "step.py"
    step.write_text(STEP + KILL_WARM)
    tiny.commit("Kill the warm Python once")
    once = str(tiny.path.parent / "once")
    command = ("strata", "sweep", "--name", "w", "-S", "step.x=1,2,3", *AIM, "--jobs", "1")
    said = tiny.run(*command, ONCE=once, STRATA_TESTS_COLD="1")  # its own server is to die
    assert "3 trials asked = 3 finished + 0 failed" in said
    assert Path(once).exists()


def test_enough_trials_tell_what_mattered(tiny: Project) -> None:
    said = tiny.run("strata", "sweep", "--name", "i", "-S", "step.x=range(0,10)", *AIM)
    assert "what mattered: x 1.00" in said
    importance = (tiny.path / "sweeps/i/importance.csv").read_text().splitlines()
    assert importance[0] == "parameter,importance"


def test_ties_are_told_by_the_predictions_where_there_are_some(project: Project) -> None:
    aim = ("--metric", "test.roc_auc", "--direction", "maximize")
    said = project.run("strata", "sweep", "--name", "t", "-S", "train.skill=3,3.0001,0.1", *aim)
    assert re.search(r"1 other ties with it \(t-[12]\), row by row \(95%; the 2 nearest", said), (
        said
    )


def test_seeds_are_measured_and_committed(tiny: Project) -> None:
    """The tiny step has no seed: y stands in for one."""
    (tiny.path / "strata.toml").write_text('[seeds]\nparam = "step.y"\n')
    tiny.commit("Name the seed")
    assert "at least 3" in tiny.run("strata", "seeds", "2", fails=True)
    said = tiny.run("strata", "seeds", "5", "--jobs", "2")
    assert re.search(r"^score +0.988 +0.00158$", said, re.MULTILINE), said
    assert "seeds.json is committed: Measure the fit's own randomness with 5 seeds" in said
    assert tiny.run("git", "show", "--name-only", "--format=").split() == ["seeds.json"]
    found = json.loads(tiny.read("seeds.json"))
    assert found["seeds"] == [0, 1, 2, 3, 4]
    assert found["commit"] == tiny.run("git", "rev-parse", "HEAD~1").strip()
    assert found["sd"]["score"] == pytest.approx(0.001581139)
    assert tiny.run("git", "status", "--porcelain") == ""
    tiny.set(**{"step.x": 3})
    assert "params.yaml has changes" in tiny.run("strata", "seeds", fails=True)


def test_the_seed_is_derived_or_asked_for(tiny: Project, project: Project) -> None:
    said = tiny.run("strata", "seeds", fails=True)
    assert "Set param in [tool.strata.seeds]: none is called seed" in said
    said = project.run("strata", "seeds", "3")
    assert "no metric moves with the seed" in said
    assert json.loads(project.read("seeds.json"))["param"] == "train.seed"


def test_a_model_that_diverges_is_a_failed_trial(tiny: Project) -> None:
    said = tiny.run("strata", "sweep", "--name", "n", "-S", "step.x=66,2", *AIM, "--jobs", "1")
    assert "the metrics have no number score: it is nan" in said
    assert "2 trials asked = 1 finished + 1 failed" in said
    assert "best: n-2" in said


def test_an_experiment_of_that_name_does_not_pass_for_a_trial(tiny: Project) -> None:
    tiny.run("dvc", "exp", "run", "--name", "e-2", "-S", "step.x=9")
    tiny.run("git", "checkout", "--quiet", ".")
    said = tiny.run("strata", "sweep", "--name", "e", "-S", "step.x=1,2", *AIM, fails=True)
    assert said == "strata sweep: an experiment e-2 exists; name the sweep otherwise\n"


def test_applying_never_undoes_a_later_commit(tiny: Project) -> None:
    tiny.run("strata", "sweep", "--name", "a", "-S", "step.x=1,2", *AIM)
    (tiny.path / "notes").write_text("mine")
    tiny.commit("Later")
    said = tiny.run("strata", "sweep", "--resume", "a", "--apply", "best", fails=True)
    assert "would undo what was committed since" in said
    assert tiny.run("git", "status", "--porcelain") == ""
    tiny.run("strata", "sweep", "--resume", "a", "--branch", "winner")
    assert "x: 2" in tiny.run("git", "show", "winner:params.yaml")


def test_a_power_cut_leaves_a_sweep_that_goes_on(tiny: Project) -> None:
    tiny.run("strata", "sweep", "--name", "p", "-S", "step.x=1,2,3", *AIM, "--jobs", "1")
    journal = tiny.path / "sweeps/p/journal.log"
    for cut in (7, 500):
        journal.write_bytes(journal.read_bytes()[:-cut])
        (tiny.path / "sweeps/p/journal.log.lock").symlink_to(journal)
        said = tiny.run("strata", "sweep", "--resume", "p")
        assert "3 trials asked = 3 finished + 0 failed" in said
        assert sorted(row["x"] for row in table(tiny, "p")) == ["1", "2", "3"]
    (tiny.path / "sweeps/p/plan.json").write_text("")
    assert "cannot be read" in tiny.run("strata", "sweep", "--resume", "p", fails=True)


def test_a_removed_experiment_is_left_out(tiny: Project) -> None:
    tiny.run("strata", "sweep", "--name", "r", "-S", "step.x=1,2,3", *AIM)
    tiny.run("dvc", "exp", "remove", "r-2")
    said = tiny.run("strata", "sweep", "--resume", "r")
    assert "r-2 is left out: its experiment was removed" in said
    assert [row["experiment"] for row in table(tiny, "r")] == ["r-1", "r-3"]
    said = tiny.run("strata", "sweep", "--resume", "r", "--apply", "r-2", fails=True)
    assert "r-2 made no experiment that could be applied" in said


def test_an_experiment_put_in_the_place_of_a_trial_is_left_out(tiny: Project) -> None:
    tiny.run("strata", "sweep", "--name", "r", "-S", "step.x=1,2", *AIM)
    tiny.run("dvc", "exp", "remove", "r-2")
    tiny.run("dvc", "exp", "run", "--name", "r-2", "-S", "step.x=9")
    tiny.run("git", "checkout", "--quiet", ".")
    said = tiny.run("strata", "sweep", "--resume", "r")
    assert "r-2 is left out: its experiment was" in said
    assert [row["experiment"] for row in table(tiny, "r")] == ["r-1"]
    said = tiny.run("strata", "sweep", "--resume", "r", "--apply", "r-2", fails=True)
    assert "r-2 made no experiment that could be applied" in said


def test_a_sweep_starts_from_a_commit_and_never_overwrites(tiny: Project) -> None:
    tiny.set(**{"step.y": 7})
    command = ("strata", "sweep", "--name", "d", "-S", "step.x=1,2", *AIM)
    assert tiny.run(*command, fails=True).startswith("strata sweep: params.yaml has changes")
    tiny.run("git", "checkout", "params.yaml")
    tiny.run(*command)
    assert "go on with --resume d" in tiny.run(*command, fails=True)
    tiny.set(**{"step.y": 7})
    said = tiny.run("strata", "sweep", "--resume", "d", "--apply", "best", fails=True)
    assert "would overwrite" in said
    assert "there are: d" in tiny.run("strata", "sweep", "--resume", "e", fails=True)


def test_ctrl_c_ends_cleanly_and_resume_goes_on(tiny: Project) -> None:
    arguments = ("-S", "step.x=range(0,8)", "-S", "step.sleep=0.3", *AIM, "--jobs", "2")
    process = begin(tiny, "--name", "c", *arguments)
    wait_for_trials(process, 2)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert re.search(r"\d of 8 trials are done; go on: --resume c", rest)
    assert not alive(started)
    said = tiny.run("strata", "sweep", "--resume", "c")
    assert "8 trials asked = 8 finished + 0 failed" in said
    assert sorted(int(row["x"]) for row in table(tiny, "c")) == list(range(8))


def test_a_killed_sweep_leaves_no_process_and_goes_on(tiny: Project) -> None:
    arguments = ("-S", "step.x=interval(0,9)", "-S", "step.sleep=0.3", "--trials", "8")
    process = begin(tiny, "--name", "k", *arguments, *AIM, "--jobs", "2")
    wait_for_trials(process, 3)
    started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert not alive(started)
    said = tiny.run("strata", "sweep", "--resume", "k")
    assert "8 trials asked = 8 finished + 0 failed" in said
    assert len({row["x"] for row in table(tiny, "k")}) == 8, "no point is drawn twice"
    assert list((tiny.path / ".dvc/tmp/sweeps").iterdir()) == []


@pytest.mark.thorough
def test_a_hundred_trials_survive_killed_workers(tiny: Project) -> None:
    arguments = ("-S", "step.y=range(0,100)", *AIM, "--jobs", "2")
    process = begin(tiny, "--name", "h", *arguments)
    sweep, chance, killed = psutil.Process(process.pid), random.Random(0), 0
    while process.poll() is None and killed < 8:
        time.sleep(chance.uniform(0.5, 4))
        workers = [child for child in sweep.children() if "strata.sweep.worker" in child.cmdline()]
        if workers:
            chance.choice(workers).kill()
            killed += 1
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert killed >= 5
    (finished, failed) = re.findall(r"100 trials asked = (\d+) finished \+ (\d+) failed", said)[0]
    assert int(finished) + int(failed) == 100
    assert int(failed) <= 1, "only a trial whose worker was killed again and again"
    rows = table(tiny, "h")
    assert sorted(int(row["y"]) for row in rows) == list(range(100))
    done = sorted(int(row["trial"]) for row in rows if row["state"] == "finished")
    refs = tiny.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    assert sorted(int(ref.rsplit("-", 1)[1]) for ref in refs) == done


@pytest.mark.thorough
def test_a_worker_that_always_dies_is_a_failed_trial(tiny: Project) -> None:
    (tiny.path / "step.py").write_text(STEP + KILLER)
    tiny.commit("Kill the worker")
    command = ("strata", "sweep", "--name", "w", "-S", "step.x=2,3", *AIM, "--jobs", "1")
    said = tiny.run(*command, STRATA_TESTS_COLD="1")  # a stage that kills its parents
    assert "2 trials asked = 1 finished + 1 failed" in said
    assert "its worker died 5 times" in said


def test_a_trial_is_what_dvc_exp_run_makes_of_the_same_params(project: Project) -> None:
    aim = ("--metric", "test.roc_auc", "--direction", "maximize")
    arguments = ("-S", "train.skill=0.5,2", "-S", "train.seed=0,1", *aim, "--jobs", "2")
    said = project.run("strata", "sweep", "--name", "real", *arguments)
    assert "4 trials asked = 4 finished + 0 failed" in said
    points = [(skill, seed) for skill in ("0.5", "2") for seed in (0, 1)]
    cold = sandbox(project.path.parent / "cold")
    for number, (skill, seed) in list(enumerate(points, start=1))[::2]:
        fresh = Project(project.path.parent / f"fresh{number}", cold)
        project.run("git", "clone", "--quiet", ".", str(fresh.path))
        fresh.run("dvc", "exp", "run", "-S", f"train.skill={skill}", "-S", f"train.seed={seed}")
        assert fresh.read("dvc.lock").decode() == show(project, f"real-{number}", "dvc.lock")
        params = show(project, f"real-{number}", "params.yaml")
        assert fresh.read("params.yaml").decode() == params
    assert set(sources(project.run("strata", "restore", "real-3")).values()) == {"cache"}
    assert project.read("dvc.lock").decode() == show(project, "real-3", "dvc.lock")
    project.run("git", "checkout", "--quiet", "main")
    project.run("dvc", "exp", "apply", "real-4")
    assert "up to date" in project.run("dvc", "status")


@pytest.mark.thorough
def test_without_fork_the_trials_are_the_same(tiny: Project, tmp_path: Path) -> None:
    command = ("strata", "sweep", "-S", "step.x=1,2", *AIM, "--name")
    tiny.run(*command, "warm")
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking/sitecustomize.py").write_text("import os\n\ndel os.fork\n")
    lacking = Project(tiny.path, tiny.env | {"PYTHONPATH": str(tmp_path / "lacking")})
    said = lacking.run(*command, "cold")
    assert "2 trials asked = 2 finished + 0 failed" in said
    for number in (1, 2):
        assert lock_of(tiny, f"cold-{number}") == lock_of(tiny, f"warm-{number}")


def test_clones_of_dead_workers_go_but_those_of_other_hosts(tmp_path: Path) -> None:
    mine = Path(worker.folder_in(tmp_path))
    host, dead = socket.gethostname(), str(2**22 + 1)  # no process has that number on Linux
    gone = mine.with_name(mine.name.replace(str(os.getpid()), dead))
    theirs = mine.with_name(gone.name.replace(host, f"{host}-2"))
    older = mine.with_name(f"worker-{dead}-abc")  # of a version that named no host
    for folder in (gone, theirs, older):
        folder.mkdir()
    worker.clear(tmp_path)
    assert set(tmp_path.iterdir()) == {mine, theirs, older}
