"""The files that hold more than the demo, without it; and those that are the demo's alone."""

import contextlib
import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import tomlkit

from strata.core.errors import Fault
from strata_adopt.plan import Plan
from strata_adopt.writing import METRICS, slug

KEPT_TESTS = ("tests/test_reads.py", "tests/test_structure.py")
WORST = {"roc_auc": 0.02, "log_loss": 0.05}  # how much worse than its base a change may be
DEMO = re.compile(r'^ *"([\w-]+).*", # .*the demo data.*\n', re.MULTILINE)  # goes with the demo
QUERY = "python src/query.py"  # asks the database again
TYPED = ["src", "service", "tests", *(f".github/{n}.py" for n in ("attach", "comment", "retrain"))]
REPORT = re.compile(  # the settings of the report, up to the next table and the comment on it
    r"^\[tool\.strata\.report\]\n.*?(?=^(?:#[^\n]*\n)*\[(?!tool\.strata\.report))",
    re.MULTILINE | re.DOTALL,
)
PIN = r"^{}==.*\n(?:[ ]+--hash.*\n)+"  # of a lock file: a package and its hashes


def demo_files(root: Path) -> list[str]:
    """The demo's files, and the tests of the kit, as far as they are there."""
    patterns = (
        *("tests/**/*.py", "docs/*.py", "docs/pictures/*", "src/arrive.py", "metrics/seeds.json"),
        *("benchmarks/**/*.*", "CHANGELOG.md", "dvc.lock", "metrics/plots/*"),
    )
    found = {path.relative_to(root).as_posix() for name in patterns for path in root.glob(name)}
    kept = {*KEPT_TESTS, "benchmarks/README.md"}
    return sorted(n for n in found - kept if (root / n).is_file() and "__pycache__" not in n)


def edit(plan: Plan, root: Path, settings: str | None = None) -> dict[str, str]:
    """The texts of the files that hold more than the demo, without it.

    ``settings`` is the text of pyproject.toml to start from, by default the project's.
    """

    def text(name: str) -> str:
        if not (root / name).is_file():
            raise Fault(f"{root} has no {name}: adopt works in one made from Strata's template")
        return (root / name).read_text(encoding="utf-8")

    settings, pins = settings or text("pyproject.toml"), text("requirements-dev.lock")
    demo = DEMO.findall(settings.partition("[dependency-groups]")[0])
    own_pins = drop_pins(text("requirements.lock"), demo)
    return {
        "pyproject.toml": edit_settings(settings, plan, root.name),
        ".gitignore": ignore_source(text(".gitignore")),
        "requirements-dev.lock": drop_pins(pins, demo),
        "requirements.lock": add_pins(own_pins, pins, needs(plan)),
    }


def needs(plan: Plan) -> list[str]:
    """The packages that reading this source takes, beyond those of every project."""
    source = plan.table.source
    if source.query:
        return ["sqlalchemy"]
    return ["openpyxl"] if source.format == "excel" else []


def ignore_source(text: str) -> str:
    """.gitignore with the source in it, before DVC writes one of its own."""
    if "/data/source\n" in text:
        return text
    return text.replace("/data/raw\n", "/data/source\n/data/raw\n", 1)


def edit_settings(text: str, plan: Plan, name: str) -> str:
    """pyproject.toml with this project's name, dependencies and settings of the tools."""
    document: Any = tomlkit.parse(DEMO.sub("", text))
    document["project"]["name"] = slug(name)
    document["project"]["description"] = f"Predicts {plan.target.name}."
    dependencies = document["project"]["dependencies"]
    for package in needs(plan):
        if package not in dependencies:
            dependencies.append(package)
    strata, metric = document["tool"]["strata"], METRICS[plan.task]
    strata["sweep"]["metric"] = f"validation.{metric}"
    strata["sweep"]["direction"] = "maximize" if metric == "roc_auc" else "minimize"
    mypy = document["tool"]["mypy"]
    mypy["files"] = TYPED
    mypy.pop("strict", None)  # the owner's code is checked by mypy's defaults
    mypy["ignore_missing_imports"] = True
    retrain = strata.setdefault("retrain", tomlkit.table())
    if retrain.get("arrive") in ("python src/arrive.py", QUERY):  # and not one of the user's own
        del retrain["arrive"]
    if plan.table.source.query:
        retrain.setdefault("arrive", QUERY)
    return REPORT.sub(lambda _: _report(metric), tomlkit.dumps(document))


def _report(metric: str) -> str:
    text = (
        "[tool.strata.report]\n"
        f'headline = "test.{metric}"\n'
        'predictions = "metrics/predictions.parquet"\n\n'
    )
    if metric not in WORST:
        return text
    return (
        f"{text}[tool.strata.report.gates.maximum_regression] # a change that crosses it fails\n"
        f'"test.{metric}" = {WORST[metric]}\n\n'
    )


def drop_pins(lock: str, names: list[str]) -> str:
    """A lock file without packages that no other needs."""
    for name in names:
        lock = re.sub(PIN.format(re.escape(name)), "", lock, flags=re.MULTILINE)
    return lock


def add_pins(lock: str, larger: str, names: list[str]) -> str:
    """A lock file with more packages, and what they need, as a larger one pins them."""
    if not names:
        return lock
    head, *pins = re.split(r"(?m)^(?=\S+==)", lock)
    seen, waiting = set[str](), list(names)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        if name not in seen:
            seen.add(name)
            pins += re.findall(PIN.format(re.escape(name)), larger, flags=re.MULTILINE)
            with contextlib.suppress(PackageNotFoundError):
                waiting += [line for line in requires(name) or [] if "extra ==" not in line]
    return head + "".join(sorted(set(pins), key=lambda pin: pin.split("==", 1)))
