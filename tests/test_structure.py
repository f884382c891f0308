"""What keeps dvc.yaml true, whatever the pipeline: each stage declares all that it reads.

Its code is the modules of src/ that it imports, each a file, and of the kit the parts that it
stands on, each a folder. Each rule is a pure function that returns the faults it finds: one test
applies it to this repository, another shows on a small bad example that it can find one.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kit.params import Section
from params import Params

ROOT = Path(__file__).parents[1]
LOCK = "requirements.lock"
# No stage depends on the contract of params.yaml but its own: it cannot change a value.
CONTRACT = {"params", "kit.params"}
MOST = 6  # files and folders of code; a stage that needs more does too much
SHELL = set("|&;<>()[]{}$`\\\"'*?#~=%!\n")

Sources = dict[str, str]  # the text of a program by the name of its module


def sources() -> Sources:
    src = ROOT / "src"
    return {
        module_of(path.relative_to(src)): path.read_text(encoding="utf-8")
        for path in sorted([*src.glob("*.py"), *src.glob("kit/**/*.py")])
    }


def module_of(path: Path) -> str:
    """The name of the module that a file of src/ is; a folder is named by its __init__.py."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parsed(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))


def imports(source: str) -> set[str]:
    """All that a program imports anywhere, by full names: modules, what is taken from them, and
    the packages around them, which Python imports as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    split = [name.split(".") for name in names]
    return {".".join(parts[:end]) for parts in split for end in range(1, len(parts) + 1)}


def closure(module: str, known: Sources) -> set[str]:
    """A module and all modules of ``known`` that it imports, directly or through others."""
    found: set[str] = set()
    waiting = {module} & known.keys()
    while waiting:
        found |= waiting
        waiting = {name for m in waiting for name in imports(known[m])} & known.keys() - found
    return found


def code_of(module: str) -> str:
    """What a stage that imports a module of src/ depends on: its file, or its part of the kit."""
    first, *others = module.split(".")
    in_a_part = first == "kit" and module not in CONTRACT
    return f"src/kit/{others[0]}" if in_a_part else f"src/{'/'.join([first, *others])}.py"


def sections(source: str, classes: dict[str, str]) -> set[str]:
    """The sections of params.yaml that a program loads; ``classes`` names them by class."""
    tree, loaded = ast.parse(source), set()
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in CONTRACT
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "load" in (
            getattr(node.func, "attr", None),
            getattr(node.func, "id", None),
        ):
            for given in [*node.args, *(word.value for word in node.keywords)]:
                name = getattr(given, "attr", names.get(getattr(given, "id", ""), ""))
                loaded |= {classes[name]} if name in classes else set()
    return loaded


def faults(pipeline: Any, known: Sources, params: Any, classes: dict[str, str]) -> list[str]:
    """What stages run and read and do not declare, or declare and do not, and the deps to paste."""
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
        modules -= {"kit"} if module in CONTRACT else {"kit", *CONTRACT}
        used = {code_of(m) for m in modules} | {LOCK}
        declared = set(stage.get("deps", []))
        code = {dep for dep in declared if dep.startswith("src/")}
        found += [f"{name}: {dep} is missing" for dep in sorted(used - declared)]
        found += [f"{name}: {dep} is not used" for dep in sorted(code - used)]
        if used - declared or code - used:
            lines = [f"      - {dep}" for dep in sorted(declared - code | used)]
            found.append("\n".join([f"to paste:\n  {name}:\n    deps:", *lines]))
        if len(code) > MOST:
            found.append(f"{name}: depends on {len(code)} files and folders of code")
        loaded = {s for m in modules for s in sections(known[m], classes)}
        named = {param for param in stage.get("params", []) if param != {"params.yaml": None}}
        everywhere |= named
        found += [f"{name}: param {s} is missing" for s in sorted(loaded - named)]
        found += [f"{name}: param {s} is not loaded" for s in sorted(named - loaded)]
    return found + [f"params.yaml: {key} is of no stage" for key in params if key not in everywhere]


def kit_faults(known: Sources) -> list[str]:
    """What is in the kit and belongs to no part of it, or imports what is not the kit's."""
    found = []
    of_the_project = {module for module in known if module.partition(".")[0] != "kit"}
    for module in sorted(known.keys() - of_the_project):
        tree = ast.parse(known[module])
        if module == "kit" and len(tree.body) > (ast.get_docstring(tree) is not None):
            found.append("kit: __init__.py has code, and no stage depends on it")
        is_part = any(other.startswith(f"{module}.") for other in known)
        if module.count(".") == 1 and not is_part and module not in CONTRACT:
            found.append(f"{module}: is in no part of the kit")
        if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
            found.append(f"{module}: imports relatively, which is not looked into here")
        others = imports(known[module]) & {*of_the_project, "strata"}
        found += [f"{module}: imports {name}" for name in sorted(others)]
    return found


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
        kind.__name__: name
        for name, field in Params.model_fields.items()
        for kind in getattr(field.annotation, "__mro__", ())  # a stage may load it by its base
        if issubclass(kind, Section) and kind is not Section
    }
    found = faults(parsed("dvc.yaml"), sources(), parsed("params.yaml"), classes)
    assert not found, "\n".join(found)


