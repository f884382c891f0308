"""The outcome of a retraining: a proposal, or nothing, and on which branch."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from strata.compare.verdict import WITHIN
from strata.core.errors import Fault
from strata.core.markdown import term
from strata.core.settings import check_names
from strata.dvc.revision import Revision

PLACE = "[tool.strata.retrain]"
KNOWN = ("arrive", "auto_merge")
NEVER, NO_WORSE = "never", "no-worse"
GOOD = ("better", "no worse", WITHIN)
PREFIX = "retrain/"

Data = dict[str, str]  # the hash of each output by its path


def check(settings: Mapping[str, Any]) -> None:
    """Raise Fault for a setting that is unknown or wrong."""
    check_names(settings, KNOWN, PLACE)
    if not isinstance(settings.get("arrive", ""), str):
        raise Fault(f"{PLACE}: arrive must be a command, in one string")
    if settings.get("auto_merge", NEVER) not in (NEVER, NO_WORSE):
        raise Fault(f'{PLACE}: auto_merge must be "{NEVER}" or "{NO_WORSE}"')


def data_of(revision: Revision) -> Data:
    """The source data of a revision, the outputs that are made of no other output.

    Those are what is imported or added to DVC, with the hash that the stages in dvc.lock have read,
    and what stages write that read no output. Models are left out.
    """
    stages, outs = revision.stages, revision.outputs
    read = {path: oid for stage in stages.values() for path, oid in stage.deps.items() if oid}
    paths = [PurePosixPath(out.path) for out in outs]

    def is_first(name: str) -> bool:
        deps = [PurePosixPath(dep) for dep in stages[name].deps] if name in stages else []
        return not any(
            dep.is_relative_to(path) or path.is_relative_to(dep) for dep in deps for path in paths
        )

    return {
        out.path: read.get(out.path, out.hash)
        for out in outs
        if out.path not in revision.models and is_first(out.stage)
    }


def branch_of(data: Data) -> str:
    """The branch for a set of data, always the same one."""
    text = json.dumps(data, sort_keys=True)
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]


def arrived(before: Data, after: Data) -> list[str]:
    """The paths of data that is new, changed or gone."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def refusal(came: list[str], moved: Mapping[str, list[str]], remade: bool, word: str) -> str:
    """Why nothing is to be proposed, as Markdown; empty if something is.

    ``moved`` are the stages whose entry in dvc.lock has changed, each with its changed inputs;
    ``remade`` is whether one made other bytes; ``word`` is the answer of challenger against
    champion. New data is proposed whatever the model does with it.
    """
    if moved and not remade:  # a source written anew, with the same rows
        same = ", ".join(map(term, came)) or "what dvc.lock lacked"
        return f"the pipeline makes the same of {same}"
    if came:
        return ""
    if not moved:
        return "no new data has come, and dvc.lock is fresh"
    if not any(moved.values()):
        names = ", ".join(map(term, moved))
        return f"no new data has come; {names} gave other bytes here from the same inputs"
    return "" if word in GOOD else f"no new data has come, and what dvc.lock lacked is {word}"
