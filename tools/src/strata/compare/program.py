"""A revision's own program that scores rows, with its own model, in its own environment.

``command`` in its ``[tool.strata.predict]`` names it. It takes a file of rows and the file to
write, and with ``--skip-bad`` leaves out rows that do not fit. What it writes is Parquet: a column
``row``, which numbers the rows from 1, and the predictions.
"""

import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.core import consent
from strata.core.errors import Fault
from strata.dvc.revision import Revision
from strata.restore.checkout import clone, environment, run, withheld
from strata.restore.obtain import ensure_cached

PLACE = "[tool.strata.predict]"
ROW = "row"
Scorer = Callable[[Path, Path, bool], None]  # rows, what to write, whether to skip bad ones


def command_of(revision: Revision) -> list[str]:
    """The program and its arguments. Raises Fault if the revision names none."""
    command = revision.settings("predict").get("command")
    if not isinstance(command, str) or not command.strip():
        raise Fault(
            f"{revision.name} has no program that scores rows: set command in {PLACE} to one that "
            "takes a file of rows and the Parquet file to write, and commit it"
        )
    return shlex.split(command)


@contextmanager
def scorer(revision: Revision) -> Iterator[Scorer]:
    """A function that scores a file of rows, in a clone of a commit with its models.

    Raises Fault if it names no program or no model, or if a model is not what dvc.lock says. The
    function raises Fault if the program fails; its own message is on standard error then.
    """
    consent.check(consent.PREDICT)
    store, command = revision.store, command_of(revision)
    outs = [out for path in revision.models if (out := revision.output(path))]
    if not outs:
        raise Fault(
            f"{revision.name} names no model that DVC keeps: list it under artifacts: in dvc.yaml, "
            "with its path and `type: model`"
        )
    with (
        ensure_cached(store, revision, outs) as models,
        tempfile.TemporaryDirectory(prefix="strata-") as parent,
    ):
        if differing := [item.output.path for item in models if item.differing]:
            raise Fault(
                f"{differing[0]} of {revision.name} is stored nowhere, and running its pipeline "
                "again gives another"
            )
        root = clone(store, str(revision.commit), Path(parent) / store.name)
        for out in outs:
            (root / out.path).parent.mkdir(parents=True, exist_ok=True)
            store.place(out, root / out.path)
        env = environment(store.root, revision, root)

        def score(rows: Path, out: Path, skip_bad: bool) -> None:
            arguments = [str(rows.absolute()), str(out.absolute()), *["--skip-bad"] * skip_bad]
            try:
                code = run([*command, *arguments], root, env)
            except FileNotFoundError:
                raise Fault(f"{revision.name}: there is no program {command[0]}") from None
            if code or not out.is_file():
                why = "its own message is above" if code else f"it wrote no {out.name}"
                why += withheld(env)
                raise Fault(f"{rows.name} was not scored by {revision.name[:9]}: {why}")

        yield score
