"""Which programs of a revision each command runs: declared and enforced here.

A revision names programs: its pipeline, what scores rows, what exports a model, what takes new
data. Whatever runs one calls ``check`` first; ``RUNS`` is shown in docs/security.md.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from strata.core.errors import Fault

PIPELINE, PREDICT = "the pipeline", "the program that scores rows"
EXPORT, ARRIVE = "the export", "the program that takes new data"


@dataclass(frozen=True)
class Runs:
    """The programs of a revision that a command may run, and in words whose and when.

    With ``options`` only if one of these arguments is given.
    """

    programs: tuple[str, ...]
    words: str
    options: tuple[str, ...] = ()


BOTH = (PREDICT, PIPELINE)
NOWHERE = "its pipeline if an output is stored nowhere"
RUNS = {  # all other commands run none
    "repro": Runs((PIPELINE,), "the workspace's pipeline"),
    "sweep": Runs((PIPELINE,), "the last commit's pipeline"),
    "seeds": Runs((PIPELINE,), "the last commit's pipeline"),
    "verify": Runs((PIPELINE,), "the revision's pipeline"),
    "restore": Runs((PIPELINE,), f"{NOWHERE}, or with `--rebuild`"),
    "get": Runs((PIPELINE,), f"{NOWHERE}, or with `--rebuild`"),
    "predict": Runs(BOTH, f"{PREDICT}; {NOWHERE}"),
    "compare": Runs(BOTH, f"with `--on` or `--rebuild`: {PREDICT}; {NOWHERE}", ("on", "rebuild")),
    "report": Runs(BOTH, f"with `--rebuild`, of the base: {PREDICT}; {NOWHERE}", ("rebuild",)),
    "monitor": Runs(
        BOTH, f"of the champion: {PREDICT}; {NOWHERE}; with `--replay` the last commit's pipeline"
    ),
    "release": Runs(BOTH, f"the last commit's pipeline; of the release in use: {PREDICT}"),
    "bundle": Runs((EXPORT, PIPELINE), f"{EXPORT}; {NOWHERE}"),
    "retrain": Runs(
        (ARRIVE, *BOTH),
        f"{ARRIVE}, the workspace's pipeline; of the champion: {PREDICT}; {NOWHERE}",
    ),
    "adopt": Runs((PIPELINE,), "the pipeline and the tests of the project that it writes"),
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
        raise Fault(f"this command, as it was called, may not run {program} of a revision")


def table(commands: Iterable[str]) -> str:
    """What of a revision each command runs, as Markdown: those that run nothing first."""
    safe = [f"`{name}`" for name in commands if name not in RUNS]
    safe += [f"`{name}` without the options below" for name, runs in RUNS.items() if runs.options]
    rows = ["| `strata …` | runs of a revision |", "| --- | --- |"]
    rows.append(f"| {', '.join(safe)} | nothing: aim it at any branch that was fetched |")
    return "\n".join([*rows, *(f"| `{name}` | {runs.words} |" for name, runs in RUNS.items())])
