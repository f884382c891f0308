"""What a change does to data, params, environment and metrics, against a base: for a reviewer.

Writes Markdown, with the verdict first. Whatever cannot be read is said, and never looks like
"no change"; such a report, one of a stale dvc.lock and one of a failed gate end with exit code 1.
"""

import argparse
import json
import os
import sys
import tomllib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from subprocess import SubprocessError
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from strata import charts, diff, repository, sections
from strata.diff import Leaves, Lock
from strata.fault import Fault, first_line
from strata.markdown import code, details, join, number, quoted
from strata.outputs import outputs_at
from strata.paired import Columns, Group, compare
from strata.rebuild import rebuilt
from strata.tree import Tree
from strata.verdict import Direction, check, overall

GATES = "evaluate.gates."
MOST = 10  # problems that are listed
Sections = list[tuple[str, str]]
Problems = list[tuple[str, str]]  # a verdict and its sentence, as Markdown


@dataclass(frozen=True)
class Version:
    """What a revision, or the workspace, says of itself."""

    tree: Tree
    lock: Lock
    pipeline: Any
    params: Leaves
    metrics: Leaves
    pins: dict[str, str]


@dataclass(frozen=True)
class Settings:
    """``[tool.strata.report]`` of pyproject.toml: what a dvc.yaml does not say of its metrics."""

    headline: str
    direction: Direction
    predictions: str
    columns: Columns | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--base", metavar="REV", help="compare with REV (default: where HEAD left the main branch)"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with pictures")
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="what `dvc repro` printed: which stages ran"
    )
    parser.add_argument(
        "--rebuild", action="store_true", help="run the base's pipeline if its data is nowhere"
    )


def run(args: argparse.Namespace) -> int:
    """Write the report. Returns 1 if it names a problem that must not be merged."""
    log = ""
    if args.log and args.log.exists():
        log = args.log.read_text(encoding="utf-8", errors="replace")
    try:
        found, problems = build(repository.top(), args.base, log, args.rebuild, bool(args.html))
    except Fault as fault:
        said = code(fault, 200)
        found, problems = [("", f"## Strata: cannot be read\n\n{said}")], [("cannot be read", said)]
    if args.html:
        from strata.page import page

        args.html.write_text(page(found), encoding="utf-8", newline="\n")
    else:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(join(found), end="")
    for name, sentence in problems[:MOST]:
        print(f"strata report: {name}: {sentence}", file=sys.stderr)
    return 1 if problems else 0


def build(
    root: Path, base_rev: str | None, log: str, rebuild: bool, pictures: bool
) -> tuple[Sections, Problems]:
    """Read both versions and put the report together, sections in the order of importance.

    Raises Fault if the workspace itself cannot be read.
    """
    settings = load_settings(root)
    this = read(Tree(root, None))
    problems: Problems = []
    notes: list[str] = []
    commit, base = None, None
    try:
        commit = repository.commit_of(base_rev) if base_rev else repository.merge_base(root)
        if rebuild:
            notes += made_again(root, commit)
        base = read(Tree(root, commit))
        if not base.metrics:
            raise Fault(f"{base.tree.name} has no metrics")
    except Fault as fault:
        problems.append(("baseline missing", f"{code(fault, 200)}; nothing below is compared"))
        base = base if base and base.params else None
    if why := sections.failure(log):
        problems.append(("pipeline failed", f"{code(why, 200)}; what follows is what there was"))
    problems += staleness(root, this)

    groups: dict[str, Group] = {}
    if base and settings.columns:
        try:
            groups = compare(
                predictions(base, settings), predictions(this, settings), settings.columns
            )
        except (Fault, ValueError, TypeError) as fault:
            notes.append(f"Not compared row by row: {code(fault, 200)}.")
    was = base.metrics if base else {}
    limits = {n.removeprefix(GATES): v for n, v in this.params.items() if n.startswith(GATES)}
    gates = check(limits, settings.direction, was, this.metrics, groups)
    problems += [
        (
            "gate failed",
            f"{code(gate.metric)} {code(gate.kind.replace('_', ' '))} {sections.shown(gate.limit)}"
            + (": it has no value" if gate.value is None else f": {number(gate.value)}"),
        )
        for gate in gates
        if gate.passed is False
    ]
    params = diff.changes(base.params, this.params) if base else []
    if any(change.name.startswith(GATES) for change in params):
        notes.append("**This change alters the gates** it is held against.")
    head = [heading(root, commit, problems, settings, base, this, groups), *notes]
    head.append(reproduced(log, this.lock, problems))

    found = [("", "\n\n".join(head))]
    found.append(("Metrics", sections.metrics(was, this.metrics, groups, settings.direction)))
    if gates:
        found.append(("Gates", sections.gates(gates)))
    if base:
        found.append(("Params", sections.values(params, "param")))
        found.append(("Data", sections.data(outputs(root, base, this))))
        found.append(("Environment", sections.environment(base.pins, this.pins)))
    moved = diff.stage_changes(base.lock, this.lock) if base else None
    found.append(("Stages", sections.rerun(this.lock, moved, sections.times(log))))
    if base:
        found += plots(base, this, pictures)
    if not pictures:
        found.append(("Pipeline", charts.pipeline(this.lock, list(moved or []))))
    return found + cards(this), problems


