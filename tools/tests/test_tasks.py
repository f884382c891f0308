"""`strata report` on pipelines unlike the template's: real fits of scikit-learn, other layouts."""

import json
from pathlib import Path

import pytest
import tiny
from project import Project, sandbox

from strata.compare.evidence import usual_headline

pytestmark = pytest.mark.slow

FIT = """
import json
from pathlib import Path
import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from sklearn import datasets, linear_model, metrics

strength = YAML(typ="safe").load(Path("params.yaml"))["strength"]
"""
MULTICLASS = {
    "dvc.yaml": """
stages:
  fit:
    cmd: python fit.py
    deps: [fit.py]
    params: [strength]
    outs: [predictions.csv: {cache: false}]
    metrics: [metrics.json: {cache: false}]
""",
    "params.yaml": "strength: 0.001\n",
    "strata.toml": """
[report.columns]
prediction = ["proba_setosa", "proba_versicolor", "proba_virginica"]
""",
    "fit.py": FIT
    + """
x, y = datasets.load_iris(return_X_y=True, as_frame=True)
y = y.map(dict(enumerate(["setosa", "versicolor", "virginica"])))
held = np.arange(len(x)) % 2 == 1
model = linear_model.LogisticRegression(C=strength, max_iter=1000).fit(x[~held], y[~held])
likely = model.predict_proba(x[held])
frame = pd.DataFrame(likely.round(9), columns=["proba_" + name for name in model.classes_])
frame.insert(0, "target", y[held].to_numpy())
frame.to_csv("predictions.csv", index_label="row")
found = {"log_loss": metrics.log_loss(y[held], likely),
         "accuracy": metrics.accuracy_score(y[held], model.predict(x[held]))}
found = {name: {"test": round(value, 3)} for name, value in found.items()}
Path("metrics.json").write_text(json.dumps(found))
""",
}
REGRESSION = {
    "dvc.yaml": """
stages:
  fit:
    cmd: python fit.py
    deps: [fit.py]
    params: [strength]
    outs: [out]
    metrics: [eval/test.json: {cache: false}, eval/validation.json: {cache: false}]
plots:
  - out/error.json: {x: value, y: error}
""",
    "params.yaml": "strength: 100.0\n",
    "strata.toml": '[report]\npredictions = "out/predictions.parquet"\n',
    "fit.py": FIT
    + """
x, y = datasets.load_diabetes(return_X_y=True, as_frame=True)
y /= 1e4
part = np.arange(len(x)) % 3
weight = np.where(y > y.median(), 3.0, 1.0)
model = linear_model.Ridge(alpha=strength).fit(x[part == 0], y[part == 0])
frame = pd.DataFrame({"id": x.index, "y": y, "y_pred": model.predict(x), "weight": weight})
frame["split"] = np.array(["train", "validation", "test"])[part]
out = Path("out")
out.mkdir(exist_ok=True)
frame[part > 0].to_parquet(out / "predictions.parquet")
for split, rows in frame[part > 0].groupby("split"):
    sides, weights = (rows["y"], rows["y_pred"]), {"sample_weight": rows["weight"]}
    found = {"r2": metrics.r2_score(*sides, **weights),
             "mean_squared_error": metrics.mean_squared_error(*sides, **weights)}
    Path("eval").mkdir(exist_ok=True)
    Path(f"eval/{split}.json").write_text(json.dumps(found))
at = [{"value": float(v), "error": float(e)} for v, e in zip(y, abs(y - frame["y_pred"]))]
(out / "error.json").write_text(json.dumps({"curve": at}))
""",
}
FOLDER = {
    "dvc.yaml": """
stages:
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py]
    outs: [eval]
metrics: [eval/metrics.json]
""",
    "evaluate.py": """
import json
from pathlib import Path
Path("eval").mkdir(exist_ok=True)
metrics = {"test": {"roc_auc": 0.7, "roc_auc_se": 0.001}}
Path("eval/metrics.json").write_text(json.dumps(metrics))
""",
}


def made(folder: Path, files: dict[str, str], below: str = "") -> Project:
    """A repository with a pipeline, its DVC in a folder of it, on the branch of a change."""
    project = Project(folder / "project" / below, sandbox(folder / "home"))
    tiny.write(project.path, files)
    Project(folder / "project", project.env).run("git", "init", "--quiet")
    project.run("dvc", "init", "--quiet", *(["--subdir"] if below else []))
    project.run("dvc", "repro", "--quiet")
    project.commit("Reproduce")
    project.run("git", "switch", "--quiet", "--create", "feature")
    return project


def changed(project: Project, strength: float) -> str:
    (project.path / "params.yaml").write_text(f"strength: {strength}\n")
    project.run("dvc", "repro", "--quiet")
    project.commit("Change")
    return project.run("strata", "report")


def test_several_classes_in_a_csv_of_git_and_figures_of_three_decimals(tmp_path: Path) -> None:
    text = changed(made(tmp_path, MULTICLASS), 1.0)
    assert text.startswith("## Strata: better\n"), text
    assert "`log_loss.test` -0." in text
    assert "paired by row" in text
    assert "75 rows" in text


