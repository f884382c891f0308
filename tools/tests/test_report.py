"""`strata report` on a repository of its own, with real git and dvc and a tiny pipeline."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from project import Project

from strata.compare.verdict import Evidence
from strata.core.markdown import plain
from strata.report import sections

pytestmark = pytest.mark.slow


@pytest.fixture
def repo(project: Project) -> Project:
    project.run("git", "switch", "--quiet", "--create", "feature")
    return project


def change(repo: Project, **params: object) -> None:
    repo.set(**params)
    repo.run("dvc", "repro", "--quiet")
    repo.commit("Change")


def report(repo: Project, *arguments: str, fails: bool = False) -> str:
    text = repo.run("strata", "report", *arguments, fails=fails)
    assert len(text) < 65_536
    assert "Traceback" not in text
    return text


def verdict(text: str) -> str:
    return text.splitlines()[0].removeprefix("## Strata: ")


def test_no_change(repo: Project) -> None:
    text = report(repo)
    assert verdict(text) == "no change"
    assert "Unchanged: params, data, packages." in text
    assert "Unchanged stages: 3 of 3." in text
    assert "### Params" not in text
    assert "### Other metrics" not in text
    assert "# Card of the tiny model" in text


def test_params_only(repo: Project) -> None:
    change(repo, **{"train.skill": 3.0})
    text = report(repo)
    assert verdict(text) == "better"
    assert "| `train.skill` | 1 | 3 |" in text
    assert "paired by day" in text
    assert "`test`: 400 rows in 20 blocks by `day`" in text
    assert "| `train` | `param train.skill` |" in text
    assert "Unchanged stages: 1 of 3." in text
    assert "| `data` |" not in text
    assert "xychart-beta" in text
    assert "| `maximum regression` |" in text
    assert "the choice of rows and the fit's own randomness (3 seeds of `train.seed` at" in text
    order = [text.index(f"### {name}") for name in ("Params", "Data", "Metrics", "Gates", "Stages")]
    assert order == sorted(order)
    assert "no stage was run again" in text


def test_worse_and_a_gate_failed(repo: Project) -> None:
    change(repo, **{"train.skill": -1.0})
    text = report(repo, fails=True)
    assert verdict(text) == "gate failed"
    assert "- **gate failed**: `test.roc_auc` `minimum` 0.6: 0." in text
    assert "- **gate failed**: `test.roc_auc` `maximum regression` 0.1: 0." in text
    assert "By itself: worse." in text
    assert "strata report: gate failed" in text


def test_a_change_to_the_gates_themselves_is_pointed_out(repo: Project) -> None:
    repo.set(**{"train.skill": -1.0})
    settings = repo.path / "pyproject.toml"
    settings.write_text(settings.read_text().partition("[tool.strata.report.gates")[0])
    repo.run("dvc", "repro", "--quiet")
    repo.commit("Loosen the gates")
    text = report(repo)
    assert verdict(text) == "worse"
    assert "**This change alters the gates**" in text


def test_data_arrival(repo: Project) -> None:
    change(repo, **{"data.months": 3})
    text = report(repo)
    assert verdict(text) == "no worse"
    assert "on the 400 rows that neither learned from" in text
    assert "| `roc_auc` on common rows |" in text
    assert "| – |  | other rows |" in text
    assert "| `data/raw` | `2013-03.parquet` |  |  | 0 → 400 |" in text
    assert 'x-axis ["2013-01", "2013-02", "2013-03"]' in text


def test_a_month_whose_rows_are_new_is_not_judged_by_a_gate(repo: Project) -> None:
    # The new month is harder, and the base's predictions are gone: nothing compares the models.
    (repo.path / "data.py").write_text(
        (repo.path / "data.py")
        .read_text()
        .replace("signal + rng", "signal + 3 * (month > 2) + rng")
    )
    settings = repo.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace('roc_auc" = 0.6', 'roc_auc" = 0.1'))
    repo.set(**{"data.months": 3})
    evaluate = repo.path / "evaluate.py"
    evaluate.write_text(
        evaluate.read_text().replace("-skill *", "-skill * (1 - (month > '2013-02')) *")
    )
    repo.run("dvc", "repro", "--quiet")
    repo.commit("A hard month")
    base = repo.run("git", "show", "main:dvc.lock")
    oid = base.split("path: metrics/predictions.parquet")[1].split("md5: ")[1].split()[0]
    (repo.path / f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}").unlink()
    text = report(repo)
    assert verdict(text) == "not comparable"
    assert "not checked: cannot be compared: other rows" in text
    assert "worse" not in text


def test_models_of_other_data_are_not_comparable(repo: Project) -> None:
    """A pipeline of other data takes the place of the old one; its figure is higher."""
    for name in ("data.py", "evaluate.py"):
        text = (repo.path / name).read_text().replace('"id"', '"bird"').replace("400", "90")
        (repo.path / name).write_text(text)
    settings = repo.path / "pyproject.toml"
    settings.write_text(
        settings.read_text().replace('key = ["day", "id"]', 'key = ["bird", "day"]')
    )
    change(repo, **{"train.skill": 9.0})
    text = report(repo)
    assert verdict(text) == "not comparable"
    assert "Not compared row by row: `predictions of the base have no column bird" in text


def without_seeds(repo: Project) -> None:
    """Forget on both sides what was measured of the fits' own randomness."""
    repo.run("git", "rm", "--quiet", "seeds.json")
    repo.commit("Forget the seeds")
    repo.run("git", "branch", "--force", "main")


