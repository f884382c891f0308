"""Take new data, run the pipeline, hold its model against the champion, and write a proposal.

The workspace ends on a branch of its own, named by what the data is, with one commit. What is to be
published, by a program that runs nothing of this project, is in a folder of small files:

  decision       propose, nothing or stopped; then `title` and `body.md` say what and why
  branch, base   its name, and the commit that it starts from
  change.bundle  the commit, for `git fetch`
  merge          yes if the settings let it be merged unread and nothing speaks against it, else no
"""

import argparse
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
        found = retrain(root, base, settings.get("arrive"))
    except Stopped as stopped:
        title = inert(f"Retraining stopped: {stopped.where}")
        said = block("\n".join(stopped.lines) or "no message")
        write(folder, base=base, title=title, **{"body.md": said}, decision="stopped")
        raise
    if isinstance(found, str):
        write(folder, title="Nothing new", **{"body.md": found}, decision="nothing")
        print(f"nothing to propose: {plain(found)}")
        return 0
    git.git("bundle", "create", "--quiet", str(folder / "change.bundle"), *found.span, root=root)
    (folder / "repro.log").write_text(found.log, encoding="utf-8", newline="\n")
    body, sound = described(root, found)
    may = settings.get("auto_merge", NEVER) == NO_WORSE and sound and found.word in GOOD
    write(folder, branch=found.branch, base=base, merge="yes" if may else "no", title=found.title)
    write(folder, **{"body.md": body}, decision="propose")
    print(f"proposed on {found.branch}: {found.title}")
    return 0


def write(folder: Path, **texts: str) -> None:
    """Write small files, in this order: what says that all are there comes last."""
    for name, text in texts.items():
        (folder / name).write_text(text.rstrip() + "\n", encoding="utf-8", newline="\n")


class Proposal:
    """A commit of new data, and the model made of it."""

    def __init__(self, branch: str, base: str, commit: str, log: str) -> None:
        self.branch, self.base, self.commit, self.log = branch, base, commit, log
        self.title = self.head = self.word = ""

    @property
    def span(self) -> tuple[str, str]:
        """What a bundle is made of: the branch without what its base has."""
        return f"{self.base}..refs/heads/{self.branch}", f"refs/heads/{self.branch}"


def retrain(root: Path, base: str, command: str | None) -> Proposal | str:
    """Do it; as Markdown why there is nothing to propose where there is not.

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
        if why := refusal(came, moved, remade, GOOD[0]):  # however good it may be
            return why
        name, champion = champion_of(root, after, base)
        verdict, noted = held_against(store, champion, after)
        word = verdict.word if verdict else "cannot tell"
        if why := refusal(came, moved, remade, word):
            return why
        what = f"Retrain on new data in {', '.join(came)}" if came else "Retrain, as dvc.lock lacks"
        knobs = [inert(f"{c.name} {c.after}") for c in changes(before.params, after.params)][:3]
        message = "\n".join([what, "", *knobs, *(f"{path}: {data.get(path)}" for path in came)])
        commit = steps.commit(root, base, branch_of(data), message)
    made = Proposal(branch_of(data), base, commit, log)
    with opened(root) as store:
        kept = steps.keep(store, Revision(store, commit), Revision(store, base))
    made.word = word
    made.title = (
        ", ".join(["Retrain on new data" if came else "Retrain", *knobs])[:80] + f": {word}"
    )
    said = (
        f"New data: {', '.join(map(code, came))}." if came else "No new data; dvc.lock was stale."
    )
    figures = block("\n".join(lines(verdict))) if verdict else ""
    against = f"The model against {name}: **{word}**."
    made.head = "\n\n".join(
        text for text in (f"## Retrained: {word}", said, against, figures, *noted, kept) if text
    )
    return made


def champion_of(root: Path, this: Revision, base: str) -> tuple[str, str]:
    """What the model has to beat, in words and as a commit: the release in use, else the base."""
    if len(this.models) == 1:
        known = registry.releases(root, registry.model_of(this, None))
        if one := registry.holder(known, STAGE):
            return f"{code(one.tag)}, which is {STAGE}", one.commit
        why = f"no release is {STAGE}" if known else "no model is released"
        return f"{code(base[:9])}, as {why}", base
    return f"{code(base[:9])}, as dvc.yaml names {len(this.models)} models", base


def held_against(store: Store, champion: str, this: Revision) -> tuple[Answer | None, list[str]]:
    """The answer of `strata compare`, or None; and as Markdown what hindered it."""
    other = Revision(store, champion)
    notes = rebuild_outputs(other)
    try:
        return answer(other, this, rescore=True), notes
    except Fault as fault:
        return None, [*notes, f"Not compared: {code(fault, 200)}."]


def described(root: Path, made: Proposal) -> tuple[str, bool]:
    """The text of the proposal, and whether its report names no problem."""
    report, problems = compose(root, made.base, made.log, rebuild=True)
    return join([("", made.head), *monitored(root), *report]), not problems


def monitored(root: Path) -> list[tuple[str, str]]:
    """What `strata monitor` says, or why it says nothing."""
    try:
        with opened(root) as store:
            name, commit = in_use(store)
            return document(monitor(name, Revision(store, commit)))
    except (Fault, OSError, ValueError) as fault:
        return [("", f"**Not monitored**: {code(fault, 200)}.")]
