"""What a change does to data, params, environment and metrics, against a base: for a reviewer.

Writes Markdown, with the verdict first. Whatever cannot be read is said, and never looks like
"no change"; such a report, one of a stale dvc.lock and one of a failed gate end with exit code 1.
"""

import argparse
import json
import os
import sys
from pathlib import Path, PurePosixPath
from subprocess import SubprocessError

from strata import git
from strata.compare.baselines import doubts
from strata.compare.evidence import Settings, gates_at, gather, load_settings, stage_changes
from strata.compare.paired import COMMON
from strata.compare.verdict import Evidence, check, overall
from strata.core import frames
from strata.core.charts import mermaid, picture
from strata.core.errors import Fault
from strata.core.markdown import code, details, join, plain, quoted, table
from strata.core.page import page, show
from strata.core.values import changes
from strata.dvc.revision import Revision, Stage
from strata.dvc.staleness import differing
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.report import sections
from strata.report.charts import charts
from strata.restore.checkout import make_again

MOST = 10  # problems that are listed
Sections = list[tuple[str, str]]
Problems = list[tuple[str, str]]  # a verdict and its sentence, as Markdown


def run(args: argparse.Namespace) -> int:
    """Write the report. Returns 1 if it names a problem that must not be merged."""
    log = args.log.read_text(encoding="utf-8", errors="replace") if args.log else ""
    written, problems = compose(git.top(), args.base, log, args.rebuild, bool(args.html))
    if args.html:
        args.html.write_text(page(written), encoding="utf-8", newline="\n")
    elif sys.stdout.isatty():
        show(join(written))
    else:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(join(written), end="")
    for name, sentence in problems[:MOST]:
        print(f"strata report: {name}: {plain(sentence)}", file=sys.stderr)
    return 1 if problems else 0


def compose(
    root: Path, base: str | None, log: str, rebuild: bool, pictures: bool = False
) -> tuple[Sections, Problems]:
    """The report, each section with its title; of a workspace that cannot be read, the reason."""
    try:
        with opened(root) as store:
            return build(store, base, log, rebuild, pictures)
    except Fault as fault:
        why = code(fault, 200)
        return [("", f"## Strata: cannot be read\n\n{why}")], [("cannot be read", why)]


def build(
    store: Store, base_rev: str | None, log: str, rebuild: bool, pictures: bool
) -> tuple[Sections, Problems]:
    """Read both versions and put the report together, sections in the order of importance.

    Raises Fault if the workspace itself cannot be read.
    """
    root = store.root
    this = read(Revision(store, None))
    settings = load_settings(this)
    problems: Problems = []
    notes: list[str] = []
    commit, base = None, None
    try:
        commit = refs.commit_of(base_rev, root) if base_rev else refs.merge_base(root)
        if rebuild:
            notes += rebuild_outputs(Revision(store, commit))
        base = read(Revision(store, commit))
        if not base.metrics:
            raise Fault(f"{base.name} has no metrics")
    except Fault as fault:
        problems.append(("baseline missing", f"{code(fault, 200)}; nothing below is compared"))
        base = base if base and base.params else None
    if why := sections.failure(log):
        problems.append(("pipeline failed", f"{code(why, 200)}; what follows is what there was"))
    old = differing(root)
    problems += staleness(store, this, old)

    evidence, hindered = gather(base, this, settings, rescore=rebuild)
    gates = check(settings.gates, evidence)
    problems += [("gate failed", sections.crossed(gate)) for gate in gates if gate.passed is False]
    if commit:
        notes += gates_moved(Revision(store, commit), settings)
    notes += [
        f"**By {code(settings.headline)}, this model is {doubt.text}.**"
        for doubt in doubts(settings.headline, evidence)
    ]
    same = (
        base is not None and base.stages == this.stages and not changes(base.metrics, this.metrics)
    )
    head = heading(root, commit, problems, settings.headline, evidence, same)
    written = [("", "\n\n".join([head, *notes, reproduced(log, this.stages, problems)]))]
    if base:
        tables = {
            "Params": sections.values(base.params, this.params, "param"),
            "Data": outputs(base, this),
            "Packages": sections.values(dict(base.pins), dict(this.pins), "package"),
        }
        written += tables.items()
        if unchanged := ", ".join(name.lower() for name, text in tables.items() if not text):
            written.append(("", f"Unchanged: {unchanged}."))
    first = list(dict.fromkeys([settings.headline, *(gate.metric for gate in gates)]))
    judged, others, dummies = sections.ordered(evidence, first)
    headline = sections.metrics(judged, evidence, judge=True) or "There are no metrics."
    about = [
        sections.compared_rows(evidence.groups),
        *hindered,
        sections.covers(evidence, judged) if base else "",
    ]
    folded = sections.metrics(dummies, evidence, judge=False)
    moved = stage_changes(base.stages, this.stages) if base else None
    written += [
        ("Metrics", "\n\n".join(text for text in (headline, *about) if text)),
        ("Gates", sections.gates(gates)),
        ("Other metrics", sections.metrics(others, evidence, judge=False)),
        ("", details("Metrics of dummies", folded) if folded else ""),
        ("Stages", sections.rerun(this.stages, moved, old, sections.times(log))),
        ("Plots", plots(base, this, evidence, pictures) if base else ""),
        ("Model card", card(this)),
    ]
    return [(title, text) for title, text in written if text], problems


