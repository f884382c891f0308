"""The files that hold more than the demo, without it; and those that are the demo's alone."""

import contextlib
import re
from pathlib import Path
from typing import Any

import tomlkit

from strata.core.errors import Fault
from strata_adopt.proposal import Proposal
from strata_adopt.writing import METRICS, slug

KEPT_TESTS = ("tests/test_reads.py", "tests/test_structure.py")
WORST = {"roc_auc": 0.02, "log_loss": 0.05}  # how much worse than its base a change may be
DEMO = re.compile(r'^ *"([\w-]+).*", # .*the demo data.*\n', re.MULTILINE)  # goes with the demo


def removed(root: Path) -> list[str]:
    """The demo's files, and the tests of the kit, as far as they are there."""

    def inside(folder: str, pattern: str) -> list[str]:
        return sorted(path.relative_to(root).as_posix() for path in (root / folder).glob(pattern))

    names = [
        *(name for name in inside("tests", "**/*.py") if name not in KEPT_TESTS),
        *inside("docs", "*.py"),
        *inside("docs/pictures", "*"),
        "src/arrive.py",
        "metrics/seeds.json",
        *(name for name in inside("benchmarks", "**/*.*") if name != "benchmarks/README.md"),
        "dvc.lock",
    ]
    return [n for n in names if (root / n).is_file() and "__pycache__" not in n]


def edited(root: Path, made: Proposal, name: str) -> dict[str, str]:
    """The texts of the files that hold more than the demo, without it."""
    found = {
        "pyproject.toml": project(_text(root, "pyproject.toml"), made, name),
        ".gitignore": ignored(_text(root, ".gitignore")),
    }
    dev, pins = _text(root, "requirements-dev.lock"), _text(root, "requirements.lock")
    demo = DEMO.findall(_text(root, "pyproject.toml").partition("[dependency-groups]")[0])
    found["requirements-dev.lock"] = without(dev, demo)
    found["requirements.lock"] = with_(without(pins, demo), dev, needs(made))
    return found


def _text(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Fault(
            f"{name} is not here: adopt works in a repository made from Strata's template"
        ) from None


def needs(made: Proposal) -> list[str]:
    """The packages that reading this source takes, beyond those of every project."""
    source = made.table.source
    found = {"openpyxl": source.format == "excel", "sqlalchemy": bool(source.query)}
    return [name for name, needed in found.items() if needed]


def ignored(text: str) -> str:
    """.gitignore with the source in it, before DVC writes one of its own."""
    if "/data/source\n" in text:
        return text
    return text.replace("/data/raw\n", "/data/source\n/data/raw\n", 1)


def project(text: str, made: Proposal, name: str) -> str:
    """pyproject.toml with this project's name, dependencies and settings of the tools."""
    document: Any = tomlkit.parse(DEMO.sub("", text))
    document["project"]["name"] = slug(name)
    document["project"]["description"] = f"Predicts {made.target.name}."
    dependencies = document["project"]["dependencies"]
    for each in needs(made):
        if each not in dependencies:
            dependencies.append(each)
    strata, metric = document["tool"]["strata"], METRICS[made.task]
    strata["sweep"]["metric"] = f"validation.{metric}"
    strata["sweep"]["direction"] = "maximize" if metric == "roc_auc" else "minimize"
    mypy = document["tool"]["mypy"]
    mypy["files"] = [
        "src",
        "service",
        "tests",
        ".github/attach.py",
        ".github/comment.py",
        ".github/retrain.py",
    ]
    retrain = strata.setdefault("retrain", tomlkit.table())
    if retrain.get("arrive") in ("python src/arrive.py", QUERY):  # and not one of the user's own
        del retrain["arrive"]
    if made.table.source.query:
        retrain.setdefault("arrive", QUERY)
    return REPORT.sub(lambda _: _report(metric), tomlkit.dumps(document))


QUERY = "python src/query.py"  # asks the database again
REPORT = re.compile(  # the settings of the report, up to the next table and what is said of it
    r"^\[tool\.strata\.report\]\n.*?(?=^(?:#[^\n]*\n)*\[(?!tool\.strata\.report))",
    re.MULTILINE | re.DOTALL,
)


def _report(metric: str) -> str:
    lines = [
        "[tool.strata.report]",
        f'headline = "test.{metric}"',
        'predictions = "metrics/predictions.parquet"',
        "",
    ]
    if metric in WORST:
        lines += [
            "[tool.strata.report.gates.maximum_regression] # a change that crosses it fails",
            f'"test.{metric}" = {WORST[metric]}',
            "",
        ]
    return "\n".join([*lines, ""])


BLOCK = r"^{}==.*\n(?:[ ]+--hash.*\n)+"  # of a lock file: a package and its hashes


def without(lock: str, names: list[str]) -> str:
    """A lock file without packages that no other needs."""
    for name in names:
        lock = re.sub(BLOCK.format(re.escape(name)), "", lock, flags=re.MULTILINE)
    return lock


def with_(lock: str, larger: str, names: list[str]) -> str:
    """A lock file with more packages, and what they need, as a larger one has them pinned."""
    from importlib.metadata import PackageNotFoundError, requires

    if not names:
        return lock
    head, *blocks = re.split(r"(?m)^(?=\S+==)", lock)
    seen, waiting = set[str](), list(names)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        blocks += re.findall(BLOCK.format(re.escape(name)), larger, flags=re.MULTILINE)
        with contextlib.suppress(PackageNotFoundError):
            waiting += [line for line in requires(name) or [] if "extra ==" not in line]
    return head + "".join(sorted(set(blocks), key=lambda block: block.split("==", 1)))