def test_the_fits_own_randomness_is_covered_where_it_is_measured(repo: Project) -> None:
    without_seeds(repo)
    commit = repo.run("git", "rev-parse", "main").strip()
    measured = {"commit": commit, "param": "train.seed", "seeds": list(range(10))}
    seeds = json.dumps(measured | {"sd": {"test.roc_auc": 0.2}})
    (repo.path / "seeds.json").write_text(seeds)
    change(repo, **{"train.skill": 3.0})
    text = report(repo)
    assert verdict(text) == "cannot tell"
    assert "the choice of rows and the fit's own randomness (10 seeds of `train.seed` at" in text
    assert "was measured with another `train.skill`" in text
    assert "cover the rows only" not in text
    (repo.path / "seeds.json").write_text(seeds.replace("test.roc_auc", "test.other"))
    assert "Those of `test.roc_auc` cover the rows only" in report(repo)
    (repo.path / "seeds.json").write_text('{"seeds": [1]}')
    text = report(repo)
    assert verdict(text) == "cannot tell"
    assert "seeds.json is not what `strata seeds` writes" in plain(text)
    assert "not measured here; `strata seeds 10` measures it" in text


def test_each_side_is_held_against_the_seeds_that_it_measured(repo: Project) -> None:
    def measure() -> None:
        commit = repo.run("git", "rev-parse", "HEAD").strip()
        measured = {"commit": commit, "param": "train.seed", "seeds": [0, 1, 2]}
        text = json.dumps(measured | {"sd": {"test.roc_auc": 0.2}})
        (repo.path / "seeds.json").write_text(text)
        repo.commit("Measure the seeds")

    measure()
    repo.run("git", "branch", "--force", "main")
    change(repo, **{"train.skill": 3.0})
    assert "with another `train.skill` than the workspace has; `strata seeds` on" in report(repo)
    measure()
    text = report(repo)
    assert text.count("3 seeds of `train.seed` at") == 2
    assert "measured with another" not in text


def test_the_head_of_a_pull_request_is_named_not_its_merge(repo: Project, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"sha": "abcdef0123456789"}}}))
    text = repo.run("strata", "report", GITHUB_EVENT_PATH=str(event))
    assert "at `abcdef012` against" in text


def test_different_code_and_packages(repo: Project) -> None:
    code = (repo.path / "train.py").read_text()
    (repo.path / "train.py").write_text(code + "# changed\n")
    (repo.path / "requirements.lock").write_text("numpy==2.1.0\npandas==3.0.0\n")
    repo.run("dvc", "repro", "--quiet")
    repo.commit("Other code")
    text = report(repo)
    assert verdict(text) == "no worse"
    assert "| `train` | `train.py` |" in text
    assert "| `numpy` | `2.0.0` | `2.1.0` |" in text
    assert "| `pandas` | – | `3.0.0` |" in text
    assert "| `test.roc_auc` |" in text


