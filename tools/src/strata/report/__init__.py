"""What a change does to data, params, environment and metrics, against a base: for a reviewer.

Writes Markdown, with the verdict first. Whatever cannot be read is said, and never looks like
"no change"; such a report, one of a stale dvc.lock and one of a failed gate end with exit code 1.
"""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from subprocess import SubprocessError
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from strata import git
from strata.checkout import rebuilt
from strata.errors import Fault
from strata.paired import Columns, Group, compare
from strata.report import charts, diff, sections
from strata.report.markdown import code, details, join, number, quoted
from strata.report.verdict import Direction, check, overall
from strata.revision import Revision, Stage
from strata.settings import section
from strata.store import Store, opened
from strata.values import Leaves, changes, flatten
from strata.workspace import stale

MOST = 10  # problems that are listed
Sections = list[tuple[str, str]]
Problems = list[tuple[str, str]]  # a verdict and its sentence, as Markdown


@dataclass(frozen=True)
class Settings:
    """``[tool.strata.report]`` of pyproject.toml: what a dvc.yaml does not say of its metrics."""

    headline: str
    direction: Direction
    predictions: str
    columns: Columns | None
    gates: Leaves


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
        with opened(git.top()) as store:
            found, problems = build(store, args.base, log, args.rebuild, bool(args.html))
    except Fault as fault:
        said = code(fault, 200)
        found, problems = [("", f"## Strata: cannot be read\n\n{said}")], [("cannot be read", said)]
    if args.html:
        from strata.report.page import page

        args.html.write_text(page(found), encoding="utf-8", newline="\n")
    else:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(join(found), end="")
    for name, sentence in problems[:MOST]:
        print(f"strata report: {name}: {sentence}", file=sys.stderr)
    return 1 if problems else 0


def build(
    store: Store, base_rev: str | None, log: str, rebuild: bool, pictures: bool
) -> tuple[Sections, Problems]:
    """Read both versions and put the report together, sections in the order of importance.

    Raises Fault if the workspace itself cannot be read.
    """
    root = store.root
    settings = load_settings(root)
    this = read(Revision(store, None))
    problems: Problems = []
    notes: list[str] = []
    commit, base = None, None
    try:
        commit = git.commit_of(base_rev, root) if base_rev else git.merge_base(root)
        if rebuild:
            notes += made_again(store, Revision(store, commit))
        base = read(Revision(store, commit))
        if not base.metrics:
            raise Fault(f"{base.name} has no metrics")
    except Fault as fault:
        problems.append(("baseline missing", f"{code(fault, 200)}; nothing below is compared"))
        base = base if base and base.params else None
    if why := sections.failure(log):
        problems.append(("pipeline failed", f"{code(why, 200)}; what follows is what there was"))
    problems += staleness(store, this)

    groups: dict[str, Group] = {}
    if base and settings.columns:
        try:
            groups = compare(
                predictions(base, settings), predictions(this, settings), settings.columns
            )
        except (Fault, ValueError, TypeError) as fault:
            notes.append(f"Not compared row by row: {code(fault, 200)}.")
    was = base.metrics if base else {}
    gates = check(settings.gates, settings.direction, was, this.metrics, groups)
    problems += [
        (
            "gate failed",
            f"{code(gate.metric)} {code(gate.kind.replace('_', ' '))} {sections.shown(gate.limit)}"
            + (": it has no value" if gate.value is None else f": {number(gate.value)}"),
        )
        for gate in gates
        if gate.passed is False
    ]
    params = changes(base.params, this.params) if base else []
    if commit and gates_at(store, commit) != settings.gates:
        notes.append("**This change alters the gates** it is held against.")
    head = [heading(root, commit, problems, settings, base, this, groups), *notes]
    head.append(reproduced(log, this.stages, problems))

    found = [("", "\n\n".join(head))]
    found.append(("Metrics", sections.metrics(was, this.metrics, groups, settings.direction)))
    if gates:
        found.append(("Gates", sections.gates(gates)))
    if base:
        found.append(("Params", sections.values(params, "param")))
        found.append(("Data", sections.data(outputs(base, this))))
        found.append(("Environment", sections.environment(base.pins, this.pins)))
    moved = diff.stage_changes(base.stages, this.stages) if base else None
    found.append(("Stages", sections.rerun(this.stages, moved, sections.times(log))))
    if base:
        found += plots(base, this, pictures)
    if not pictures:
        found.append(("Pipeline", charts.pipeline(this.stages, list(moved or []))))
    return found + cards(this), problems


def made_again(store: Store, base: Revision) -> list[str]:
    """Run the pipeline of the base if any output of it cannot be had; says it if that fails."""
    try:
        absent = [out for out in base.outputs if out.made and store.missing(out)]
        store.fetch(absent)
    except Fault as fault:
        return [f"The base could not be fetched: {code(fault, 200)}."]
    try:
        stages = list(dict.fromkeys(out.stage for out in absent if store.missing(out) and out.made))
        if stages:
            with rebuilt(store, base, stages):
                pass  # what it makes stays in the cache
    except (Fault, OSError, SubprocessError) as fault:
        return [f"The base could not be rebuilt: {code(fault, 200)}."]
    return []


def load_settings(root: Path) -> Settings:
    """Read ``[tool.strata.report]``; what is not there is not used. Raises Fault if malformed."""
    found = section(root, "report")
    columns = found.get("columns")
    try:
        return Settings(
            str(found.get("headline", "")),
            Direction(
                frozenset(found.get("higher_is_better", [])),
                frozenset(found.get("lower_is_better", [])),
            ),
            str(found.get("predictions", "")),
            Columns(**columns) if columns and found.get("predictions") else None,
            gates_in(found),
        )
    except (TypeError, AttributeError) as error:
        raise Fault(f"[tool.strata.report]: {error}") from None