def test_the_kit_is_made_of_parts_and_knows_nothing_of_the_project() -> None:
    assert kit_faults(sources()) == []


def test_all_outputs_that_dvc_keeps_are_ignored_beforehand() -> None:
    gitignore = (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert ignore_faults(parsed("dvc.yaml"), gitignore) == []


def test_the_pipeline_does_not_import_the_tools() -> None:
    assert [name for name, source in sources().items() if "strata" in imports(source)] == []


def test_wrong_declarations_are_found() -> None:
    known = {
        "a": "import b, params\nfrom x import Three\nparams.load(params.One)\njoblib.load(Three)",
        "b": "from params import Two as T, load\ndef f():\n    import c\n    load(T)",
        "c": "import a\nfrom kit.low import tidy",
        "params": "import kit.params",
        "kit": "",
        "kit.params": "",
        "kit.low": "from kit.low.clean import tidy",
        "kit.low.clean": "import kit.lower.soap",
        "kit.lower.soap": "",
        "kit.high": "",
        "e": "",
    }
    deps = ["src/a.py", "src/b.py", "src/kit/high", "src/old.py", "data/raw"]
    letters = [f"src/{letter}.py" for letter in "efghijk"]
    pipeline = {
        "stages": {
            "a": {"cmd": "python src/a.py", "deps": deps, "params": ["one", "three"]},
            "e": {"cmd": "python src/e.py", "deps": [LOCK, *letters]},
            "params": {"cmd": "python src/params.py", "deps": [LOCK, "src/params.py"]},
            "z": {"cmd": "python src/z.py", "deps": [LOCK]},
        }
    }
    classes = {"One": "one", "Two": "two", "Three": "three"}
    assert faults(pipeline, known, {"one": {}, "two": {}, "three": {}, "four": {}}, classes) == [
        "a: requirements.lock is missing",
        "a: src/c.py is missing",
        "a: src/kit/low is missing",
        "a: src/kit/lower is missing",
        "a: src/kit/high is not used",
        "a: src/old.py is not used",
        "to paste:\n  a:\n    deps:\n      - data/raw\n      - requirements.lock\n"
        "      - src/a.py\n      - src/b.py\n      - src/c.py\n"
        "      - src/kit/low\n      - src/kit/lower",
        "a: param two is missing",
        "a: param three is not loaded",
        *(f"e: {file} is not used" for file in letters[1:]),
        "to paste:\n  e:\n    deps:\n      - requirements.lock\n      - src/e.py",
        "e: depends on 7 files and folders of code",
        "params: src/kit/params.py is missing",
        "to paste:\n  params:\n    deps:\n      - requirements.lock\n      - src/kit/params.py\n"
        "      - src/params.py",
        "z: 'python src/z.py' runs no file of src/",
        "params.yaml: two is of no stage",
        "params.yaml: four is of no stage",
    ]


def test_what_is_wrong_in_the_kit_is_found() -> None:
    known = {
        "train": "",
        "params": "",
        "kit": '"""What stages share."""\nimport kit.base',
        "kit.params": "import pydantic",
        "kit.base": "def f():\n    from params import Params",
        "kit.base.words": "from . import numbers",
        "kit.base.strata": "import strata.git\nfrom kit.base import words",
        "kit.loose": "import train",
    }
    assert kit_faults(known) == [
        "kit: __init__.py has code, and no stage depends on it",
        "kit.base: imports params",
        "kit.base.strata: imports strata",
        "kit.base.words: imports relatively, which is not looked into here",
        "kit.loose: is in no part of the kit",
        "kit.loose: imports train",
    ]
    good = {"train": "import kit.base", "kit": '"""Shared."""', "kit.base": "", "kit.base.a": ""}
    assert kit_faults(good) == []


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
