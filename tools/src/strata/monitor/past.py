"""The challengers of a champion: the models that were made since, or could have been."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from strata import git
from strata.compare.held_out import (
    PLACE,
    Keys,
    held_out,
    keys_of,
    partitions,
    partitions_known,
    predictions_path,
    read_predictions,
    settings_of,
    without_training,
)
from strata.compare.paired import Columns
from strata.compare.rows import labelled, predict, read, with_labels
from strata.core import consent
from strata.core.errors import Fault
from strata.core.markdown import code
from strata.dvc.params import set_param
from strata.dvc.revision import Revision
from strata.restore.checkout import clone, dvc, dvc_command, environment, run


@dataclass(frozen=True)
class Challenger:
    """The predictions of a model on rows that it did not learn from, and what to call it.

    ``last`` is the newest partition that it has learned from; empty if that is unknown.
    """

    name: str
    held_out: pd.DataFrame
    last: str = ""


def keys_at(head: Revision, columns: Columns) -> Keys:
    """The keys of each partition of a revision. Raises Fault."""
    paths = partitions(head)
    return keys_of(paths, lambda name: read(head.local(paths[name]), columns.key))


def of_files(
    head: Revision, paths: Sequence[Path], columns: Columns, last: str
) -> list[list[Challenger]]:
    """The model of a revision as the only challenger on each of some files, which it scores now."""
    name = str(head.commit)[:9]
    return [
        [Challenger(name, with_labels(scores, labelled(path, columns)), last)]
        for path, scores in zip(paths, predict(head, paths), strict=True)
    ]


def since(
    champion: Revision, head: Revision, columns: Columns
) -> tuple[list[Challenger], list[str]]:
    """The challengers among the commits of the branch since the champion, the oldest first.

    And what could not be read of them, as Markdown.
    """
    span = f"{champion.commit}..{head.commit}"
    commits = git.git(
        *("log", "--first-parent", "--reverse", "--format=%H", span, "--", "*dvc.lock"),
        root=head.root,
    ).split()
    if head.commit != champion.commit:
        commits.append(str(head.commit))
    challengers, notes, keys = list[Challenger](), list[str](), keys_at(head, columns)
    for commit in dict.fromkeys(commits):
        try:
            side = Revision(head.store, commit)
            rows = held_out(side, columns)
            last = keys.learned_last(rows, partitions_known(side))
        except (Fault, ValueError) as fault:
            notes.append(f"The predictions of {commit[:9]} cannot be read: {code(fault, 200)}")
            continue
        challengers.append(Challenger(commit[:9], rows, last))
    return challengers, notes


def replayed(head: Revision, names: Sequence[str], columns: Columns) -> list[Challenger]:
    """A challenger for each of some partitions, trained on what was there through it.

    In a clone, by the pipeline of a revision and its param ``through``. Raises Fault if that is not
    set, or the pipeline fails.
    """
    consent.check(consent.PIPELINE)
    store, (_, through) = head.store, settings_of(head.root)
    if not through:
        raise Fault(f"set through in {PLACE}: the param that says through when is trained")
    path = predictions_path(head)
    stage = next((name for name, stage in head.stages.items() if path in stage.outs), None)
    if stage is None:
        raise Fault(f"no stage makes {path}: have one write the predictions")
    if through not in head.params:
        raise Fault(f"{PLACE}: through is {through!r}, which is no param of params.yaml")
    challengers, keys = list[Challenger](), keys_at(head, columns)
    with TemporaryDirectory(prefix="strata-") as parent:
        root = clone(store, str(head.commit), Path(parent) / store.name)
        if here := [out.path for out in head.outputs if not store.missing(out)]:
            dvc("checkout", "--quiet", "--force", *here, root=root)
        env = environment(store.root, head, root)
        for name in names:
            set_param(root, through, name)
            if run(dvc_command("repro", "--quiet", stage), root, env):
                raise Fault(f"the pipeline through {name} fails; its own message is above")
            rows, _ = read_predictions(root / path, path, root, columns)
            rows = without_training(rows, columns)
            last = keys.learned_last(rows, (part for part in keys.hashes if part <= name))
            challengers.append(Challenger(f"through {name}", rows, last))
    return challengers