def test_stages_that_ran_have_their_seconds(repo: Project) -> None:
    log = repo.run("dvc", "repro", "--force")
    (repo.path / "repro.log").write_text(log)
    text = report(repo, "--log", "repro.log")
    assert "| `train` | unchanged | 0.5 |" in text
    assert "| `data` | unchanged | ran |" in text
    assert "Reproduces: **yes**, 3 of 3 stages ran here" in text


def test_stale_lock(repo: Project) -> None:
    repo.set(**{"train.skill": 2.0})
    repo.commit("Forget dvc repro")
    text = report(repo, fails=True)
    assert verdict(text) == "lock stale"
    assert "stage `train` (`param train: modified`)" in text
    assert "| `train` | **stale**: `param train: modified` |" in text
    assert "| `evaluate` | **stale**: `models/model.txt` |" in text
    assert "Unchanged stages: 1 of 3." in text
    assert "By itself" not in text  # the figures are of what was, not of what is proposed
    assert "Reproduces: **no**" in text
    repo.run("dvc", "repro", "--quiet")  # as the workflow does, and does not commit
    text = report(repo, fails=True)
    assert verdict(text) == "lock stale"
    assert "the committed dvc.lock has another `train` (`param train.skill`)" in text


def test_what_is_reproduced_and_not_committed_is_one_line(repo: Project) -> None:
    repo.set(**{"train.skill": 2.0})
    repo.run("dvc", "repro", "--quiet")
    text = report(repo, fails=True)
    assert verdict(text) == "not committed"
    assert "- **not committed**: `params.yaml`: a report is of commits" in text
    assert "lock stale" not in text


def test_outputs_that_differ_from_the_committed_are_not_reproduced(repo: Project) -> None:
    lock = repo.path / "dvc.lock"
    text = lock.read_text()
    at = text.index("path: models/model.txt")
    md5 = text.index("md5: ", at) + 5
    lock.write_text(text[:md5] + "f" * 32 + text[md5 + 32 :])
    repo.commit("A hash that no run gives")
    tiny.forget(repo)
    (repo.path / "models/model.txt").unlink()
    repo.run("dvc", "repro", "--quiet")
    text = report(repo, fails=True)
    assert "- **not reproduced**: stage `train` gave other bytes" in text


def test_metrics_that_are_not_the_committed_ones_are_stale(repo: Project) -> None:
    (repo.path / "metrics/metrics.json").write_text('{"test": {"roc_auc": 0.99}}')
    repo.commit("Flatter")
    assert verdict(report(repo, fails=True)) == "lock stale"
    repo.run("dvc", "repro", "--quiet")
    text = report(repo, fails=True)
    assert "`metrics/metrics.json` differs from the committed" in text


def rewritten(code: str) -> Callable[[Project], None]:
    def apply(repo: Project) -> None:
        path = repo.path / "evaluate.py"
        path.write_text(path.read_text() + code)
        repo.run("dvc", "repro", "--quiet")
        repo.commit("Other metrics")

    return apply


METRICS = 'Path("metrics/metrics.json").write_text(json.dumps({}))\n'


@pytest.mark.parametrize(
    ("metrics", "row", "failed"),
    [
        ({"test": {"roc_auc": 0.8, "new": 1}}, "| `test.new` | – | 1 | – | – |  | added |", False),
        ({"test": {"n": 400}}, "| `test.roc_auc` | 0.7", True),
        ({"test": {"roc_auc": math.nan}}, "| nan | – | – |  | **no value** |", True),
        ({"test": {"roc_auc": None}}, "| `null` | – | – |  | **no value** |", True),
        ({"test": {"roc_auc": "0.9"}}, "| `0.9` | – | – |  |  |", True),
    ],
)
def test_metrics_that_come_go_or_have_no_value(
    repo: Project, metrics: dict[str, object], row: str, failed: bool
) -> None:
    rewritten(METRICS.replace("{}", repr(metrics).replace("nan", 'float("nan")')))(repo)
    text = report(repo, fails=failed)
    assert row in text
    if failed:
        assert "`minimum` 0.6: it has no value" in text
    if "roc_auc" not in metrics["test"]:  # type: ignore[operator]
        assert "| – | – | – |  | **removed** |" in text


