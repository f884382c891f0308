"""Take new data, run the pipeline, compare its model with the champion, and write a proposal.

The workspace ends on a branch of its own, named after the data, with one commit. What is to be
published, by a program that runs nothing of this project, is in a folder of small files:

  decision       propose, nothing or stopped; then `title` and `body.md` say what and why
  branch, base   its name, and the commit that it starts from
  change.bundle  the commit, for `git fetch`
  merge          yes if the settings let it be merged unread and nothing speaks against it, else no
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from strata import git
from strata.compare import Answer, answer, lines
from strata.compare.evidence import stage_changes
from strata.core.errors import Fault
from strata.core.markdown import block, code, join, plain
from strata.core.settings import section
from strata.core.texts import inert
from strata.core.values import changes
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.staleness import differing
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.monitor import in_use, monitor
from strata.monitor.words import document
from strata.report import compose, rebuild_outputs
from strata.retrain import steps
from strata.retrain.decision import (
    GOOD,
    NEVER,
    NO_WORSE,
    Data,
    arrived,
    branch_of,
    check,
    data_of,
    refusal,
)
from strata.retrain.steps import Stopped

FILES = ("decision", "title", "body.md", "branch", "base", "merge", "change.bundle", "repro.log")
STAGE = "prod"


def run(args: argparse.Namespace) -> int:
    """Retrain: 0 if a proposal was written, or there is nothing new; 1 if the data is refused."""
    root, folder = git.top(), args.output.absolute()
    settings = section(root, "retrain")
    check(settings)
    git.check_committed(root)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:  # nothing of an earlier run is taken for this one's
        (folder / name).unlink(missing_ok=True)
    base = refs.commit_of("HEAD", root)
    try:
        proposal = retrain(root, base, settings.get("arrive"))
    except Stopped as stopped:
        title = inert(f"Retraining stopped: {stopped.where}")
        body = block("\n".join(stopped.lines) or "no message")
        write(folder, base=base, title=title, body=body, decision="stopped")
        raise
    if isinstance(proposal, str):
        write(folder, title="Nothing new", body=proposal, decision="nothing")
        print(f"nothing to propose: {plain(proposal)}")
        return 0
    branch, title = proposal.branch, proposal.title
    ref = f"refs/heads/{branch}"
    bundle = ("bundle", "create", "--quiet", str(folder / "change.bundle"))
    git.git(*bundle, f"{base}..{ref}", ref, root=root)
    (folder / "repro.log").write_text(proposal.log, encoding="utf-8", newline="\n")
    report, problems = compose(root, base, proposal.log, rebuild=True)
    body = join([("", proposal.head), *monitored(root), *report])
    may = settings.get("auto_merge", NEVER) == NO_WORSE and proposal.word in GOOD and not problems
    merge = "yes" if may else "no"
    write(folder, branch=branch, base=base, merge=merge, title=title, body=body, decision="propose")
    print(f"proposed on {branch}: {title}")
    return 0


def write(folder: Path, **texts: str) -> None:
    """Write small files in this order. The decision, which says that all are there, comes last."""
    for name, text in texts.items():
        path = folder / ("body.md" if name == "body" else name)
        path.write_text(text.rstrip() + "\n", encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class Proposal:
    """A branch with a commit of new data and its model, and what compares it with the champion.

    ``log`` is that of the pipeline; ``head`` begins the body, in Markdown.
    """

    branch: str
    log: str
    word: str
    title: str
    head: str


def retrain(root: Path, base: str, command: str | None) -> Proposal | str:
    """Take the data and run the pipeline; the proposal, or as Markdown why there is none.

    Raises Stopped if the data cannot be had, or the pipeline refuses it, or it would be lost.
    """
    with opened(root) as store:
        imports = [out.stage for out in Revision(store, None).outputs if out.source]
    steps.arrive(root, command, imports)
    if not git.edits(root) and not differing(root, always=True):
        return refusal([], {}, False, "")
    log = steps.reproduce(root)
    with opened(root) as store:
        before, after = Revision(store, base), Revision(store, None)
        data, moved = data_of(after), stage_changes(before.stages, after.stages)
        came = arrived(data_of(before), data)
        remade = [s.outs for s in before.stages.values()] != [s.outs for s in after.stages.values()]
        if why := refusal(came, moved, remade, GOOD[0]) or rolled_back(after, data):
            return why  # however good it may be
        name, champion = champion_of(root, after, base)
        verdict, notes = compared(store, champion, after)
        word = verdict.word if verdict else "cannot tell"
        if why := refusal(came, moved, remade, word):
            return why
        what = f"Retrain on new data in {', '.join(came)}" if came else "Retrain, as dvc.lock lacks"
        knobs = [inert(f"{c.name} {c.after}") for c in changes(before.params, after.params)][:3]
        message = "\n".join([what, "", *knobs, *(f"{path}: {data.get(path)}" for path in came)])
        branch = branch_of(data)
        commit = steps.commit(root, base, branch, message)
    with opened(root) as store:
        storage = steps.push_data(store, Revision(store, commit), Revision(store, base))
    title = ", ".join(["Retrain on new data" if came else "Retrain", *knobs])[:80] + f": {word}"
    news = f"New data: {', '.join(map(code, came))}" if came else "No new data; dvc.lock was stale"
    parts = [f"## Retrained: {word}", f"{news}.", f"The model against {name}: **{word}**."]
    parts += [block("\n".join(lines(verdict)))] if verdict else []
    return Proposal(branch, log, word, title, "\n\n".join([*parts, *notes, storage]))


def champion_of(root: Path, this: Revision, base: str) -> tuple[str, str]:
    """What the model has to beat, in words and as a commit: the release in use, else the base."""
    if len(this.models) == 1:
        releases = registry.releases(root, registry.model_of(this, None))
        if current := registry.holder(releases, STAGE):
            return f"{code(current.tag)}, which is {STAGE}", current.commit
        why = f"no release is {STAGE}" if releases else "no model is released"
    else:
        why = f"dvc.yaml names {len(this.models)} models"
    return f"{code(base[:9])}, as {why}", base


def rolled_back(this: Revision, data: Data) -> str:
    """The release of the same data that was rolled back, as Markdown; empty if none was."""
    if len(this.models) != 1:
        return ""
    entry = registry.entry(this.root, registry.model_of(this, None))
    for release in entry.rolled_back(STAGE):
        if data_of(Revision(this.store, release.commit)) == data:
            return f"{code(release.tag)} has learned from the same data, and was rolled back"
    return ""


def compared(store: Store, commit: str, this: Revision) -> tuple[Answer | None, list[str]]:
    """The answer of `strata compare`, or None; and as Markdown what hindered it."""
    champion = Revision(store, commit)
    notes = rebuild_outputs(champion)
    try:
        return answer(champion, this, rescore=True), notes
    except Fault as fault:
        return None, [*notes, f"Not compared: {code(fault, 200)}."]


def monitored(root: Path) -> list[tuple[str, str]]:
    """What `strata monitor` says, or why it says nothing."""
    try:
        with opened(root) as store:
            name, commit = in_use(store)
            return document(monitor(name, Revision(store, commit)))
    except (Fault, OSError, ValueError) as fault:
        return [("", f"**Not monitored**: {code(fault, 200)}.")]
