"""The steps of a retraining: commands, and what they print."""

import sys
from pathlib import Path

from strata import git
from strata.core import consent
from strata.core.errors import Fault, without_secrets
from strata.core.markdown import code
from strata.dvc.revision import Revision
from strata.dvc.store import Offline, Store
from strata.git import refs
from strata.restore.checkout import capture, dvc, programs, strata_command

WHO = ("strata retrain", "retrain@strata.invalid")  # whose commits a later run may replace
MOST = 20  # lines of a failure that are shown


class Stopped(Fault):
    """The new data does not get through: ``lines`` say why, and where."""

    def __init__(self, where: str, lines: list[str]) -> None:
        super().__init__("\n".join([where, *lines]))
        self.where, self.lines = where, lines


def arrive(root: Path, command: str | None, imports: list[str]) -> None:
    """Take new data: by a command, or for None from the source of each import.

    Raises Stopped if that fails.
    """
    if command:
        consent.check(consent.ARRIVE)
        rc, log = capture(command, root, programs(), echo=True)
        if rc:
            raise Stopped(f"{command} fails, which takes new data", last(log.splitlines()))
    elif command is None and imports:
        try:
            print(dvc("update", *imports, root=root), end="", file=sys.stderr)
        except Fault as fault:
            raise Stopped(
                "the source of an import gives no data", str(fault).splitlines()
            ) from None


def reproduce(root: Path) -> str:
    """Bring all up to date; the log of it. Raises Stopped with a stage's own words."""
    command = strata_command("repro", "--all-pipelines")
    rc, log = capture(command, root, programs(), echo=True)
    if rc:
        stage, lines = failing(log)
        raise Stopped(f"stage {stage} fails" if stage else "the pipeline fails", lines)
    return log


def failing(log: str) -> tuple[str, list[str]]:
    """The stage that stopped a pipeline, by its log, and its last lines; empty if it was none."""
    stage, lines = "", list[str]()
    for line in log.splitlines():
        if line.startswith("Running stage '"):
            stage, lines = line.removeprefix("Running stage '").partition("'")[0], []
        elif not line.startswith("> "):
            lines.append(line)
    return stage, last(lines)


def last(lines: list[str]) -> list[str]:
    return [line.rstrip() for line in lines if line.strip()][-MOST:]


def commit(root: Path, base: str, branch: str, message: str) -> str:
    """Commit all changes on a branch of their own; returns the commit.

    The same base and the same bytes give the same commit: its dates are those of the base. Raises
    Fault if the branch has commits of somebody else.
    """
    if git.has_ref(root, f"refs/heads/{branch}"):
        theirs = git.lines("log", "--format=%ce", f"{base}..refs/heads/{branch}", root=root)
        if set(theirs) - {WHO[1]}:
            raise Fault(f"the branch {branch} has commits of yours: rename it, or remove it")
    when = git.git("show", "--no-patch", "--format=%cI", base, root=root)
    env = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": WHO[0], f"GIT_{role}_EMAIL": WHO[1]}
    git.git(*git.QUIET, "checkout", "--quiet", "--no-track", "-B", branch, root=root)
    git.add(root, "--all")
    plain = ("-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify")
    git.git(*git.QUIET, *plain, "--message", message, root=root, env=env)
    return refs.commit_of("HEAD", root)


def push_data(store: Store, this: Revision, base: Revision) -> str:
    """Push the data of a commit; returns where it is, as Markdown.

    Raises Stopped if data that no stage makes and no source has is kept nowhere but here.
    """
    left = [out for out in this.outputs if out.is_pushed]
    old = {(out.path, out.hash) for out in base.outputs}
    error = ""
    if store.remote():
        try:
            left, error = store.push(left)
        except Offline as fault:
            error = str(fault)
    own = (out for out in left if not out.is_rebuildable and not out.source)
    lost = [out.path for out in own if (out.path, out.hash) not in old]
    if lost:
        why = error or "no storage is set: `make storage URL=…`"
        raise Stopped(
            "new data would be lost, as it is kept nowhere", [f"{', '.join(lost)}: {why}"]
        )
    if not left:
        return "Its data and model are in the storage."
    if not store.remote():
        return "Its data and model are stored nowhere: `dvc repro` makes them again."
    names = ", ".join(code(out.path) for out in left[:5])
    why = code(without_secrets(error) or "no reason given", 200)
    return f"**Not in the storage**: {names}; {why}. `dvc repro` makes them again."