def gates_moved(base: Revision, settings: Settings) -> list[str]:
    """A note if the base has other gates, or if its gates cannot be read."""
    try:
        same = gates_at(base) == settings.gates
    except Fault as fault:
        return [f"**Whether this change alters the gates is unknown**: {code(fault, 200)}."]
    return [] if same else ["**This change alters the gates** it is held against."]


def rebuild_outputs(revision: Revision) -> list[str]:
    """Run the pipeline of a revision if any output of it is stored nowhere; a note if it fails."""
    try:
        make_again(revision.store, revision)
    except (Fault, OSError, SubprocessError) as fault:
        return [f"{revision.name} could not be rebuilt: {code(fault, 200)}."]
    return []


def read(revision: Revision) -> Revision:
    """Have a revision read all that it says of itself, so that a fault shows now."""
    if not revision.stages:
        raise Fault(f"{revision.name} has no dvc.yaml")
    for _ in (revision.metrics, revision.params, revision.pins):
        pass
    return revision


def staleness(store: Store, this: Revision, old: dict[str, list[str]]) -> Problems:
    """What keeps the committed dvc.lock from being what the pipeline makes."""
    again = "run `dvc repro` and commit dvc.lock with what it changed"
    why = {f"stage {code(stage)}": reasons for stage, reasons in old.items()}
    committed = Revision(store, refs.commit_of("HEAD", store.root)).stages
    moved = stage_changes(committed, this.stages)
    read = {path for stage in this.stages.values() for path in stage.deps} | set(this.param_files)
    if not old and (edited := git.uncommitted(store.root, sorted(read))):
        return [("not committed", f"{sections.some(edited, 4)}: a report is of commits")]
    why |= {f"the committed dvc.lock has another {code(name)}": r for name, r in moved.items() if r}
    problems = [
        ("lock stale", f"{what} ({sections.some(reasons, 4)}); {again}")
        for what, reasons in why.items()
    ]
    problems += [
        ("not reproduced", f"stage {code(name)} gave other bytes than the committed ones")
        for name, reasons in moved.items()
        if not reasons
    ]
    if problems:
        return problems
    edited = git.uncommitted(store.root, this.made)
    return [("lock stale", f"{code(path)} differs from the committed; {again}") for path in edited]


