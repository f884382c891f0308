"""A zoo: small repositories, each with a feature of DVC's that tools may trip over.

A shape is two revisions, tagged v1 and v2, as texts and commands. Their stages are plain shell, so
that making one takes a second. What v2 changes is of another length: Git may take a file of the
same length, written in the same second, for unchanged.
"""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import once
from project import Project
from servers import Server
from tiny import write

DVC = {  # what `dvc init` writes, a second faster
    ".dvc/config": "[core]\n    analytics = false\n    autostage = true\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}
Commands = list[list[str]]


@dataclass(frozen=True)
class Shape:
    """A repository: the files of v1, what v2 changes, and what is run before each is reproduced.

    ``root`` is the folder with ``.dvc``. ``absent`` says why it has no ``metrics``; without params
    there is nothing to sweep over (``vary`` is an argument of ``-S``).
    """

    v1: Mapping[str, str]
    v2: Mapping[str, str]
    before: Commands = field(default_factory=list)
    root: str = "."
    vary: str = ""
    metric: str = ""
    metrics: bool = True
    stages: bool = True


TRAIN = r"""  train:
    cmd: grep lr {file} | tr -dc '0-9.\n' > model.txt
    deps: [data.txt]
    params: [{params}]
    outs: [model.txt]
  evaluate:
    cmd: 'echo "{{\"score\": $(cat model.txt)}}" > metrics.json'
    deps: [model.txt]
    metrics: [metrics.json: {{cache: false}}]
"""
PLAIN = "stages:\n" + TRAIN.format(file="params.yaml", params="lr")
DATA = {"data.txt": "1\n2\n"}


def plain() -> Shape:
    """Two stages, params.yaml and metrics.json: what all others start from."""
    v1 = {"dvc.yaml": PLAIN, "params.yaml": "lr: 0.5\n", **DATA}
    return Shape(v1, {"params.yaml": "lr: 0.75\n"}, vary="lr=0.5,0.6", metric="score")


def wdir() -> Shape:
    text = PLAIN.replace("    cmd:", "    wdir: work\n    cmd:")
    files = {"dvc.yaml": text, "work/params.yaml": "lr: 0.5\n", "work/data.txt": "1\n"}
    return Shape(files, {"work/params.yaml": "lr: 0.75\n"})


def foreach() -> Shape:
    text = """
stages:
  part:
    foreach: {a: 1, b: 2}
    do:
      cmd: echo ${item} ${lr} > part-${key}.txt
      outs: ["part-${key}.txt"]
  score:
    cmd: 'echo "{\\"score\\": ${lr}}" > metrics.json'
    deps: [part-a.txt, part-b.txt]
    metrics: [metrics.json: {cache: false}]
"""
    v1 = {"dvc.yaml": text, "params.yaml": "lr: 0.5\n"}
    return Shape(v1, {"params.yaml": "lr: 0.75\n"}, vary="lr=0.1,0.2", metric="score")


def matrix() -> Shape:
    text = """
stages:
  fit:
    matrix:
      kind: [linear, tree]
      depth: [1, 2]
    cmd: echo ${item.kind} ${item.depth} ${lr} > ${item.kind}-${item.depth}.txt
    outs: [ "${item.kind}-${item.depth}.txt" ]
    metrics:
      - m-${item.kind}-${item.depth}.json: {cache: false}
""".replace(".txt\n    outs", ".txt; echo ${lr} > m-${item.kind}-${item.depth}.json\n    outs")
    v1 = {"dvc.yaml": text, "params.yaml": "lr: 0.5\n"}
    return Shape(v1, {"params.yaml": "lr: 0.75\n"})


def variables() -> Shape:
    text = """
vars:
  - where: out
  - config.yaml
stages:
  fit:
    cmd: mkdir -p ${where} && echo ${model.name} > ${where}/model.txt
    outs: ["${where}/model.txt"]
  score:
    cmd: 'echo "score: ${model.lr}" > metrics.yaml'
    deps: ["${where}/model.txt"]
    metrics: [metrics.yaml: {cache: false}]
"""
    v1 = {"dvc.yaml": text, "config.yaml": "model: {name: big, lr: 0.1}\n"}
    v2 = {"config.yaml": "model: {name: small, lr: 0.25}\n"}
    return Shape(v1, v2, vary="config.yaml:model.lr=0.3,0.4", metric="score")


def subfolders() -> Shape:
    """Several dvc.yaml, none at the top, the second of which depends on the first."""
    first = """
stages:
  make:
    cmd: grep lr params.yaml | tr -dc '0-9' > out.txt
    params: [lr]
    outs: [out.txt]
"""
    second = """
stages:
  score:
    cmd: 'echo "{\\"score\\": $(cat ../first/out.txt)}" > m.json; cp m.json kept.json'
    deps: [../first/out.txt]
    outs: [kept.json]
    metrics: [m.json: {cache: false}]
"""
    v1 = {"first/dvc.yaml": first, "second/dvc.yaml": second, "first/params.yaml": "lr: 1\n"}
    v2 = {"first/params.yaml": "lr: 22\n"}
    return Shape(v1, v2, vary="first/params.yaml:lr=3,4", metric="score")


def monorepo() -> Shape:
    """The folder with .dvc is below the top of Git's repository."""
    v1 = {f"teams/ml/{name}": text for name, text in plain().v1.items()} | {"other.txt": "1\n"}
    v2 = {"teams/ml/params.yaml": "lr: 0.75\n", "other.txt": "22\n"}
    return Shape(v1, v2, root="teams/ml", vary="lr=0.5,0.6", metric="score")


def frozen() -> Shape:
    text = PLAIN + "  old:\n    cmd: echo old > old.txt\n    outs: [old.txt]\n"
    v1 = {"dvc.yaml": text, "params.yaml": "lr: 0.5\n", **DATA}
    v2 = {"dvc.yaml": text + "    frozen: true\n", "params.yaml": "lr: 0.75\n"}
    return Shape(v1, v2, vary="lr=0.5,0.6", metric="score")


def import_url() -> Shape:
    outside = ["sh", "-c", "test -f ../outside.txt || echo outside > ../outside.txt"]
    fetch = ["sh", "-c", "test -f got.txt.dvc || dvc import-url ../outside.txt got.txt"]
    return Shape(plain().v1, plain().v2, before=[outside, fetch])


def imported() -> Shape:
    """``dvc import`` of a file of another local repository."""
    make = """test -d ../source || { mkdir ../source && cd ../source &&
git init -q && dvc init -q && echo theirs > theirs.txt && dvc add -q theirs.txt && git add . &&
git commit -qm Data; }"""
    fetch = "test -f theirs.txt.dvc || dvc import -q ../source theirs.txt"
    return Shape(plain().v1, plain().v2, before=[["sh", "-c", make], ["sh", "-c", fetch]])


def added() -> Shape:
    """Data in .dvc files, a folder of it too, and no stage at all."""
    v1 = {"big.csv": "a,b\n1,2\n", "images/1.txt": "1\n", "images/sub/2.txt": "2\n"}
    v2 = {"big.csv": "a,b\n3,44\n", "images/3.txt": "3\n"}
    add = ["dvc", "add", "--quiet", "big.csv", "images"]
    return Shape(v1, v2, before=[add], metrics=False, stages=False)


def persist() -> Shape:
    text = PLAIN.replace("outs: [model.txt]", "outs: [model.txt: {persist: true}]")
    return Shape({**plain().v1, "dvc.yaml": text}, plain().v2, vary="lr=1,2", metric="score")


def always_changed() -> Shape:
    text = PLAIN + "  ask:\n    cmd: echo 1 > asked.txt\n    always_changed: true\n"
    v1 = {**plain().v1, "dvc.yaml": text + "    outs: [asked.txt]\n"}
    return Shape(v1, plain().v2, vary="lr=1,2", metric="score")


def uncached() -> Shape:
    """Every output is Git's."""
    text = PLAIN.replace("outs: [model.txt]", "outs: [model.txt: {cache: false}]")
    return Shape({**plain().v1, "dvc.yaml": text}, plain().v2, vary="lr=1,2", metric="score")


def params_everywhere() -> Shape:
    """Params in TOML, JSON and Python, no params.yaml."""
    text = "stages:\n" + TRAIN.format(
        file="params.toml", params="params.toml: [fit.lr], more.json: [depth], conf.py: [Fit.seed]"
    )
    v1 = {
        "dvc.yaml": text,
        "params.toml": "[fit]\nlr = 0.5\n",
        "more.json": '{"depth": 3}\n',
        "conf.py": "class Fit:\n    seed = 1\n",
        **DATA,
    }
    v2 = {"params.toml": "[fit]\nlr = 0.75\n", "conf.py": "class Fit:\n    seed = 22\n"}
    return Shape(v1, v2, vary="params.toml:fit.lr=0.1,0.2", metric="score")


def metrics_everywhere() -> Shape:
    """Metrics in YAML and TOML, named at the top; plots in CSV, TSV, YAML, a folder, an image."""
    text = """
metrics: [m/score.yaml, m/more.toml]
plots:
  - curve.csv: {x: step, y: loss}
  - other: {y: {curve.tsv: loss, table.yaml: [loss]}, x: step}
  - shots
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh, data.txt]
    outs: [model.txt, m: {cache: false}, shots]
    plots:
      - curve.csv: {cache: false, x: step, y: loss}
      - curve.tsv: {x: step, y: loss}
      - table.yaml
"""
    script = r"""
v=$(cat data.txt)
mkdir -p m shots
echo $v > model.txt
echo "score: 0.$v" > m/score.yaml
printf 'depth = %s\n[test]\nauc = 0.%s\n' $v $v > m/more.toml
printf 'step,loss\n1,%s\n2,1\n' $v > curve.csv
printf 'step\tloss\n1\t%s\n2\t1\n' $v > curve.tsv
printf 'rows:\n- {step: 1, loss: %s}\n- {step: 2, loss: 1}\n' $v > table.yaml
printf '<svg xmlns="http://www.w3.org/2000/svg"><text>%s</text></svg>' $v > shots/a.svg
printf 'P1 1 1 %s' $v > shots/b.png
"""
    return Shape({"dvc.yaml": text, "train.sh": script, "data.txt": "5\n"}, {"data.txt": "77\n"})


def odd_names() -> Shape:
    text = PLAIN.replace("model.txt", "mein größtes Modell.txt")
    text = text.replace("> mein größtes Modell.txt", '> "mein größtes Modell.txt"')
    text = text.replace("cat mein größtes Modell.txt", "cat mein*.txt")
    text += """  folder:
    cmd: mkdir -p 'out put' && cp data.txt 'out put/ä b.txt'
    deps: [data.txt]
    outs: ['out put']
"""
    v1 = {**plain().v1, "dvc.yaml": text}
    return Shape(v1, {**plain().v2, "data.txt": "33\n"}, vary="lr=1,2", metric="score")


def no_metrics() -> Shape:
    text = PLAIN.replace("    metrics: [metrics.json: {cache: false}]", "    outs: [metrics.json]")
    return Shape({**plain().v1, "dvc.yaml": text}, plain().v2, metrics=False)


def other_words() -> Shape:
    """params.yaml says other things in the template's words; predictions have usual names."""
    text = """
stages:
  evaluate:
    cmd: sh evaluate.sh
    deps: [evaluate.sh]
    params: [lr]
    outs: [predictions.csv]
    metrics: [metrics.json: {cache: false}]
"""
    script = r"""
wrong=3; grep -q 0.75 params.yaml && wrong=99
echo id,day,label,prediction > predictions.csv
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  echo $i,$i,$((i % 2)),$((i % wrong ? i % 2 : 1 - i % 2)) >> predictions.csv
done
awk -F, 'NR > 1 { right += $3 == $4 } END { printf "{\"accuracy\": %f}", right / (NR - 1) }' \
  predictions.csv > metrics.json
"""
    words = "data: [task, target, key]\nevaluate: {block: [customer]}\nlr: 0.5\n"
    v1 = {"dvc.yaml": text, "evaluate.sh": script, "params.yaml": words}
    v2 = {"params.yaml": words.replace("0.5", "0.75")}
    return Shape(v1, v2, vary="lr=0.5,0.6", metric="accuracy")


def installable() -> Shape:
    """A repository that is a package to install: an environment is made for it."""
    text = """
stages:
  train:
    cmd: python src/zoo_animal.py
    deps: [src/zoo_animal.py]
    params: [lr]
    outs: [model.txt]
    metrics: [metrics.json: {cache: false}]
"""
    code = """
import json
from pathlib import Path
from ruamel.yaml import YAML

lr = YAML(typ="safe").load(Path("params.yaml"))["lr"]
Path("model.txt").write_text(f"{lr} VERSION")
Path("metrics.json").write_text(json.dumps({"score": lr}))
"""
    project = """
[project]
name = "zoo-animal"
version = "1"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
packages = ["src/zoo_animal.py"]
"""
    v1 = {"dvc.yaml": text, "src/zoo_animal.py": code.replace("VERSION", "1"), **plain().v1}
    v1 |= {"dvc.yaml": text, "pyproject.toml": project, ".gitignore": "__pycache__\n"}
    return Shape(v1, {**plain().v2, "src/zoo_animal.py": code.replace("VERSION", "two")})


def together() -> Shape:
    """Several at once: below the top, wdir, templates, foreach, an import, .dvc files, persist."""
    text = """
vars: [conf.yaml]
stages:
  part:
    foreach: ${parts}
    do:
      wdir: deep/${item}
      cmd: cp in.txt "out ${item}.txt"
      deps: [in.txt]
      outs:
        - out ${item}.txt: {persist: true}
  score:
    wdir: deep
    cmd: 'cat "one/out one.txt" "two/out two.txt" big.csv > all.txt; echo "auc: ${lr}" > m.yaml'
    params: [../conf.yaml: [lr]]
    deps: ["one/out one.txt", "two/out two.txt", big.csv]
    outs: [all.txt]
    metrics: [m.yaml]
"""
    v1 = {
        "a b/dvc.yaml": text,
        "a b/conf.yaml": "parts: [one, two]\nlr: 0.5\n",
        "a b/deep/one/in.txt": "1\n",
        "a b/deep/two/in.txt": "2\n",
        "a b/deep/big.csv": "9\n",
    }
    v2 = {"a b/conf.yaml": "parts: [one, two]\nlr: 0.75\n", "a b/deep/big.csv": "88\n"}
    add = ["dvc", "add", "--quiet", "deep/big.csv"]
    outside = ["sh", "-c", "test -f ../outside.txt || echo outside > ../outside.txt"]
    fetch = ["sh", "-c", "test -f got.txt.dvc || dvc import-url ../outside.txt got.txt"]
    return Shape(v1, v2, [add, outside, fetch], root="a b", vary="conf.yaml:lr=1,2", metric="auc")


SCRIPT = """
import pickle, sys
from pathlib import Path
from ruamel.yaml import YAML

params = YAML(typ="safe").load(Path("params.yaml"))
"""


def get_started() -> Shape:
    """As iterative/example-get-started: scripts, pickles, top-level metrics, eval/ with all plots.

    Its remote is an HTTP one that can only be read.
    """
    text = """
stages:
  prepare:
    cmd: python src/prepare.py data/data.xml
    deps: [data/data.xml, src/prepare.py]
    params: [prepare.seed, prepare.split]
    outs: [data/prepared]
  featurize:
    cmd: python src/featurization.py data/prepared data/features
    deps: [data/prepared, src/featurization.py]
    params: [featurize.max_features]
    outs: [data/features]
  train:
    cmd: python src/train.py data/features model.pkl
    deps: [data/features, src/train.py]
    params: [train.min_split, train.seed]
    outs: [model.pkl]
  evaluate:
    cmd: python src/evaluate.py model.pkl data/features
    deps: [data/features, model.pkl, src/evaluate.py]
    outs: [eval]
params: [params.yaml]
metrics: [eval/metrics.json]
artifacts:
  text-classification: {path: model.pkl, type: model, desc: Detect posts about R}
plots:
  - ROC:
      template: simple
      x: fpr
      y: {eval/plots/roc/train.json: tpr, eval/plots/roc/test.json: tpr}
  - Confusion-Matrix:
      template: confusion
      x: actual
      y: {eval/plots/cm/test.json: predicted}
  - eval/plots/images/importance.png
"""
    files = {
        "dvc.yaml": text,
        "params.yaml": "prepare: {split: 0.2, seed: 1}\nfeaturize: {max_features: 10}\n"
        "train: {seed: 1, min_split: 0.1}\n",
        "data/data.xml": "".join(f'<row Id="{i}" Body="post {i}"/>\n' for i in range(40)),
        "src/requirements.txt": "ruamel.yaml\ndvc>=3\n",
        "src/prepare.py": SCRIPT
        + """
lines = Path(sys.argv[1]).read_text().splitlines()
cut = int(len(lines) * params["prepare"]["split"])
Path("data/prepared").mkdir(parents=True, exist_ok=True)
Path("data/prepared/test.tsv").write_text("\\n".join(lines[:cut]))
Path("data/prepared/train.tsv").write_text("\\n".join(lines[cut:]))
""",
        "src/featurization.py": SCRIPT
        + """
Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
for name in ("train", "test"):
    lines = Path(sys.argv[1], name + ".tsv").read_text().splitlines()
    rows = [len(line) % params["featurize"]["max_features"] for line in lines]
    Path(sys.argv[2], name + ".pkl").write_bytes(pickle.dumps(rows))
""",
        "src/train.py": SCRIPT
        + """
rows = pickle.loads(Path(sys.argv[1], "train.pkl").read_bytes())
model = {"mean": sum(rows) / len(rows), "min_split": params["train"]["min_split"]}
Path(sys.argv[2]).write_bytes(pickle.dumps(model))
""",
        "src/evaluate.py": SCRIPT
        + """
import base64, json
model = pickle.loads(Path(sys.argv[1]).read_bytes())
rows = pickle.loads(Path(sys.argv[2], "test.pkl").read_bytes())
for folder in ("eval/plots/roc", "eval/plots/cm", "eval/plots/images"):
    Path(folder).mkdir(parents=True, exist_ok=True)
score = {"avg_prec": {"test": model["min_split"]}, "roc_auc": {"test": 1 / (1 + model["mean"])}}
Path("eval/metrics.json").write_text(json.dumps(score))
for name in ("train", "test"):
    points = [{"fpr": i / 4, "tpr": (i / 4) ** model["min_split"]} for i in range(5)]
    Path(f"eval/plots/roc/{name}.json").write_text(json.dumps({"roc": points}))
cells = [{"actual": str(row % 2), "predicted": str(i % 2)} for i, row in enumerate(rows)]
Path("eval/plots/cm/test.json").write_text(json.dumps(cells))
Path("eval/plots/images/importance.png").write_bytes(base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
))
""",
    }
    add = ["dvc", "add", "--quiet", "data/data.xml"]
    v2 = {"params.yaml": files["params.yaml"].replace("0.1", "0.35")}
    vary = "train.min_split=0.4,0.5"
    return Shape(files, v2, before=[add], vary=vary, metric="avg_prec.test")


SHAPES: dict[str, Callable[[], Shape]] = {
    shape.__name__: shape
    for shape in (
        *(plain, wdir, foreach, matrix, variables, subfolders, monorepo, frozen, import_url),
        *(imported, added, persist, always_changed, uncached, params_everywhere),
        *(metrics_everywhere, odd_names, no_metrics, other_words, installable, together),
        get_started,
    )
}


def create(path: Path, env: dict[str, str], shape: Shape) -> Project:
    """The repository of a shape, at v2; the Project stands in its folder with .dvc."""
    once.build((shape, env["PATH"]), path, lambda place: make(Project(place, env), shape))
    return Project(path / shape.root, env)


def make(top: Project, shape: Shape) -> None:
    """Make the repository of a shape."""
    project = Project(top.path / shape.root, top.env)
    write(top.path, shape.v1)
    top.run("git", "init", "--quiet")
    write(project.path, DVC)
    for tag, files in (("v1", {}), ("v2", shape.v2)):
        write(top.path, files)
        for command in shape.before:
            project.run(*command)
        if shape.stages:
            project.run("dvc", "repro", "--quiet", "--all-pipelines")
        top.commit(tag)
        project.run("git", "tag", tag)


class _ReadOnly(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on loopback: files to read, no listing, nothing to write."""
    handler = functools.partial(_ReadOnly, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
