"""What of a revision each command runs: declared here, held to here, and shown in docs/security.md.

A revision names programs: its pipeline, what scores rows, what exports a model, what takes new
data. Whatever runs one asks ``check`` first; the table in the docs is made of ``RUNS``.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from strata.errors import Fault

PIPELINE, PREDICT = "the pipeline", "the program that scores rows"
EXPORT, ARRIVE = "the export", "the program that takes new data"


@dataclass(frozen=True)
class Runs:
    """The programs of a revision that a command may run, whose they are, and when.

    With ``options`` only if one of these arguments is given.
    """

    programs: tuple[str, ...]
    whose: str
    when: str = ""
    options: tuple[str, ...] = ()


NOWHERE = "the pipeline only if an output is nowhere to be had"
RUNS = {  # all other commands run none
    "repro": Runs((PIPELINE,), "the workspace's"),
    "sweep": Runs((PIPELINE,), "the last commit's"),
    "seeds": Runs((PIPELINE,), "the last commit's"),
    "verify": Runs((PIPELINE,), "the revision's"),
    "restore": Runs((PIPELINE,), "the revision's", "if an output is nowhere, or with `--rebuild`"),
    "get": Runs((PIPELINE,), "the revision's", "if the output is nowhere, or with `--rebuild`"),
    "predict": Runs((PREDICT, PIPELINE), "the revision's", NOWHERE),
    "compare": Runs(
        (PREDICT, PIPELINE),
        "both revisions'",
        "with `--on`; the champion's with `--rebuild`",
        ("on", "rebuild"),
    ),
    "report": Runs((PIPELINE, PREDICT), "the base's", "with `--rebuild`", ("rebuild",)),
    "monitor": Runs(
        (PREDICT, PIPELINE),
        "the champion's",
        f"{NOWHERE}; with `--replay` the last commit's",
    ),
    "release": Runs(
        (PIPELINE, PREDICT),
        "the last commit's",
        "what scores rows is of the release in use",
    ),
    "bundle": Runs((EXPORT, PIPELINE), "the revision's", NOWHERE),
    "retrain": Runs(
        (ARRIVE, PIPELINE, PREDICT),
        "the workspace's",
        "the champion's pipeline and what scores rows, too",
    ),
    "adopt": Runs((PIPELINE,), "the new project's", "and its tests"),
}
_granted: ContextVar[tuple[str, ...]] = ContextVar("_granted", default=())


@contextmanager
def granted(command: str, args: argparse.Namespace) -> Iterator[None]:
    """Let a command run, for the time of a block, what is declared of it and no more."""
    runs = RUNS.get(command)
    asked = runs and (not runs.options or any(getattr(args, name) for name in runs.options))
    token = _granted.set(runs.programs if runs and asked else ())
    try:
        yield
    finally:
        _granted.reset(token)


def check(program: str) -> None:
    """Raise Fault unless the command that is at work may run this program of a revision."""
    if program not in _granted.get():
        raise Fault(f"{program} of a revision is not run by this command, or not as it was called")


def table(commands: Iterable[str]) -> str:
    """Each command, and what of a revision it runs, as Markdown: those that run nothing first."""
    rows = ["| `strata` | runs | whose | when |", "|---|---|---|---|"]
    safe = ", ".join(f"`{name}`" for name in commands if name not in RUNS)
    rows.append(f"| {safe} | nothing of a revision | | |")
    for name, runs in RUNS.items():
        rows.append(f"| `{name}` | {', '.join(runs.programs)} | {runs.whose} | {runs.when} |")
    return "\n".join(rows)
