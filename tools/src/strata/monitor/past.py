"""The data since a champion was made, and the challengers that were made since.

A partition is a file in the folder of rows. It is judged on the rows that the champion has not
learned from, by the challenger that learned from most of what came before it, and not from it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from strata import git
from strata.compare import data
from strata.compare.paired import Columns, predictions_of, table
from strata.core import consent
from strata.core.errors import Fault
from strata.core.markdown import code
from strata.dvc.revision import Revision
from strata.dvc.store import Store
from strata.restore.checkout import clone, dvc, dvc_command, environment, run


@dataclass(frozen=True)
class Challenger:
    """The predictions of a model on rows that it did not learn from, and what to call it."""

    name: str
    held_out: pd.DataFrame


def since(
    store: Store, champion: str, head: str, columns: Columns
) -> tuple[list[Challenger], list[str]]:
    """The challengers among the commits of the branch since the champion, the oldest first.

    And what could not be read of them, as Markdown.
    """
    span = f"{champion}..{head}"
    every = git.git(
        *("log", "--first-parent", "--reverse", "--format=%H", span, "--", "*dvc.lock"),
        root=store.root,
    ).split()
    found, notes = list[Challenger](), list[str]()
    for commit in dict.fromkeys([*every, *([head] if head != champion else [])]):
        try:
            rows = data.held_out(Revision(store, commit), columns)
        except (Fault, ValueError) as fault:
            notes.append(f"The predictions of {commit[:9]} cannot be had: {code(fault, 200)}")
            continue
        found.append(Challenger(commit[:9], rows))
    return found, notes


@contextmanager
def replay(store: Store, head: Revision, setting: str, columns: Columns) -> Iterator[Any]:
    """A clone of a revision that trains a challenger on what was there through a partition.

    ``setting`` is the param, of params.yaml, that says through which. Yields a function of its
    value that gives the predictions, as a frame. Raises Fault if the pipeline fails.
    """
    from dvc.utils.serialize import modify_yaml

    consent.check(consent.PIPELINE)
    path = predictions_of(head.root, head.made)
    stage = next((name for name, each in head.stages.items() if path in each.outs), None)
    if setting not in head.params or stage is None:
        raise Fault(f"{data.PLACE}: through is {setting!r}, which is no param of params.yaml")
    with TemporaryDirectory(prefix="strata-") as parent:
        root = clone(store, str(head.commit), Path(parent) / store.name)
        if here := [out.path for out in head.outputs if not store.missing(out)]:
            dvc("checkout", "--quiet", "--force", *here, root=root)
        env = environment(store.root, head, root)

        def trained(through: str) -> pd.DataFrame:
            *sections, name = setting.split(".")
            with modify_yaml(str(root / "params.yaml")) as params:
                for section in sections:
                    params = params[section]
                params[name] = through
            command = dvc_command("repro", "--quiet", stage)
            if run(command, root, env):
                raise Fault(f"the pipeline through {through} fails; its own message is above")
            return table(root / path, path, root, columns)[0]

        yield trained