def gates_in(found: dict[str, Any]) -> Leaves:
    """The gates of some settings, named KIND.METRIC."""
    gates = found.get("gates", {})
    return {f"{kind}.{name}": v for kind, of in gates.items() for name, v in flatten(of).items()}


def gates_at(store: Store, commit: str) -> Leaves:
    """The gates that a commit sets; none where its settings cannot be read."""
    import tomllib

    revision = Revision(store, commit)
    try:
        found = tomllib.loads(revision.text("pyproject.toml"))["tool"]["strata"]["report"]
        return gates_in(found)
    except (Fault, KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError):
        return {}


def read(revision: Revision) -> Revision:
    """Have a revision read all that it says of itself, so that a fault shows now."""
    if not revision.stages:
        raise Fault(f"{revision.name} has no dvc.yaml")
    for _ in (revision.metrics, revision.params, revision.pins):
        pass
    return revision


def staleness(store: Store, this: Revision) -> Problems:
    """What keeps the committed dvc.lock from being what the pipeline makes."""
    problems: Problems = []
    again = "run `dvc repro` and commit dvc.lock with what it changed"
    for stage, reasons in stale(store.root).items():
        why = ", ".join(code(reason) for reason in reasons[:4])
        problems.append(("lock stale", f"stage {code(stage)} ({why}); {again}"))
    committed = Revision(store, git.commit_of("HEAD", store.root)).stages
    for stage, reasons in diff.stage_changes(committed, this.stages).items():
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
        paths = [path for stage in this.stages.values() for path in stage.outs]
        for path in git.uncommitted(store.root, paths):
            problems.append(("lock stale", f"{code(path)} differs from the committed; {again}"))
    return problems


def predictions(version: Revision, settings: Settings) -> pd.DataFrame:
    """The file of predictions of a version. Raises Fault or ValueError if it cannot be read."""
    return pd.read_parquet(version.local(settings.predictions))


def heading(
    root: Path,
    commit: str | None,
    problems: Problems,
    settings: Settings,
    base: Revision | None,
    this: Revision,
    groups: dict[str, Group],
) -> str:
    """The verdict, what it rests on, and every problem."""
    was = base.metrics if base else {}
    word, found, where = overall(
        settings.headline, settings.direction.of(settings.headline), was, this.metrics, groups
    )
    if base and base.metrics and repr(was) == repr(this.metrics) and base.stages == this.stages:
        word = "no change"
    lines = [f"## Strata: {problems[0][0] if problems else word}", ""]
    names = os.environ.get("GITHUB_HEAD_REF") or os.environ.get("CI_COMMIT_REF_NAME")
    branch = names or git.git("rev-parse", "--abbrev-ref", "HEAD", root=root)
    against = f"against {code(commit[:9])}" if commit else "against nothing"
    line = f"{code(branch)} at {code(git.commit_of('HEAD')[:9])} {against}"
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


def reproduced(log: str, stages: dict[str, Stage], problems: Problems) -> str:
    """Whether this run shows that the commit makes the bytes it says."""
    ran, names = sections.times(log), list(stages)
    if any(name in ("lock stale", "not reproduced", "pipeline failed") for name, _ in problems):
        return "Reproduces: **no**."
    if not ran:
        return "Reproduces: dvc.lock is up to date; no stage was run again to show it."
    again = f"{len(ran)} of {len(names)} stages ran here and gave the committed bytes"
    return f"Reproduces: **yes**, {again}" + (
        "." if len(ran) == len(names) else "; the others' outputs came from a cache or a remote."
    )


def outputs(base: Revision, this: Revision) -> list[sections.Output]:
    """What changed in each output that DVC keeps; those in Git show in the pull request itself."""
    old = {out.path: out.hash for out in base.outputs}
    new = {out.path: out.hash for out in this.outputs}
    found = []
    for change in changes(old, new):
        path = change.name
        try:
            was = base.files(path) if path in old else {}
            now = this.files(path) if path in new else {}
        except Fault as fault:
            found.append(sections.Output(path, [], [], [], fault=str(fault)))
            continue
        out = sections.compared(path, was, now)
        try:
            rows = (
                sum(row_count(base, name) for name in [*out.removed, *out.changed]),
                sum(row_count(this, name) for name in [*out.added, *out.changed]),
            )
            found.append(replace(out, rows=rows if any(rows) else None))
        except (Fault, OSError, ValueError):
            found.append(replace(out, rows_unknown=True))
    return found


def row_count(revision: Revision, path: str) -> int:
    """The rows of a Parquet file, by its footer; 0 for another kind of file."""
    if not path.endswith(".parquet"):
        return 0
    return int(pq.read_metadata(revision.local(path)).num_rows)


def plots(base: Revision, this: Revision, pictures: bool) -> Sections:
    """The curves of dvc.yaml, both versions in each."""
    found, faults = charts.charts(this.plots, base.text, this.text)
    notes = [f"Not drawn: {code(fault, 200)}." for fault in dict.fromkeys(faults)]
    parts = [*map(charts.picture if pictures else charts.mermaid, found), *notes]
    return [("Plots", "\n\n".join(parts))] if parts else []


def cards(this: Revision) -> Sections:
    """The README.md beside each model that dvc.yaml names as an artifact."""
    paths = {str(PurePosixPath(path).parent / "README.md") for path in this.models}
    texts = [this.text(path) for path in sorted(paths) if this.is_file(path)]
    return [
        ("Model card", details("Open the card of this version", quoted(text)))
        for text in texts
        if text
    ]
