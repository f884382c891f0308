"""The commands of the documentation do what it says: each page is run from top to bottom."""

import os
import re
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import yaml
from project import S3, Project, ref_of, run_queue, sandbox

from kit.params import Data
from strata.compare.paired import Columns, columns_of

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def blocks(page: str) -> list[str]:
    """The ``sh`` blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return found


def commands(page: str) -> str:
    """The text of all of them."""
    return "".join(blocks(page))


def test_the_tour_of_the_readme(desk: Project) -> None:
    """From its first line on, without the tags that the other pages use."""
    desk.run("git", "tag", "--delete", "v1", "v2")
    tour = commands("README.md").replace("make test ", "# ")  # this is part of it
    tour = tour.replace("2013-11", "2013-04").replace("seeds 10", "seeds 3")  # a smaller copy
    assert tour.count("2013-04") == tour.count("seeds 3") == 1
    output = desk.run("bash", "-euxc", tour)
    assert "3 trials asked = 3 finished + 0 failed" in output
    assert "reproduces" in output
    assert "metrics/seeds.json is committed" in output
    assert "## Strata: " in output
    assert desk.run("git", "branch", "--show-current") == "main\n"
    assert desk.run("git", "status", "--porcelain") == ""


def test_every_block_of_commands_is_run() -> None:
    """The others show output, settings, trees, or are for Windows."""
    marks = {"README.md": ["", "bat"], "docs/sweeps.md": ["", "sh"], "docs/restore.md": [""]}
    marks["docs/template.md"] = marks["docs/scale.md"] = marks["docs/lifecycle.md"] = [""]
    marks["docs/serving.md"] = marks["docs/merging.md"] = [""]
    for path in ROOT.glob("docs/*.md"):
        marks.setdefault(f"docs/{path.name}", [])
    for page, others in marks.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        found = set(re.findall(r"^```(\w*)\n.*?^```$", text, re.MULTILINE | re.DOTALL))
        assert found <= {"sh", "toml", "yaml", "py", "mermaid", *others}, page


def test_the_columns_of_the_demo_stand_in_its_params_alone() -> None:
    assert "report.columns" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    key = ["date", "origin", "carrier", "flight"]
    found = columns_of(ROOT, pd.DataFrame(columns=[*key, "split", "disrupted", "probability"]))
    assert found == Columns(key, "disrupted", ["probability"], "date", "split", None, "1")


@pytest.mark.thorough
def test_a_killed_experiment_is_undone(desk: Project) -> None:
    desk.set(**{"train.seed": 7})  # of the user's own, uncommitted
    desk.run("git", "switch", "--quiet", "--create", "idea")
    slow = "train.hist_gradient_boosting.max_iter=20000"
    process = subprocess.Popen(
        ["dvc", "exp", "run", "-S", slow],
        cwd=desk.path,
        env=desk.env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("train: fitting"):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    assert not (desk.path / "models/model.joblib").exists()
    said_by_undo = desk.run("make", "undo")
    assert desk.run("git", "status", "--porcelain") == ""
    assert desk.run("git", "branch", "--show-current") == "idea\n"
    assert "up to date" in desk.run("dvc", "status")
    desk.run("make", "undo")  # once more: it must not write over the patch
    patch = re.search(r"edits of params.yaml are in (\S+)", said_by_undo)
    assert patch
    desk.run("git", "apply", patch[1])
    assert "seed: 7" in desk.read("params.yaml").decode()
    desk.run("make", "undo")
    desk.run("dvc", "exp", "run", "-S", "train.hist_gradient_boosting.max_iter=21")


@pytest.mark.thorough
def test_restore(desk: Project) -> None:
    old = desk.run("git", "show", "v1:dvc.lock")
    output = desk.run("bash", "-euxc", commands("docs/restore.md"))
    assert "differs" not in output
    assert output.count("reproduces") == 2
    assert "next: " in output
    assert desk.read("old.joblib") != desk.read("models/model.joblib")
    assert desk.run("git", "show", "v1:dvc.lock") == old


def test_a_release_is_read_without_strata(tmp_path: Path) -> None:
    """By DVC alone, from storage, by a tag as Git writes it."""
    project = tiny.create(tmp_path / "project", sandbox(tmp_path / "home"))
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "store"))
    project.commit("Set the storage")
    project.run("dvc", "push", "--quiet")
    project.run("git", "tag", "--annotate", "--message", "Release", "tiny@v0.1.0")
    model = project.read("models/model.txt")
    project.run("rm", "-r", ".dvc/cache", "models")
    text = (ROOT / "docs/lifecycle.md").read_text(encoding="utf-8")
    section = text.partition("## From another project")[2].partition("\n## ")[0]
    section = section.replace("delays", "tiny").replace("model.joblib", "model.txt")
    section = section.replace("ADDRESS", str(project.path))
    shell, code = re.findall(r"^```(?:sh|py)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    other = Project(tmp_path / "other", project.env)
    other.path.mkdir()
    other.run("bash", "-euxc", shell)
    assert other.read("model.txt") == other.read("tiny.joblib") == model
    other.run("python", "-c", f"{code}\nassert model == {model!r}")


@pytest.mark.thorough
def test_merging(desk: Project) -> None:
    desk.run("git", "switch", "--quiet", "--create", "other", "v1")
    with (desk.path / "src/train.py").open("a", encoding="utf-8") as file:
        file.write("# Of the other side\n")
    desk.run("dvc", "repro")
    desk.run("git", "commit", "--all", "--message", "A comment")
    desk.run("git", "switch", "--quiet", "main")
    desk.run("bash", "-euxc", commands("docs/merging.md"))
    assert len(desk.run("git", "log", "-1", "--format=%P").split()) == 2
    assert desk.run("git", "status", "--porcelain") == ""
    assert "up to date" in desk.run("dvc", "status")
    assert "reproduces" in desk.run("strata", "verify")


@pytest.mark.thorough
def test_reports(desk: Project) -> None:
    output = desk.run("bash", "-euxc", commands("docs/reports.md"))
    assert "## Strata: no change" in output
    assert "## Strata: no change" in desk.read("report.md").decode()
    assert b"<h2>Strata: no change</h2>" in desk.read("report.html")
    assert desk.run("git", "status", "--porcelain") == ""


@pytest.mark.thorough
def test_storage(desk: Project, s3: S3) -> None:
    output = desk.run("bash", "-euxc", commands("docs/storage.md"))
    assert "storage is s3://bucket/prefix" in output
    assert s3.objects()
    assert "next: " in output
    assert desk.run("git", "status", "--porcelain") == ""


@pytest.mark.thorough
def test_sweeps(desk: Project) -> None:
    queue, *others = blocks("docs/sweeps.md")
    desk.run("bash", "-uxc", f"{queue}\ntrue")  # any command may fail: see run_queue
    run_queue(desk, 2)
    assert ref_of(desk, "rate-1") != ref_of(desk, "rate-2")
    output = desk.run("bash", "-euxc", "".join(others))
    assert "4 trials asked = 4 finished + 0 failed" in output
    assert "6 trials asked = 6 finished + 0 failed" in output
    assert "metrics/seeds.json is committed" in output
    assert "is in the workspace" in output
    assert "up to date" in desk.run("dvc", "status")


@pytest.mark.thorough
def test_scale(desk: Project) -> None:
    desk.run("bash", "-euxc", commands("docs/scale.md"))
    assert desk.run("git", "status", "--porcelain") == ""


@pytest.mark.thorough
def test_an_ingest_in_duckdb_gives_the_same_bytes_on_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "docs/examples")
    import ingest_duckdb

    rng, total = np.random.default_rng(0), 0
    for month in (1, 2):
        folder = tmp_path / f"lake/year=2024/month={month:02}"
        folder.mkdir(parents=True)
        for number in range(3):
            cents = rng.integers(1, 10_000, 20_000)
            day = pd.to_timedelta(rng.integers(0, 28, 20_000), "D")
            amount = pd.Series([Decimal(int(each)) / 100 for each in cents], dtype=object)
            sales = pd.DataFrame({"shop": rng.choice(["a", "b"], 20_000), "amount": amount})
            sales["sold_at"] = pd.Timestamp(2024, month, 1) + day
            sales.to_parquet(folder / f"{number}.parquet")
            total += int(cents.sum())
    found = []
    for threads in (1, 2):
        ingest_duckdb.main(threads)
        found.append([path.read_bytes() for path in sorted(ingest_duckdb.RAW.iterdir())])
    assert found[0] == found[1]
    assert len(found[0]) == 2
    days = pd.concat(pd.read_parquet(path) for path in ingest_duckdb.RAW.iterdir())
    assert len(days) == 2 * 28 * 2
    assert days["sales"].sum() == 120_000
    assert days["amount"].sum() == Decimal(total) / 100


@pytest.mark.thorough
def test_template(desk: Project) -> None:
    output = desk.run("bash", "-euxc", commands("docs/template.md"))
    assert "as requirements-dev.lock has it" in output
    assert "template     cannot tell" in output


@pytest.mark.thorough
def test_own_data(desk: Project) -> None:
    """Its settings keep the contract of params.yaml, and its commands do what they say."""
    page = "docs/own-data.md"
    text = (ROOT / page).read_text("utf-8")
    described, _ = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    assert Data(**yaml.safe_load(described)["data"]).task == "regression"
    assert "strata adopt ../customers.csv --target churned\n" in (ROOT / "README.md").read_text()
    rng = np.random.default_rng(0)
    for name, rows in (("customers", 600), ("more", 700)):
        table = pd.DataFrame({"customer": np.arange(rows), "visits": rng.integers(0, 9, rows)})
        table["churned"] = np.where(table["visits"] + rng.normal(size=rows) > 4, "no", "yes")
        table.to_csv(desk.path.parent / f"{name}.csv", index=False)
    *others, lightgbm = blocks(page)
    for block in others:
        (desk.path / ".venv/.ready").touch()  # the environment is not this project's alone
        output = desk.run("bash", "-euxc", block)
    assert "ingest: 700 rows" in output
    assert "NO BETTER THAN A DUMMY" not in output
    assert "M  data/source.dvc" in desk.run("git", "status", "--porcelain")
    type_in_lightgbm(desk.path, text)
    (desk.path / ".venv/.ready").touch()
    output = desk.run("bash", "-euxc", lightgbm, MAKEFLAGS="COMPILE=true")  # asks no registry
    assert "train: lightgbm fitted" in output
    assert desk.run("git", "status", "--porcelain") == ""
    assert "up to date" in desk.run("dvc", "status")
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        desk.run(*check)


def type_in_lightgbm(project: Path, page: str) -> None:
    """Put what the page shows where it says, and the pin that ``make lock`` would write."""
    contract, imported, case = re.findall(r"^```py\n(.*?)^```$", page, re.M | re.S)
    _, section = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    pin = re.search(
        r"^lightgbm==.*\n( +--hash.*\n)+", (ROOT / "requirements-dev.lock").read_text(), re.M
    )
    assert pin
    for name, old, new in (
        ("src/params.py", 'class Params(params.Params):\n    """The whole file."""\n', contract),
        ("src/models.py", "import pandas as pd\n", f"import pandas as pd\n{imported}"),
        (
            "src/models.py",
            '        case "random_forest":\n',
            f'{case}        case "random_forest":\n',
        ),
        ("params.yaml", "\ntrain:\n", f"\ntrain:\n{section}"),
        ("pyproject.toml", '    "joblib",\n', '    "joblib",\n    "lightgbm",\n'),
        ("requirements.lock", "narwhals==", f"{pin[0]}narwhals=="),
    ):
        text = (project / name).read_text(encoding="utf-8")
        assert old in text, name
        (project / name).write_text(text.replace(old, new, 1), encoding="utf-8")
