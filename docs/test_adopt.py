"""`strata adopt` on tables of many shapes, from the template to a sweep and a report."""

import json
import os
import re
import signal
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import once
import pandas as pd
import pytest
import warm
import yaml
from project import ROOT, Project, copy_tracked, sandbox
from tables import CASES

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture
def template(tmp_path: Path) -> Project:
    """This repository in its first commit, without data, as "Use this template" gives it."""
    project = Project(tmp_path / "my project", sandbox(tmp_path / "home"))
    copy_tracked(ROOT, project.path)
    project.run("git", "init", "--quiet")
    project.commit("Use the template")
    warm.set_up(project.path)
    return project


def source(name: str, folder: Path) -> str:
    """A case's source, in a folder of its own."""
    folder.mkdir()
    made = CASES[name].write(folder, np.random.default_rng(3))
    return made if "://" in made else str(folder / made)


SIZES = {"src/*.py": 550, "tests/**/*.py": 650, "dvc.yaml": 150}  # lines: what its owner reads


def lines(path: Path, pattern: str) -> int:
    """Of all files that a pattern finds."""
    texts = [found.read_text(encoding="utf-8") for found in path.glob(pattern)]
    assert texts
    return sum(len(text.splitlines()) for text in texts)


def words(path: Path) -> set[str]:
    """Those of the demo that are left in a project's files, tracked or not.

    Not in the tools' tests, which read tables of the demo's package where it is installed.
    """
    asked = ["git", "grep", "--untracked", "-il", "flight", "--", ":!tools/tests"]
    found = subprocess.run(asked, cwd=path, stdout=subprocess.PIPE, text=True)
    return set(found.stdout.split())


def adopt(project: Project, name: str, place: str) -> str:
    case = CASES[name]
    return project.run(
        "strata", "adopt", place, "--target", case.target, "--yes", *case.options
    )  # fmt: skip


def serve(project: Project) -> None:
    """Export a project's model, and answer the example of its service; text is read as words."""
    texts = yaml.safe_load((project.path / "params.yaml").read_text("utf-8"))["data"]["text"]
    project.run("python", "src/export.py", "serving", fails=bool(texts))
    about = json.loads((project.path / "serving/model.json").read_text(encoding="utf-8"))
    assert (about["onnx"] is None) == bool(texts), about["reason"]
    if not texts:
        code = (
            "import service.app, service.settings\n"
            "print(service.app.Service(service.settings.load()).example)"
        )
        assert "{" in project.run("python", "-c", code, PYTHONPATH="src")


def go_back(project: Project, command: str) -> None:
    """Undo an adoption that is not committed yet, as its last words say."""
    project.run("bash", "-euxc", command)
    assert project.run("git", "status", "--porcelain") == ""
    assert not (project.path / "data/source").exists()