def made_again(root: Path, commit: str) -> list[str]:
    """Run the pipeline of the base if any output of it cannot be had; says it if that fails."""
    tree = Tree(root, commit)
    try:
        if not all(map(tree.at_hand, diff.outputs(parsed(tree, "dvc.lock") or {}))):
            with rebuilt(root, commit, outputs_at(commit), force=False):
                pass  # what it makes stays in the cache
    except (Fault, OSError, SubprocessError) as fault:
        return [f"The base could not be rebuilt: {code(fault, 200)}."]
    return []


def load_settings(root: Path) -> Settings:
    """Read ``[tool.strata.report]``; what is not there is not used. Raises Fault if malformed."""
    path = root / "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = content.get("tool", {}).get("strata", {}).get("report", {})
        columns = found.get("columns")
        return Settings(
            str(found.get("headline", "")),
            Direction(
                frozenset(found.get("higher_is_better", [])),
                frozenset(found.get("lower_is_better", [])),
            ),
            str(found.get("predictions", "")),
            Columns(**columns) if columns and found.get("predictions") else None,
        )
    except (tomllib.TOMLDecodeError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise Fault(f"pyproject.toml: tool.strata.report: {error}") from None


def read(tree: Tree) -> Version:
    """Read what a version says of itself. Raises Fault if a part of it cannot be read."""
    pipeline, lock = parsed(tree, "dvc.yaml"), parsed(tree, "dvc.lock") or {}
    if pipeline is None:
        raise Fault(f"{tree.name} has no dvc.yaml")
    try:
        params, metrics = (
            {
                (name if path == only else f"{path}:{name}"): value
                for path in paths
                for name, value in diff.flatten(parsed(tree, path)).items()
            }
            for paths in (diff.param_files(lock), tree.metrics())
            for only in ("params.yaml" if "params.yaml" in paths else paths[0] if paths else "",)
        )
        pins: dict[str, str] = {}
        for path in diff.pin_files(lock):
            pins |= diff.pins(tree.text(path) or "")
    except (AttributeError, KeyError, TypeError) as error:
        raise Fault(f"dvc.lock of {tree.name} is not a dvc.lock: {error!r}") from None
    return Version(tree, lock, pipeline, params, metrics, pins)


def parsed(tree: Tree, path: str) -> Any:
    """A YAML or JSON file as DVC reads it, None if there is none. Raises Fault if it is neither."""
    text = tree.text(path)
    try:
        if text is None or not path.endswith(".json"):
            return None if text is None else YAML(typ="safe", pure=True).load(text)
        return json.loads(text)
    except (YAMLError, ValueError) as error:
        why = first_line(error)
        raise Fault(f"{path} of {tree.name} cannot be read: {why}") from None


def staleness(root: Path, this: Version) -> Problems:
    """What keeps the committed dvc.lock from being what the pipeline makes."""
    problems: Problems = []
    again = "run `dvc repro` and commit dvc.lock with what it changed"
    with repository.opened(root) as repo:
        stale = repository.stale(repo)
    for stage, reasons in stale.items():
        why = ", ".join(code(reason) for reason in reasons[:4])
        problems.append(("lock stale", f"stage {code(stage)} ({why}); {again}"))
    text = repository.show("HEAD", "dvc.lock")
    committed = YAML(typ="safe", pure=True).load(text) if text else {}
    for stage, reasons in diff.stage_changes(committed, this.lock).items():
        if reasons:
            why = ", ".join(code(reason) for reason in reasons[:4])
            problems.append(
                ("lock stale", f"the committed dvc.lock has another {code(stage)} ({why}); {again}")
            )
        else:
            problems.append(
                ("not reproduced", f"stage {code(stage)} gave other bytes than the committed ones")
            )
    if not problems:
        for path in repository.uncommitted(root, list(diff.outputs(this.lock))):
            problems.append(("lock stale", f"{code(path)} differs from the committed; {again}"))
    return problems


def predictions(version: Version, settings: Settings) -> pd.DataFrame:
    """The file of predictions of a version. Raises Fault or ValueError if it cannot be read."""
    with version.tree.open(settings.predictions) as stream:
        return pd.read_parquet(stream)


def heading(
    root: Path,
    commit: str | None,
    problems: Problems,
    settings: Settings,
    base: Version | None,
    this: Version,
    groups: dict[str, Group],
) -> str:
    """The verdict, what it rests on, and every problem."""
    was = base.metrics if base else {}
    word, found, where = overall(
        settings.headline, settings.direction.of(settings.headline), was, this.metrics, groups
    )
    if base and base.metrics and repr(was) == repr(this.metrics) and base.lock == this.lock:
        word = "no change"
    lines = [f"## Strata: {problems[0][0] if problems else word}", ""]
    names = os.environ.get("GITHUB_HEAD_REF") or os.environ.get("CI_COMMIT_REF_NAME")
    branch = names or repository.git("rev-parse", "--abbrev-ref", "HEAD", root=root)
    against = f"against {code(commit[:9])}" if commit else "against nothing"
    line = f"{code(branch)} at {code(repository.commit_of('HEAD')[:9])} {against}"
    if found:
        line += f": {code(settings.headline)} {number(found.difference, sign=True)}"
        if found.interval:
            low, high = found.interval
            line += f", 95% interval {low:+.4f} to {high:+.4f}, {found.how}"
    lines.append(line + (f"; {where}" if where else "") + ".")
    if problems and found:
        lines[-1] += f" By itself: {word}."
    if problems:
        lines += ["", *(f"- **{name}**: {sentence}" for name, sentence in problems[:MOST])]
        if len(problems) > MOST:
            lines.append(f"- and {len(problems) - MOST:,} more")
    return "\n".join(lines)


def reproduced(log: str, lock: Lock, problems: Problems) -> str:
    """Whether this run shows that the commit makes the bytes it says."""
    ran, names = sections.times(log), list(diff.stages(lock))
    if any(name in ("lock stale", "not reproduced", "pipeline failed") for name, _ in problems):
        return "Reproduces: **no**."
    if not ran:
        return "Reproduces: dvc.lock is up to date; no stage was run again to show it."
    again = f"{len(ran)} of {len(names)} stages ran here and gave the committed bytes"
    return f"Reproduces: **yes**, {again}" + (
        "." if len(ran) == len(names) else "; the others' outputs came from a cache or a remote."
    )


def outputs(root: Path, base: Version, this: Version) -> list[sections.Output]:
    """What changed in each output that DVC keeps; those in Git show in the pull request itself."""
    old, new = diff.outputs(base.lock), diff.outputs(this.lock)
    found = []
    for change in diff.changes(old, new):
        path = change.name
        if repository.git("ls-files", "--", path, root=root):
            continue
        try:
            was = base.tree.files(path) if path in old else {}
            now = this.tree.files(path) if path in new else {}
        except Fault as fault:
            found.append(sections.Output(path, [], [], [], fault=str(fault)))
            continue
        out = sections.compared(path, was, now)
        try:
            rows = (
                sum(row_count(base.tree, name) for name in [*out.removed, *out.changed]),
                sum(row_count(this.tree, name) for name in [*out.added, *out.changed]),
            )
            found.append(replace(out, rows=rows if any(rows) else None))
        except (Fault, OSError, ValueError):
            found.append(replace(out, rows_unknown=True))
    return found


def row_count(tree: Tree, path: str) -> int:
    """The rows of a Parquet file, by its footer; 0 for another kind of file."""
    if not path.endswith(".parquet"):
        return 0
    with tree.open(path) as stream:
        return int(pq.ParquetFile(stream).metadata.num_rows)


def plots(base: Version, this: Version, pictures: bool) -> Sections:
    """The curves of dvc.yaml, both versions in each."""
    faults: list[str] = []

    def text(tree: Tree, path: str) -> str | None:
        try:
            return tree.text(path)
        except Fault as fault:
            faults.append(f"Not drawn: {code(fault, 200)}.")
            return None

    found = charts.charts(
        this.pipeline.get("plots"), partial(text, base.tree), partial(text, this.tree)
    )
    parts = [*map(charts.picture if pictures else charts.mermaid, found), *faults]
    return [("Plots", "\n\n".join(parts))] if parts else []


def cards(this: Version) -> Sections:
    """The README.md beside each model that dvc.yaml names as an artifact."""
    artifacts = this.pipeline.get("artifacts") or {}
    paths = {
        str(PurePosixPath(str(artifact.get("path"))).parent / "README.md")
        for artifact in artifacts.values()
        if isinstance(artifact, dict) and artifact.get("type") == "model"
    }
    texts = [this.tree.text(path) for path in sorted(paths)]
    return [
        ("Model card", details("Open the card of this version", quoted(text)))
        for text in texts
        if text
    ]
