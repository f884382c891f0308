"""What keeps dvc.yaml true and the wall between ``stages`` and ``strata`` standing.

Each rule is a pure function that returns the faults it finds: one test applies it to this
repository, another shows on a small bad example that it can find one.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.params import Params

ROOT = Path(__file__).parents[2]
LOCK = "requirements.lock"
# Params that judge a result: `strata report` and `strata sweep` read them, no stage may.
JUDGING = {"evaluate.gates", "sweep"}

# The text of a program by the name of its module.
Sources = dict[str, str]


def read_sources(package: str) -> Sources:
    def name(path: Path) -> str:
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    paths = sorted((ROOT / "src" / package).rglob("*.py"))
    assert paths, f"no module in src/{package}"
    return {name(path): path.read_text(encoding="utf-8") for path in paths}


def read_yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))


# Imports


def imports(module: str, source: str) -> set[str]:
    """All names a module may import, by statement or by a call that is given the name as text.

    ``from a import b`` gives ``a`` and ``a.b``: either may be the module.
    """
    return {name for node in ast.walk(ast.parse(source)) for name in _imported(module, node)}


def _imported(module: str, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=source, names=names, level=level):
            package = module.split(".")[:-level] if level else []
            start = ".".join([*package, *([source] if source else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in names)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[name, *_]):
            if called in {"import_module", "__import__", "find_spec", "run_module"}:
                yield _text(name)


def _text(node: ast.expr) -> str:
    """The text of a literal, of an f-string its constant start."""
    match node:
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=text), *_]):
            return str(text)
    return ""


def closure(module: str, sources: Sources) -> set[str]:
    """A module and all modules of ``sources`` it imports, directly or through others.

    A package of them that holds code is run by each import of a module in it.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in sources and name not in found:
            found.add(name)
            waiting += imports(name, sources[name])
    return found


def test_imports_of_all_kinds_are_seen() -> None:
    source = """
import a.b as c
from d import e
from . import f
from .g import h
if c:
    def later():
        import i
        importlib.import_module("j.k")
        __import__(f"l.{i}")
        importlib.util.find_spec(name)
"""
    assert imports("p.q", source) - {""} == {
        *("a.b", "d", "d.e", "p", "p.f", "p.g", "p.g.h", "i", "j.k", "l.")
    }


def test_the_closure_goes_through_other_modules_and_round_in_circles() -> None:
    sources = {"s.a": "from s import b", "s.b": "import s.c", "s.c": "import s.a", "s.d": ""}
    assert closure("s.a", sources) == {"s.a", "s.b", "s.c"}


# Dependencies


def dependency_faults(pipeline: Any, sources: Sources) -> list[str]:
    """Code that a stage runs and does not declare, or declares and does not run."""
    faults = []
    for name, stage in pipeline["stages"].items():
        module = stage["cmd"].rsplit(maxsplit=1)[-1]
        if module not in sources:
            faults.append(f"{name}: runs {module}, which is not there")
        used = {f"src/{m.replace('.', '/')}.py" for m in closure(module, sources) - {"stages"}}
        declared = set(stage.get("deps", []))
        code = {dep for dep in declared if dep.startswith("src/")}
        faults += [f"{name}: {dep} is missing" for dep in sorted((used | {LOCK}) - declared)]
        faults += [f"{name}: {dep} is not used" for dep in sorted(code - used)]
    return faults


def test_each_stage_depends_on_just_the_code_it_runs_and_on_the_lock() -> None:
    assert dependency_faults(read_yaml("dvc.yaml"), read_sources("stages")) == []


def test_a_wrong_list_of_dependencies_is_found() -> None:
    sources = {"stages.a": "from stages import b", "stages.b": "import stages.c", "stages.c": ""}
    deps = ["src/stages/a.py", "src/stages/b.py", "src/stages/old.py", "data/raw"]
    bad = {"a": {"cmd": "python -m stages.a", "deps": deps}, "z": {"cmd": "python -m stages.z"}}
    assert dependency_faults({"stages": bad}, sources) == [
        "a: requirements.lock is missing",
        "a: src/stages/c.py is missing",
        "a: src/stages/old.py is not used",
        "z: runs stages.z, which is not there",
        "z: requirements.lock is missing",
    ]


def only_docstring(source: str) -> bool:
    match ast.parse(source).body:
        case [] | [ast.Expr(value=ast.Constant(value=str()))]:
            return True
    return False


def test_the_package_holds_no_code_which_each_stage_would_depend_on() -> None:
    assert only_docstring(read_sources("stages")["stages"])
    assert not only_docstring('"""The stages."""\nimport pandas\n')


# Params


def sections_loaded(source: str, sections: dict[str, str]) -> set[str]:
    """The sections of params.yaml that a module loads; ``sections`` names them by class."""
    loaded = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="load") | ast.Attribute(attr="load"),
                args=[ast.Name(id=name) | ast.Attribute(attr=name), *_],
            ) if name in sections:
                loaded.add(sections[name])
    return loaded