@pytest.mark.parametrize("name", CASES)
def test_a_table_becomes_a_project_that_is_green(
    template: Project, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    head = template.run("git", "rev-parse", "HEAD")
    said = adopt(template, name, source(name, tmp_path / "data"))
    for words_said in case.says:
        assert words_said in said
    metrics = json.loads((template.path / "metrics/metrics.json").read_text())
    dummy = metrics["test"]["dummy"]
    gain = next(value for name, value in dummy.items() if name.endswith("_gain_low"))
    assert ((gain or 0) > 0) == case.signal
    assert ("**On test, not shown to be better than the dummy" in said) != case.signal
    assert template.run("git", "rev-parse", "HEAD") == head
    assert template.run("git", "diff", "--name-only") == ""  # all is in the index
    assert template.run("git", "branch", "--show-current") == "main\n"
    assert "up to date" in template.run("dvc", "status")
    assert words(template.path) == set()
    known = str(Path(os.environ[once.SHARED], "mypy"))  # of the libraries, for all tables
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        template.run(*check, MYPY_CACHE_DIR=known)
    template.run("lint-imports", PYTHONPATH="src")
    for pattern, most in SIZES.items():
        names = 150 if name == "genes" else 0  # of a thousand columns
        assert lines(template.path, pattern) <= most + names, pattern
    if name == "wine":
        (way_back,) = re.findall(r"^Or back to what there was:\n  (.*)", said, re.M)
        go_back(template.copy(tmp_path / "copy"), way_back)
    template.commit("Put in our own data")
    serve(template)
    readme = (template.path / "README.md").read_text(encoding="utf-8")
    (every_day,) = re.findall(r"^## Every day\n\n```sh\n(.*?)^```", readme, re.M | re.S)
    (template.path / ".venv/.ready").touch()  # the environment is not this project's alone
    said = template.run("dvc", "exp", "run", "-S", "train.model=forest", fails=True)
    assert "train.model is 'forest'" in said
    template.run("make", "undo")
    assert "up to date" in template.run("dvc", "status")
    said = template.run("bash", "-euxc", every_day)
    assert "4 finished + 0 failed" in said
    assert "row by row (95%" in said
    report = template.run("strata", "report", "--base", "HEAD~1")
    assert (
        "\n## Strata: not comparable\n" in f"\n{report}"
    )  # below a warning, where .venv is a link
    settings = tomllib.loads((template.path / "pyproject.toml").read_text(encoding="utf-8"))
    arrive = "python src/query.py" if (template.path / "src/query.py").exists() else None
    assert settings["tool"]["strata"]["retrain"].get("arrive") == arrive
    assert "nothing to propose: " in template.run("strata", "retrain", "--output", "retrain")


def test_a_project_lives_on_with_more_data_and_another_column(
    template: Project, tmp_path: Path
) -> None:
    place = source("visits", tmp_path / "data")
    adopt(template, "visits", place)
    features = pd.concat(map(pd.read_parquet, (template.path / "data/features").iterdir()))
    assert len(features) == 1_998
    assert not features["visit_id"].duplicated().any()
    template.commit("Put in our own data")
    old = json.loads((template.path / "metrics/metrics.json").read_text())

    first = pd.read_csv(Path(place, "2022.csv"))
    first.assign(visit_id=[f"2024-{n}" for n in range(len(first))]).to_csv(
        template.path / "data/source/2024.csv", index=False
    )
    template.run("strata", "repro")
    new = json.loads((template.path / "metrics/metrics.json").read_text())
    assert new["test"]["n"] > old["test"]["n"]
    changed = template.run("git", "status", "--porcelain")
    assert "data/source.dvc" in changed
    assert "src/" not in changed
    template.commit("More data")

    (template.path / "data/source/2025.csv").write_text(
        ",".join(first.columns) + "\n" + "1,2,three,4,5,new,True\n"
    )
    said = template.run("strata", "repro", fails=True)
    assert "2025.csv: column x2: a number: 1 rows fail it: 'three' in row 0" in said
    (template.path / "data/source/2025.csv").unlink()
    template.run("strata", "repro")

    featurize, schema = (template.path / f"src/{name}.py" for name in ("featurize", "schema"))
    own = 'return prepared.assign(twice=prepared["x0"] * 2)'
    featurize.write_text(featurize.read_text().replace("return prepared\n", f"{own}\n"))
    (template.path / "tests/test_own.py").write_text("def test_own() -> None: ...\n")
    template.run("strata", "repro")
    template.commit("A feature of our own")

    for path in Path(place).iterdir():
        pd.read_csv(path).assign(height=np.arange(1_000) % 50).to_csv(path, index=False)
    asked = ("strata", "adopt", place, "--target", "ill")
    said = template.run(*asked, "--dry-run")
    assert '+        "height": whole(0, 100),' in said
    assert "src/train.py" not in said
    assert template.run("git", "status", "--porcelain") == ""
    adopt(template, "visits", place)
    assert "height" in schema.read_text()
    assert own in featurize.read_text()
    assert (template.path / "tests/test_own.py").exists()
    assert "up to date" in template.run("dvc", "status")
    template.commit("A new column")

    schema.write_text(schema.read_text().replace("whole(0, 100)", "whole(0, 60)"))
    template.commit("Narrow it")
    before = template.run("dvc", "status")
    for path in Path(place).iterdir():
        pd.read_csv(path).assign(height=np.arange(1_000)).to_csv(path, index=False)
    said = template.run("strata", "adopt", place, "--target", "ill", "--yes", fails=True)
    assert "You and adopt changed the same lines of src/schema.py; nothing was run." in said
    assert "UU src/schema.py" in template.run("git", "status", "--porcelain")
    assert "<<<<<<< yours" in schema.read_text()
    template.run("git", "reset", "--quiet", "--hard")
    template.run("dvc", "checkout")
    assert template.run("git", "status", "--porcelain") == ""
    assert template.run("dvc", "status") == before


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, None])
def test_an_adoption_that_does_not_end_leaves_all_as_it_was(
    template: Project, tmp_path: Path, end: signal.Signals | None
) -> None:
    (template.path / "mine.csv").write_text("a,b\n1,2\n")
    place = source("wine", tmp_path / "data")
    if end is None:  # the pipeline fails on what was written
        train = template.path / "src/train.py"
        train.write_text(
            train.read_text().replace("def main() -> str:", "def main() -> str:\n    1 / 0")
        )
        template.commit("Break the training")
    before = template.run("git", "status", "--porcelain"), template.run("git", "rev-parse", "HEAD")
    said = []
    with subprocess.Popen(
        ["strata", "adopt", place, "--target", "kind", "--yes"],
        cwd=template.path,
        env=template.env | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if end and "Running stage 'prepare'" in line:
                os.kill(process.pid, end)
    assert process.returncode != 0, said
    if end is None:
        assert "`strata repro` fails on what was written" in "".join(said)
    after = template.run("git", "status", "--porcelain"), template.run("git", "rev-parse", "HEAD")
    assert after == before
    assert not (template.path / "data/source").exists()
    if end is not signal.SIGKILL:
        assert not list((template.path / ".dvc/tmp").glob("adopt-*"))
        assert not list(tmp_path.glob("strata-*"))


def test_nothing_is_asked_twice_and_nothing_is_written_without_a_yes(
    template: Project, tmp_path: Path
) -> None:
    place = source("demand", tmp_path / "data")
    asked = ["strata", "adopt", place, "--target", "load"]
    done = subprocess.run(
        asked, cwd=template.path, env=template.env, input="wether\ntemperature\nn\nn\n",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "would you not know yet when the prediction is due?" in done.stdout
    assert "no column 'wether'" in done.stdout
    assert "Will the model predict what comes after" in done.stdout
    assert done.stdout.endswith("nothing was written\n")
    assert template.run("git", "status", "--porcelain") == ""
    done = subprocess.run(
        asked, cwd=template.path, env=template.env, input="",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.endswith("strata adopt: no answer: --yes accepts what is proposed\n")
