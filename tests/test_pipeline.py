"""The pipeline as its users drive it, whatever it computes: real git, real dvc, real data."""

import json
import math
import re
from pathlib import Path

import pytest
import yaml
from conftest import Project

pytestmark = pytest.mark.slow


def test_repro_ends_with_an_evaluated_model_and_nothing_left_to_commit(project: Project) -> None:
    metrics = json.loads(project.read("metrics/metrics.json"))
    for split in ("validation", "test"):
        scores = metrics[split]
        assert scores["log_loss"] < scores["dummy"]["log_loss"]
        assert all(math.isfinite(value) for value in scores.values() if isinstance(value, float))
    assert "up to date" in project.run("dvc", "repro")
    assert project.run("git", "status", "--porcelain") == ""
    shown = json.loads(project.run("dvc", "metrics", "show", "--json"))
    assert shown[""]["data"]["metrics/metrics.json"]["data"] == metrics


def test_a_forced_rerun_on_more_threads_gives_the_same_bytes_and_a_line_a_stage(
    project: Project,
) -> None:
    lock = project.read("dvc.lock")
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "RECOMPUTE": "1"}
    said = Project(project.path, project.env | threads).run("dvc", "repro", "--force")
    assert project.read("dvc.lock") == lock
    for stage in yaml.safe_load(project.read("dvc.yaml"))["stages"]:
        assert re.search(rf"^{stage}: .*, \d+\.\d s$", said, re.MULTILINE), said


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["logistic_regression", "random_forest"])
def test_the_bytes_of_other_models_do_not_depend_on_threads_either(
    project: Project, model: str
) -> None:
    project.set(**{"train.model": model})
    locks = []
    for threads in ("1", "2"):
        own = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
        env = project.env | dict.fromkeys(own, threads)
        stages = ("--force", "--single-item", "train", "evaluate")
        Project(project.path, env).run("strata", "repro", *stages)
        locks.append(project.read("dvc.lock"))
    assert locks[0] == locks[1]


def test_a_split_that_leaves_nothing_to_train_on_is_one_line_and_loses_nothing(
    project: Project,
) -> None:
    model = project.read("models/model.joblib")
    project.set(**{"split.test": 9})
    output = project.run("dvc", "repro", fails=True)
    (line,) = (line for line in output.splitlines() if "params.yaml: " in line)
    assert line.startswith("train: params.yaml: split holds out 10 months")
    assert "none is left to train on" in line
    assert "Traceback" not in output
    project.undo()
    assert project.read("models/model.joblib") == model


@pytest.mark.parametrize("way", [("repro", "train"), ("exp", "run")])
def test_a_refused_value_leaves_every_output_alone(project: Project, way: tuple[str, ...]) -> None:
    before = project.files("data") | project.files("models")
    lock = project.read("dvc.lock")
    if "exp" in way:
        way = (*way, "-S", "train.model=forest")
    else:
        project.set(**{"train.model": "forest"})
    assert "train.model is 'forest'" in project.run("dvc", *way, fails=True)
    assert project.files("data") | project.files("models") == before
    assert project.read("dvc.lock") == lock
    project.run("git", "restore", "params.yaml")
    assert project.run("git", "status", "--porcelain") == ""
    assert "up to date" in project.run("dvc", "status")


def test_a_python_with_other_packages_makes_nothing(project: Project) -> None:
    before = project.files("data") | project.files("models")
    lock = project.read("dvc.lock")
    path = project.path / "requirements.lock"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^pandas==\S+", "pandas==1.0", text), encoding="utf-8")
    said = project.run("dvc", "repro", fails=True)
    assert "params: requirements.lock does not hold here: pandas==1.0 is pinned, and " in said
    assert "Traceback" not in said
    assert project.files("data") | project.files("models") == before
    assert project.read("dvc.lock") == lock


def test_a_column_that_is_misspelt_is_one_line_and_loses_nothing(project: Project) -> None:
    model = project.read("models/model.joblib")
    project.set(**{"data.not_features": ["no_such"]})
    said = project.run("dvc", "repro", fails=True)
    assert "train: params.yaml: data.not_features names 'no_such', and no column is called" in said
    assert "Traceback" not in said
    project.undo()
    assert project.read("models/model.joblib") == model


def test_an_experiment_in_a_temporary_copy_runs_its_own_code_with_a_small_number(
    project: Project, tmp_path: Path
) -> None:
    # A path that pointed at the checkout would run its code, not the copy's.
    project = Project(project.path.rename(tmp_path / "plain"), project.env)  # DVC wants ASCII here
    train = project.path / "src/train.py"
    text = train.read_text(encoding="utf-8")
    train.write_text(text.replace("fitted,", "fitted by the copy,"), encoding="utf-8")
    rate = "train.hist_gradient_boosting.learning_rate"
    said = project.run("dvc", "exp", "run", "--temp", "--name", "tiny", "-S", f"{rate}=0.000001")
    assert "fitted by the copy" in said
    commit = project.run("git", "for-each-ref", "--format=%(objectname)", "refs/exps/**/tiny")
    lock = yaml.safe_load(project.run("git", "show", f"{commit.strip()}:dvc.lock"))
    trained = lock["stages"]["train"]["params"]["params.yaml"]["train"]
    assert float(trained["hist_gradient_boosting"]["learning_rate"]) == 1e-6
    assert "tiny" in project.run("dvc", "exp", "show", "--csv")


def test_an_experiment_with_an_unknown_param_is_refused(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "train.modle=random_forest", fails=True)
    assert "modle" in output
    assert project.run("git", "status", "--porcelain") == ""


def test_each_plot_has_data(project: Project) -> None:
    project.run("dvc", "plots", "show", "--out", "plots")
    page = project.read("plots/index.html").decode()
    for plot in yaml.safe_load(project.read("dvc.yaml"))["plots"]:
        for title, axes in plot.items():
            assert title in page
            assert project.read(f".dvc/plots/{axes['template']}.json")
            for path, column in axes["y"].items():
                assert project.read(path).decode().splitlines()[1:], path
                assert f'"{column}"' in page