def reads_params(source: str) -> bool:
    """Whether a module gets at params without naming the section it wants."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="params"), attr="parse" | "check"):
                return True
            case ast.Constant(value="params.yaml"):
                return True
    return False


def by_section(declared: set[str], params: Any) -> set[str]:
    """Put a section for its keys where they are declared one by one, all but those that judge."""
    found = set(declared)
    for section, content in params.items():
        keys = {f"{section}.{key}" for key in content} if isinstance(content, dict) else set()
        if keys & JUDGING and keys & declared == keys - JUDGING:
            found = found - keys | {section}
    return found


def param_faults(
    pipeline: Any, sources: Sources, params: Any, sections: dict[str, str]
) -> list[str]:
    """Sections loaded and not declared, declared and not loaded, not there, or of no stage."""
    faults = []
    everywhere: set[str] = set()
    for name, stage in pipeline["stages"].items():
        modules = closure(stage["cmd"].rsplit(maxsplit=1)[-1], sources) - {"stages.params"}
        loaded = {s for m in modules for s in sections_loaded(sources[m], sections)}
        named = set(stage.get("params", []))
        declared = by_section(named, params)
        everywhere |= declared
        faults += [f"{name}: {section} is missing" for section in sorted(loaded - declared)]
        faults += [f"{name}: {section} is not loaded" for section in sorted(declared - loaded)]
        faults += [f"{name}: {m} reads params.yaml" for m in modules if reads_params(sources[m])]
        faults += [
            f"{name}: {path} is not in params.yaml"
            for path in sorted(named)
            if not exists(params, path.split("."))
        ]
    unused = params.keys() - everywhere - JUDGING
    return faults + [f"{section}: of no stage" for section in params if section in unused]


def exists(content: Any, path: list[str]) -> bool:
    if not path:
        return True
    return isinstance(content, dict) and path[0] in content and exists(content[path[0]], path[1:])


def test_each_stage_declares_just_the_params_it_loads() -> None:
    sections = {
        str(f.annotation.__name__): n for n, f in Params.model_fields.items() if f.annotation
    }
    assert len(sections) == len(Params.model_fields)
    assert (
        param_faults(
            read_yaml("dvc.yaml"), read_sources("stages"), read_yaml("params.yaml"), sections
        )
        == []
    )


def test_params_that_judge_a_result_make_no_stage_stale_and_are_read_by_none() -> None:
    for name, stage in read_yaml("dvc.yaml")["stages"].items():
        for path in stage.get("params", []):
            assert not any((key + ".").startswith(path + ".") for key in JUDGING), (name, path)
    for module, source in read_sources("stages").items():
        found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)]
        assert not [n for n in found if f"evaluate.{n.attr}" in JUDGING], module
    keys = {"evaluate": {"seed": 0, "bins": 1, "gates": {}}}
    assert by_section({"evaluate.seed", "evaluate.bins"}, keys) == {"evaluate"}
    assert by_section({"evaluate.seed"}, keys) == {"evaluate.seed"}


def test_wrong_params_are_found() -> None:
    sources = {
        "stages.a": "from stages import params, b\nparams.load(params.One)\njoblib.load(MODEL)",
        "stages.b": "from stages.params import Two, load\ndef f(): load(Two)",
        "stages.c": "from stages import params\nparams.parse()",
    }
    sections = {"One": "one", "Two": "two", "Three": "three"}
    pipeline = {
        "stages": {
            "a": {"cmd": "python -m stages.a", "params": ["one", "three", "four.rate"]},
            "c": {"cmd": "python -m stages.c"},
        }
    }
    params = {"one": {}, "two": {}, "three": {}, "four": {"rat": 1}}
    assert param_faults(pipeline, sources, params, sections) == [
        "a: two is missing",
        "a: four.rate is not loaded",
        "a: three is not loaded",
        "a: four.rate is not in params.yaml",
        "c: stages.c reads params.yaml",
        "two: of no stage",
        "four: of no stage",
    ]


# Commands and outputs

SHELL = set("|&;<>()[]{}$`\\\"'*?#~=%!\n")


def command_faults(pipeline: Any) -> list[str]:
    """Commands that are not one plain command: another shell, as on Windows, reads them apart."""
    commands = {name: stage["cmd"] for name, stage in pipeline["stages"].items()}
    return [
        f"{name}: {cmd!r} is not one plain command"
        for name, cmd in commands.items()
        if not isinstance(cmd, str) or SHELL & set(cmd)
    ]


def test_each_stage_is_one_plain_command() -> None:
    assert command_faults(read_yaml("dvc.yaml")) == []


@pytest.mark.parametrize("cmd", ["make a && make b", "python $X", "a > b", "A=1 a", ["a", "b"]])
def test_a_command_with_shell_syntax_is_found(cmd: str | list[str]) -> None:
    pipeline = {"stages": {"good": {"cmd": "python -m stages.a"}, "bad": {"cmd": cmd}}}
    assert command_faults(pipeline) == [f"bad: {cmd!r} is not one plain command"]


def ignore_faults(pipeline: Any, gitignore: str) -> list[str]:
    """Outputs that DVC keeps and Git does not ignore, or that Git keeps and ignores."""
    ignored = set(gitignore.splitlines())
    faults = []
    for stage in pipeline["stages"].values():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
                cached = options.get("cache", True)
                if cached and f"/{path}" not in ignored:
                    faults.append(f"{path}: is in DVC and not in .gitignore")
                if not cached and f"/{path}" in ignored:
                    faults.append(f"{path}: is in Git and in .gitignore")
    return faults


def test_all_outputs_that_dvc_keeps_are_ignored_beforehand() -> None:
    gitignore = (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert ignore_faults(read_yaml("dvc.yaml"), gitignore) == []


def test_an_output_that_is_not_ignored_is_found() -> None:
    outs = ["data/raw", "data/new", {"metrics/plots": {"cache": False}}]
    plots = [{"plots/roc.csv": {"x": "fpr"}}]
    pipeline = {"stages": {"a": {"outs": outs, "plots": plots}}}
    assert ignore_faults(pipeline, "/data/raw\n/metrics/plots\n") == [
        "data/new: is in DVC and not in .gitignore",
        "metrics/plots: is in Git and in .gitignore",
        "plots/roc.csv: is in DVC and not in .gitignore",
    ]


# The wall

GIT = {"dvc", "git", "dulwich", "pygit2", "scmrepo"}


def wall_faults(sources: Sources) -> list[str]:
    """Imports from one side of the wall to the other."""
    faults = []
    for module, source in sources.items():
        other = {"stages": "strata", "strata": "stages"}[module.split(".")[0]]
        over = {name for name in imports(module, source) if name.split(".")[0] == other}
        faults += [f"{module}: imports {name}" for name in sorted(over)]
    return faults


def git_faults(sources: Sources, allowed: set[str]) -> list[str]:
    """Modules other than those ``allowed`` that import DVC or a Git library, or run git."""
    return [
        f"{module}: {what}"
        for module, source in sources.items()
        if module not in allowed
        for what in sorted(
            {f"imports {n}" for n in imports(module, source) if n.split(".")[0] in GIT}
            | {"runs git" for node in ast.walk(ast.parse(source)) if _runs_git(node)}
        )
    ]


def _runs_git(node: ast.AST) -> bool:
    match node:
        case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
            return _text(first) == "git"
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[first, *rest]):
            programs = [first, *rest] if called.startswith(("exec", "spawn")) else [first]
            runs = {"run", "call", "check_call", "check_output", "Popen", "system", "popen"}
            if called in runs or called.startswith(("exec", "spawn", "create_subprocess")):
                return any((_text(text).split() or [""])[0] == "git" for text in programs)
    return False


def test_neither_side_of_the_wall_imports_the_other() -> None:
    assert wall_faults(read_sources("stages") | read_sources("strata")) == []


def test_an_import_over_the_wall_is_found() -> None:
    bad = {
        "stages.a": "from strata.fault import Fault",
        "stages.b": "import strategy, stages.a",
        "strata.a": 'importlib.import_module("stages.params")',
        "strata.b": 'def f(x):\n    importlib.import_module(f"stages.{x}")',
        "strata.c": 'stages = pipeline["stages"]',
    }
    assert wall_faults(bad) == [
        "stages.a: imports strata.fault",
        "stages.a: imports strata.fault.Fault",
        "strata.a: imports stages.params",
        "strata.b: imports stages.",
    ]


def test_only_three_modules_talk_to_dvc_and_git() -> None:
    allowed = {"strata.repository", "strata.tree", "strata.experiments"}
    assert git_faults(read_sources("strata"), allowed) == []
    for needless in allowed:
        assert git_faults(read_sources("strata"), allowed - {needless}) != []


def test_another_module_that_talks_to_dvc_or_git_is_found() -> None:
    bad = {
        "strata.a": "def f():\n    from dvc.repo import Repo",
        "strata.b": 'subprocess.run(["git", "status"])',
        "strata.c": 'os.system("git status")',
        "strata.d": 'os.execvp("git", arguments)',
        "strata.e": 'repository.git("status")\nprint("git status")\nimport dvclive',
        "strata.repository": 'subprocess.run(["git", *arguments])',
    }
    assert git_faults(bad, {"strata.repository"}) == [
        "strata.a: imports dvc.repo",
        "strata.a: imports dvc.repo.Repo",
        "strata.b: runs git",
        "strata.c: runs git",
        "strata.d: runs git",
    ]