def heading(
    root: Path,
    commit: str | None,
    problems: Problems,
    headline: str,
    evidence: Evidence,
    same: bool,
) -> str:
    """The verdict, what it rests on, and every problem."""
    word, best, where = overall(headline, evidence)
    word = "no change" if same else word
    names = os.environ.get("GITHUB_HEAD_REF") or os.environ.get("CI_COMMIT_REF_NAME")
    branch = names or git.git("branch", "--show-current", root=root) or "HEAD"
    against = code(commit[:9]) if commit else "nothing"
    line = f"{code(branch)} at {code(head_commit(root)[:9])} against {against}"
    if best and all(name == "gate failed" for name, _ in problems):  # else of another state
        _, _, moved, interval = best.figures
        line += f": {code(headline)} {moved}"
        by = ", ".join(filter(None, [sections.way(best), best.counted]))
        line += f", 95% interval {interval}, {by}" if interval else ""
        line += (f"; {where}" if where and not same else "") + "."
        line += f" By itself: {word}." if problems else ""
    else:
        line += f"; {where}." if where and not same else "."
    listed = [f"- **{name}**: {sentence}" for name, sentence in problems[:MOST]]
    listed += [f"- and {len(problems) - MOST:,} more"] if len(problems) > MOST else []
    title = f"## Strata: {problems[0][0] if problems else word}"
    return "\n\n".join([title, line, *(["\n".join(listed)] if listed else [])])


def head_commit(root: Path) -> str:
    """The commit that a pull request proposes; GitHub has checked out its merge with the base."""
    try:
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_text("utf-8"))
        return str(event["pull_request"]["head"]["sha"])
    except (OSError, ValueError, KeyError, TypeError):
        return refs.commit_of("HEAD", root)


def reproduced(log: str, stages: dict[str, Stage], problems: Problems) -> str:
    """Whether this run shows that the commit makes the bytes it says."""
    ran = sections.times(log)
    names = {name for name, _ in problems}
    if names & {"lock stale", "not reproduced", "pipeline failed"}:
        return "Reproduces: **no**."
    if "not committed" in names:
        return "Reproduces: not judged before it is committed."
    if not ran:
        return "Reproduces: dvc.lock is up to date; no stage was run again to show it."
    again = f"{len(ran)} of {len(stages)} stages ran here and gave the committed bytes"
    rest = "" if len(ran) == len(stages) else "; the others' outputs came from a cache or a remote"
    return f"Reproduces: **yes**, {again}{rest}."


def outputs(base: Revision, this: Revision) -> str:
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
            found.append([code(path), "", "", f"changed; {code(fault)}", ""])
            continue
        gone = [name for name in was if was[name] != now.get(name)]
        came = [name for name in now if now[name] != was.get(name)]
        try:
            counts = [sum(row_count(base, n) for n in gone), sum(row_count(this, n) for n in came)]
            rows = f"{counts[0]:,} → {counts[1]:,}" if any(counts) else ""
        except (Fault, OSError, ValueError):
            rows = "unknown"
        found.append([code(path), *sections.files(path, gone, came), rows])
    return table(["output", "added", "removed", "changed", "rows in these files:"], found)


def row_count(revision: Revision, path: str) -> int:
    """The rows of a Parquet file, by its footer; 0 for another kind of file."""
    if not path.endswith(".parquet"):
        return 0
    return frames.count(revision.local(path), path)


def plots(base: Revision, this: Revision, evidence: Evidence, pictures: bool) -> str:
    """The curves of dvc.yaml, both versions in each; marked where they are of other rows."""
    same = evidence.same_rows or (bool(evidence.groups) and COMMON not in evidence.groups)
    drawn, faults = charts(this.plots, base.text, this.text, same)
    notes = [f"Not drawn: {code(fault, 200)}." for fault in dict.fromkeys(faults)]
    return "\n\n".join([*map(picture if pictures else mermaid, drawn), *notes])


def card(this: Revision) -> str:
    """The README.md beside each model that dvc.yaml names as an artifact."""
    paths = {str(PurePosixPath(path).parent / "README.md") for path in this.models}
    texts = [this.text(path) for path in sorted(paths) if this.is_file(path)]
    return "\n\n".join(details("Open the card of this version", quoted(t)) for t in texts if t)
