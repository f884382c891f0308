"""What keeps dvc.yaml true, whatever the pipeline: each stage declares all that it reads.

Each rule is a pure function that returns the faults it finds: one test applies it to this
repository, another shows on a small bad example that it can find one.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from params import Params

ROOT = Path(__file__).parents[1]
LOCK = "requirements.lock"
CONTRACT = "params"  # a module that no stage but its own depends on: it cannot change a value
SHELL = set("|&;<>()[]{}$`\\\"'*?#~=%!\n")

Sources = dict[str, str]  # the text of a program by the name of its module


def sources() -> Sources:
    return {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "src").glob("*.py")}


def parsed(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))


def imports(source: str) -> set[str]:
    """The modules that a program imports anywhere, by the first part of their names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def closure(module: str, known: Sources) -> set[str]:
    """A module and all modules of ``known`` that it imports, directly or through others."""
    found: set[str] = set()
    waiting = {module} & known.keys()
    while waiting:
        found |= waiting
        waiting = {name for m in waiting for name in imports(known[m])} & known.keys() - found
    return found


def sections(source: str, classes: dict[str, str]) -> set[str]:
    """The sections of params.yaml that a program loads; ``classes`` names them by class."""
    loaded = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = getattr(node.args[0], "attr", getattr(node.args[0], "id", ""))
            if called == "load" and name in classes:
                loaded.add(classes[name])
    return loaded


def faults(pipeline: Any, known: Sources, params: Any, classes: dict[str, str]) -> list[str]:
    """What stages run and read and do not declare, or declare and do not."""
    found: list[str] = []
    everywhere: set[str] = set()
    for name, stage in pipeline["stages"].items():
        cmd = stage["cmd"]
        if not isinstance(cmd, str) or SHELL & set(cmd):
            found.append(f"{name}: {cmd!r} is not one plain command")  # shells read it apart
            continue
        module = cmd.removeprefix("python src/").removesuffix(".py")
        modules = closure(module, known)
        if not modules:
            found.append(f"{name}: {cmd!r} runs no file of src/")
        modules -= {CONTRACT} - {module}
        used = {f"src/{m}.py" for m in modules} | {LOCK}
        declared = set(stage.get("deps", []))
        code = {dep for dep in declared if dep.startswith("src/")}
        found += [f"{name}: {dep} is missing" for dep in sorted(used - declared)]
        found += [f"{name}: {dep} is not used" for dep in sorted(code - used)]
        loaded = {s for m in modules for s in sections(known[m], classes)}
        named = {param for param in stage.get("params", []) if param != {"params.yaml": None}}
        everywhere |= named
        found += [f"{name}: param {s} is missing" for s in sorted(loaded - named)]
        found += [f"{name}: param {s} is not loaded" for s in sorted(named - loaded)]
    return found + [f"params.yaml: {key} is of no stage" for key in params if key not in everywhere]


def ignore_faults(pipeline: Any, gitignore: str) -> list[str]:
    """Outputs that DVC keeps and Git does not ignore, or that Git keeps and ignores.

    All are in .gitignore beforehand: a stage that fails can roll back what DVC writes there.
    """
    ignored = set(gitignore.splitlines())
    found = []
    for stage in pipeline["stages"].values():
        for out in (out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            if options.get("cache", True) != (f"/{path}" in ignored):
                found.append(f"{path}: .gitignore and cache do not agree")
    return found


def test_each_stage_declares_just_what_it_runs_and_reads() -> None:
    classes = {
        str(f.annotation.__name__): n for n, f in Params.model_fields.items() if f.annotation
    }
    assert faults(parsed("dvc.yaml"), sources(), parsed("params.yaml"), classes) == []


def test_all_outputs_that_dvc_keeps_are_ignored_beforehand() -> None:
    gitignore = (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert ignore_faults(parsed("dvc.yaml"), gitignore) == []


def test_the_pipeline_does_not_import_the_tools() -> None:
    assert [name for name, source in sources().items() if "strata" in imports(source)] == []


def test_wrong_declarations_are_found() -> None:
    known = {
        "a": "import b, params\nparams.load(params.One)\njoblib.load(MODEL)",
        "b": "from params import Two, load\ndef f():\n    import c\n    load(Two)",
        "c": "import a",
        "params": "",
    }
    deps = ["src/a.py", "src/b.py", "src/old.py", "data/raw"]
    pipeline = {
        "stages": {
            "a": {"cmd": "python src/a.py", "deps": deps, "params": ["one", "three"]},
            "z": {"cmd": "python src/z.py", "deps": [LOCK]},
        }
    }
    classes = {"One": "one", "Two": "two", "Three": "three"}
    assert faults(pipeline, known, {"one": {}, "two": {}, "three": {}, "four": {}}, classes) == [
        "a: requirements.lock is missing",
        "a: src/c.py is missing",
        "a: src/old.py is not used",
        "a: param two is missing",
        "a: param three is not loaded",
        "z: 'python src/z.py' runs no file of src/",
        "params.yaml: two is of no stage",
        "params.yaml: four is of no stage",
    ]


@pytest.mark.parametrize("cmd", ["make a && make b", "python $X", "a > b", "A=1 a", ["a", "b"]])
def test_a_command_with_shell_syntax_is_found(cmd: str | list[str]) -> None:
    assert faults({"stages": {"bad": {"cmd": cmd}}}, {}, {}, {}) == [
        f"bad: {cmd!r} is not one plain command"
    ]


def test_an_output_that_is_not_ignored_is_found() -> None:
    outs = ["data/raw", "data/new", {"metrics/plots": {"cache": False}}]
    pipeline = {"stages": {"a": {"outs": outs, "plots": [{"plots/roc.csv": {"x": "fpr"}}]}}}
    assert ignore_faults(pipeline, "/data/raw\n/metrics/plots\n") == [
        f"{path}: .gitignore and cache do not agree"
        for path in ("data/new", "metrics/plots", "plots/roc.csv")
    ]