def test_true_and_false_are_values() -> None:
    name = "test.better_than_dummy"
    table = sections.metrics([name], Evidence({name: True}, {name: False}), judge=False)
    assert table.splitlines()[-1] == f"| `{name}` | `true` | `false` | – | – |  |  |"


def test_a_base_without_metrics(repo: Project) -> None:
    repo.run("git", "rm", "--quiet", "metrics/metrics.json")
    repo.run("git", "commit", "--quiet", "--message", "Without metrics")
    base = repo.run("git", "rev-parse", "HEAD").strip()
    repo.run("dvc", "repro", "--quiet")
    repo.commit("With metrics")
    text = report(repo, "--base", base, fails=True)
    assert verdict(text) == "baseline missing"
    assert "has no metrics" in text
    assert "| – | 0." in text.split("### Metrics")[1].split("### Gates")[0]


@pytest.mark.parametrize("base", ["nowhere", "--output=pwned", "0" * 40, "`$(touch pwned)`"])
def test_a_base_that_cannot_be_had(repo: Project, base: str) -> None:
    text = report(repo, f"--base={base}", fails=True)
    assert verdict(text) == "baseline missing"
    assert "nothing below is compared" in text
    assert "| `train` | unknown |" in text
    assert "No param changed" not in text
    assert "no change" not in text.lower()
    assert not (repo.path / "pwned").exists()


def test_without_any_default_branch(repo: Project) -> None:
    repo.run("git", "branch", "--delete", "--force", "main")
    text = report(repo, fails=True)
    assert verdict(text) == "baseline missing"
    assert "name the base with --base REV" in text


def test_base_predictions_that_are_nowhere_are_said_or_rebuilt(repo: Project) -> None:
    (repo.path / "data.py").write_text((repo.path / "data.py").read_text().replace("400", "300"))
    change(repo, **{"train.skill": 3.0})
    tiny.forget(repo)
    text = report(repo)
    assert verdict(text) == "not comparable"
    assert "Not compared row by row: `metrics/predictions.parquet of " in text
    assert "it cannot be shown that both are of the same rows" in text
    assert "paired" not in text
    assert "| `data/raw` |  |  | changed; `data/raw of " in text
    before = repo.run("git", "worktree", "list")
    text = report(repo, "--rebuild")
    assert "paired by day" in text
    assert repo.run("git", "worktree", "list") == before
    assert repo.run("git", "status", "--porcelain") == ""


def test_base_predictions_come_from_a_remote(repo: Project, tmp_path: Path) -> None:
    repo.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "store"))
    repo.commit("Add a remote")
    repo.run("git", "branch", "--force", "main", "feature")
    repo.run("dvc", "push", "--quiet")
    change(repo, **{"train.skill": 3.0})
    tiny.forget(repo)
    text = report(repo)
    assert verdict(text) == "better"
    assert "paired by day" in text


