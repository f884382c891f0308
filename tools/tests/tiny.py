"""A pipeline of three tiny stages, for tests of tools that must work on any dvc.yaml."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import once
from project import Project

FILES = {
    "dvc.yaml": """
stages:
  data:
    cmd: python data.py
    deps: [data.py, requirements.lock]
    params: [data]
    outs: [data/raw]
  train:
    cmd: python train.py
    deps: [train.py, data/raw]
    params: [train]
    outs: [models/model.txt]
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py, data/raw, models/model.txt]
    outs:
      - metrics/predictions.parquet
      - metrics/months.csv: {cache: false}
    metrics:
      - metrics/metrics.json: {cache: false}
plots:
  - AUC by month:
      x: month
      y: {metrics/months.csv: auc}
artifacts:
  tiny: {path: models/model.txt, type: model}
""",
    "params.yaml": """
data:
  months: 2
train:
  skill: 1.0
  seed: 0
""",
    "data.py": """
import json
import shutil
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

folder = Path("data/raw")
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
for month in range(1, 1 + YAML(typ="safe").load(Path("params.yaml"))["data"]["months"]):
    rng = np.random.default_rng(month)
    day = np.arange(400) % 20
    signal = rng.normal(size=400)
    label = (signal + rng.normal(size=400) > 0).astype(int)
    columns = {"id": np.arange(400), "day": [f"{month:02}-{d:02}" for d in day]}
    table = pa.table(columns | {"signal": signal, "label": label})
    pq.write_table(table, folder / f"2013-{month:02}.parquet")
""",
    "train.py": """
from pathlib import Path
from ruamel.yaml import YAML

train = YAML(typ="safe").load(Path("params.yaml"))["train"]
Path("models").mkdir(exist_ok=True)
Path("models/model.txt").write_text(f"{train['skill']} {train['seed']}\\n")
print("train: fitted, 0.5 s")
""",
    "evaluate.py": """
import json
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

skill = float(Path("models/model.txt").read_text().split()[0])
months = sorted(path.stem for path in Path("data/raw").glob("*.parquet"))
tables, aucs = [], {}
for month in months:
    table = pq.read_table(f"data/raw/{month}.parquet")
    noise = np.random.default_rng(7).normal(size=len(table))
    score = 1 / (1 + np.exp(-skill * table["signal"].to_numpy() - noise))
    label = table["label"].to_numpy()
    hits, misses = score[label == 1], score[label == 0]
    aucs[month] = float((hits[:, None] > misses[None, :]).mean())
    split = ["test" if month == months[-1] else "validation"] * len(table)
    tables.append(pa.table({"id": table["id"], "day": table["day"], "split": split,
                            "label": label, "score": score}))
Path("metrics").mkdir(exist_ok=True)
pq.write_table(pa.concat_tables(tables[-2:]), "metrics/predictions.parquet")
metrics = {"test": {"n": 400, "roc_auc": aucs[months[-1]], "roc_auc_se": 0.02}}
Path("metrics/metrics.json").write_text(json.dumps(metrics))
lines = ["month,auc"] + [f"{month},{auc}" for month, auc in aucs.items()]
Path("metrics/months.csv").write_text("\\n".join(lines) + "\\n")
""",
    "seeds.json": json.dumps(
        {
            "commit": "c" * 40,
            "param": "train.seed",
            "seeds": [0, 1, 2],
            "sd": {"test.roc_auc": 0.0},
        }
    ),
    "requirements.lock": "numpy==2.0.0 \\\n    --hash=sha256:00\n",
    "README.md": "# Tiny\n",
    "models/README.md": "# Card of the tiny model\n",
    ".gitignore": "/data/raw\n/models/model.txt\n/metrics/predictions.parquet\n/repro.log\n",
    ".pre-commit-config.yaml": """
default_stages: [pre-commit]
repos:
  - repo: local
    hooks:
      - {id: fresh-lock, name: lock, entry: strata hook fresh-lock, language: system,
         always_run: true, pass_filenames: false}
      - {id: no-secrets, name: secrets, entry: strata hook no-secrets, language: system,
         files: '^\\.dvc/config$', pass_filenames: false}
""",
    "pyproject.toml": """
[tool.strata.report]
headline = "test.roc_auc"
higher_is_better = ["roc_auc"]
predictions = "metrics/predictions.parquet"
[tool.strata.report.columns]
key = ["day", "id"]
block = "day"
split = "split"
label = "label"
prediction = "score"
[tool.strata.report.gates.minimum]
"test.roc_auc" = 0.6
[tool.strata.report.gates.maximum_regression]
"test.roc_auc" = 0.1
""",
}


def write(path: Path, files: Mapping[str, str] = FILES) -> None:
    """Write the project's files."""
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text.removeprefix("\n"), encoding="utf-8", newline="\n")


def create(path: Path, env: dict[str, str], files: Mapping[str, str] = FILES) -> Project:
    """A repository with the tiny pipeline, or another's ``files``, reproduced and committed."""
    once.build((files, env["PATH"]), path, lambda place: _make(Project(place, env), files))
    return Project(path, env)


def _make(project: Project, files: Mapping[str, str]) -> None:
    write(project.path, files)
    project.run("git", "init", "--quiet")
    project.run("dvc", "init", "--quiet")
    project.run("dvc", "config", "core.analytics", "false")
    project.run("dvc", "config", "core.autostage", "true")
    project.run("dvc", "repro", "--quiet")
    project.commit("Reproduce")


def forget(project: Project) -> None:
    """Lose the cache, as a machine that never had it."""
    shutil.rmtree(project.path / ".dvc/cache", ignore_errors=True)
    site = Path(project.env["DVC_SITE_CACHE_DIR"])
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