LIKE_OURS = {
    **MULTICLASS,
    "dvc.yaml": MULTICLASS["dvc.yaml"].replace("[strength]", "[strength, data, evaluate]"),
    "params.yaml": """
strength: 0.001
data: {task: multiclass, target: kind, key: [flower], weight: worth}
evaluate: {block: meadow}
""",
    "strata.toml": '[report]\nheadline = "test.log_loss"\n',
    "fit.py": MULTICLASS["fit.py"]
    .replace('"proba_"', '"probability_"')
    .replace('insert(0, "target", y', 'insert(0, "kind", y')
    .replace('index_label="row"', 'index_label="flower"')
    .replace("frame.to_csv(", 'frame["meadow"], frame["split"] = frame.index // 5, "test"\n'
             'frame["worth"] = 1.0 + frame.index % 2\nframe.to_csv(')
    .replace("metrics.log_loss(y[held], likely)",
             'metrics.log_loss(y[held], likely, sample_weight=frame["worth"])')
    .replace('{name: {"test": round(value, 3)} for name, value in found.items()}',
             '{"test": found}'),
}  # fmt: skip
SAME = """
[report.columns]
key = ["flower"]
label = "kind"
prediction = ["probability_setosa", "probability_versicolor", "probability_virginica"]
block = "meadow"
split = "split"
weight = "worth"
"""


def test_what_params_yaml_says_gives_the_verdict_that_settings_give(tmp_path: Path) -> None:
    project = made(tmp_path, LIKE_OURS)
    project.set(strength=1.0)
    project.run("dvc", "repro", "--quiet")
    project.commit("Change")
    text = project.run("strata", "report")
    assert text.startswith("## Strata: better\n"), text
    assert "paired by meadow" in text
    assert "75 rows in 15 blocks by `meadow`" in text
    found = project.run("strata", "compare", "--json", "main", "feature")
    with (project.path / "strata.toml").open("a") as settings:
        settings.write(SAME)
    assert project.run("strata", "compare", "--json", "main", "feature") == found
    (project.path / "strata.toml").write_text(LIKE_OURS["strata.toml"])
    project.set(**{"evaluate.block": "lawn"})  # the workspace's counts, as its settings do
    said = project.run("strata", "compare", "main", "feature", fails=True)
    assert "have no column lawn; set [tool.strata.report.columns] or params.yaml" in said


@pytest.mark.thorough
def test_weighted_regression_in_a_subfolder_whose_splits_have_files(tmp_path: Path) -> None:
    text = changed(made(tmp_path, REGRESSION, "team/model"), 0.01)
    assert text.startswith("## Strata: better\n"), text
    assert text.count("paired by row") >= 3
    assert "of other rows" not in text
    assert "xychart" in text
    error = next(line for line in text.splitlines() if "validation.json:mean_squared" in line)
    assert "| 0 |" not in error  # a figure of 1e-5 has digits


def test_metrics_in_a_folder_of_another_data_set_are_not_comparable(tmp_path: Path) -> None:
    project = made(tmp_path, FOLDER)
    stage = project.path / "evaluate.py"
    stage.write_text(stage.read_text().replace("0.7", "0.9"))
    project.run("dvc", "repro", "--quiet")
    project.commit("Other data")
    text = project.run("strata", "report")
    assert text.startswith("## Strata: not comparable\n"), text
    assert "better" not in text
    assert "no predictions of the workspace are known" in text


def test_rows_of_one_name_that_are_others_get_no_word(tmp_path: Path) -> None:
    """Penguins take the place of trains under the same numbers of rows."""
    trains = {**MULTICLASS, "strata.toml": '[report.columns]\nprediction = "guess"\n'}
    trains["fit.py"] = (
        FIT
        + """
label = np.random.default_rng(0).integers(0, 2, 200)
guess = np.where(np.random.default_rng(1).random(200) < strength, label, 1 - label)
frame = pd.DataFrame({"id": range(200), "label": label, "guess": guess})
frame.to_csv("predictions.csv", index=False)
Path("metrics.json").write_text(json.dumps({"accuracy": float((label == guess).mean())}))
"""
    )
    project = made(tmp_path, {**trains, "params.yaml": "strength: 0.5\n"})
    code = project.path / "fit.py"
    code.write_text(code.read_text().replace("default_rng(0)", "default_rng(5)"))
    text = changed(project, 0.99)
    assert text.startswith("## Strata: not comparable\n"), text
    assert "with another label" in text
    assert "better" not in text


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return made(tmp_path_factory.mktemp("plain"), FOLDER)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("higher_is_better = 3", "higher_is_better must be a name or a list of names"),
        ('headlin = "test.roc_auc"', "headlin is not known"),
        ("gates = 3", "gates must be a table"),
        ("columns = 3", "columns must be a table"),
        ("[report.columns]\nkey = 3", "key must be a name or a list of names"),
        ("[report.gates.minimum]\ntest = 'x'", "a number under"),
        ("[report.gates.maximum_regression]\n'test.profit' = 1", "which way is better?"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, settings: str, said: str) -> None:
    files = {**FOLDER, "strata.toml": f"[report]\n{settings}\n"}
    project = made(tmp_path, files)
    (project.path / "eval/metrics.json").write_text(json.dumps({"test": {"profit": 2}}))
    text = project.run("strata", "report", fails=True)
    assert said in text
    assert "Traceback" not in text


def test_a_headline_is_derived_from_the_metrics() -> None:
    assert usual_headline({"n": 5, "train.roc_auc": 0.9, "test.roc_auc": 0.7}) == "test.roc_auc"
    assert usual_headline({"n": 5, "dummy.r2": 0.0, "r2": 0.5}) == "r2"
    assert usual_headline({"n": 5, "profit": 0.1}) == "profit"
    assert usual_headline({"n": 5}) == usual_headline({}) == ""