def test_hostile_names_come_out_inert(repo: Project) -> None:
    branch = "x`;touch${IFS}pwned;|<img/src=x>${{github.token}}"
    repo.run("git", "switch", "--quiet", "--create", branch)
    bad = "</td>|`<script>alert(1)</script>@octocat"
    repo.set(**{"train.skill": 2.0})
    text = (repo.path / "params.yaml").read_text()
    (repo.path / "params.yaml").write_text(text + f'{json.dumps(bad)}: "| ` {bad}"\n')
    metrics = {"test": {"roc_auc": 0.9, bad: 1, "](javascript:x)": "\n# Verdict: better\n"}}
    rewritten(METRICS.replace("{}", repr(metrics)))(repo)
    text = report(repo)
    assert not (repo.path / "pwned").exists()
    assert "<script" not in text
    assert "<img" not in text
    assert "@octocat" not in text
    assert "\n# Verdict" not in text
    assert "](javascript" not in text.replace("`](javascript:x)`", "").replace(".](javascript", "")
    report(repo, "--html", "page.html")
    page = (repo.path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img/src" not in page


def test_a_report_of_thousands_of_names_is_short_enough(repo: Project) -> None:
    names = {f"{'|' * 60}{number}": number for number in range(1_000)}
    repo.set(many=names)
    gates = "".join(f"{json.dumps(name)} = 1000000000.0\n" for name in names)
    with (repo.path / "pyproject.toml").open("a") as settings:
        settings.write(f"[tool.strata.report.gates.minimum_of_many]\n{gates}")
    rewritten(METRICS.replace("{}", repr({"test": {"roc_auc": 0.9}, **names})))(repo)
    text = report(repo, fails=True)
    assert "- and 990 more" in text
    assert "… and 96" in text


def test_plots_whose_data_is_nowhere_are_said(repo: Project) -> None:
    path = repo.path / "dvc.yaml"
    path.write_text(path.read_text().replace("months.csv: {cache: false}", "months.csv"))
    repo.run("git", "rm", "--quiet", "--cached", "metrics/months.csv")
    with (repo.path / ".gitignore").open("a") as ignored:
        ignored.write("/metrics/months.csv\n")
    repo.run("dvc", "commit", "--force", "--quiet")
    base = repo.commit("Keep the plot in DVC")
    change(repo, **{"train.skill": 3.0})
    tiny.forget(repo)
    text = report(repo, "--base", base)
    assert "Not drawn: `metrics/months.csv of " in text
    assert "xychart" not in text


def test_a_page_with_pictures(repo: Project) -> None:
    change(repo, **{"train.skill": 3.0})
    assert report(repo, "--html", "page.html") == ""
    page = (repo.path / "page.html").read_text(encoding="utf-8")
    assert '<img alt="AUC by month" src="data:image/svg+xml;base64,' in page
    assert "<h2>Strata: better</h2>" in page
    assert "mermaid" not in page


def test_what_cannot_be_read_at_all_is_still_a_report(repo: Project) -> None:
    (repo.path / "metrics/metrics.json").write_text("{")
    text = report(repo, fails=True)
    assert verdict(text) == "cannot be read"
    assert "`metrics/metrics.json of the workspace cannot be read" in text
    (repo.path / "dvc.yaml").write_text("stages: [")
    assert verdict(report(repo, fails=True)) == "cannot be read"


def test_gates_of_a_base_that_cannot_be_read_are_not_called_others(repo: Project) -> None:
    settings = repo.path / "pyproject.toml"
    whole = settings.read_text()
    settings.write_text("[tool\n" + whole)
    repo.commit("Break the settings")
    repo.run("git", "branch", "--force", "main")
    settings.write_text(whole)
    repo.commit("Mend them")
    text = report(repo)
    assert "**Whether this change alters the gates is unknown**: `pyproject.toml: " in text
    assert "**This change alters the gates**" not in text


def test_seeds_of_a_commit_that_cannot_be_read_are_not_called_absent(repo: Project) -> None:
    without_seeds(repo)
    lock = repo.read("dvc.lock")
    (repo.path / "dvc.lock").write_bytes(b"<<<<<<< HEAD\n" + lock)
    broken = repo.commit("Break the lock")
    (repo.path / "dvc.lock").write_bytes(lock)
    seeds = {"commit": broken, "param": "train.seed", "seeds": [0, 1], "sd": {"test.roc_auc": 0.1}}
    (repo.path / "seeds.json").write_text(json.dumps(seeds))
    repo.commit("Mend it")
    text = report(repo)
    assert f"measured at `{broken[:9]}`, which cannot be read: `dvc.lock of " in text
    assert "not in this clone" not in text


def test_a_log_or_a_common_commit_that_is_not_there_is_said(repo: Project) -> None:
    assert "No such file" in repo.run("strata", "report", "--log", "none.log", fails=True)
    repo.run("git", "switch", "--quiet", "--orphan", "apart")
    repo.run("git", "checkout", "--quiet", "feature", "--", ".")
    repo.run("dvc", "checkout", "--quiet")
    repo.commit("Begin again")
    text = report(repo, fails=True)
    assert "HEAD and main have no commit in common here" in text
    assert "no default branch" not in text
