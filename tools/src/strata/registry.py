"""The releases of models: Git tags in GTO's form, ``model@v1.2.0`` and ``model#prod#1``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from strata import git
from strata.errors import Fault, first_line
from strata.revision import Revision

FIRST = {"major": "v1.0.0", "minor": "v0.1.0", "patch": "v0.0.1"}


@dataclass(frozen=True)
class Release:
    """A version of a model, and the stages that it is in now."""

    model: str
    version: str
    commit: str
    stages: list[str]
    at: datetime
    tag: str

    @property
    def name(self) -> str:
        return f"{self.model} {self.version}"


@contextmanager
def _faults() -> Iterator[Any]:
    import gto.api
    from gto.exceptions import GTOException

    try:
        yield gto.api
    except GTOException as error:
        raise Fault(first_line(error)) from None


def names(root: Path) -> list[str]:
    """The models that have a release. Raises Fault if tags cannot be read."""
    with _faults() as gto:
        found = gto.show(str(git.top_of(root)))
    return sorted(name for name, state in found.items() if state["registered"])


def releases(root: Path, model: str) -> list[Release]:
    """The releases of a model, the newest version first. Raises Fault if tags cannot be read."""
    place = str(git.top_of(root))
    with _faults() as gto:
        known = model in gto.show(place)
        rows = gto.show(place, model, registered_only=True) if known else []
    found = [
        Release(
            model,
            row["version"],
            row["commit_hexsha"],
            [stage["stage"] for stage in row["stages"] if stage["is_active"]],
            row["created_at"],
            row["ref"],
        )
        for row in rows
        if row["registrations"]
    ]
    return sorted(found, key=lambda release: _numbers(release.version), reverse=True)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.removeprefix("v").split(".")[:3]]


def register(root: Path, model: str, commit: str, how: str, message: str) -> str:
    """Tag a commit as a version of a model: one of FIRST, or the next major, minor or patch.

    Returns the tag. Raises Fault.
    """
    next_one: dict[str, Any] = {f"bump_{how}": True} if how in FIRST else {"version": how}
    with _faults() as gto:
        tag = gto.register(str(git.top_of(root)), model, commit, message=message, **next_one)
    return str(tag.tag)


def assign(root: Path, model: str, version: str, stage: str, message: str) -> str:
    """Tag a version as the one in a stage; the tag. Raises Fault."""
    with _faults() as gto:
        place = str(git.top_of(root))
        tag = gto.assign(place, model, stage, version=version, message=message)
    return str(tag.tag)


def prefix(model: str) -> str:
    """What the tags of a model begin with: a tag cannot have the colon that follows a folder."""
    from gto.constants import name_to_tag

    return str(name_to_tag(model))


def model_in(tag: str) -> str | None:
    """The model that a tag is a version, or a stage, of; None for another tag."""
    from gto.tag import parse_name

    name = parse_name(tag, raise_on_fail=False).get("name")
    return None if name is None else str(name)


def model_of(revision: Revision, asked: str | None) -> str:
    """The name of a revision's model: the one asked for, or its only one. Raises Fault."""
    names = sorted(revision.models.values())
    if not names:
        raise Fault(
            "dvc.yaml names no model: put it under artifacts:, with its path and `type: model`"
        )
    if asked is None and len(names) > 1:
        raise Fault(f"there are several models: name one of {', '.join(names)}")
    if asked is not None and asked not in names:
        raise Fault(f"dvc.yaml names no model {asked}; it has {', '.join(names)}")
    return asked or names[0]


def in_stage(here: Revision, stage: str) -> Release:
    """The release that is in a stage. Raises Fault if there is none."""
    model = model_of(here, None)
    if found := holder(releases(here.root, model), stage):
        return found
    raise Fault(f"no release of {model} is in the stage {stage}; `strata models` lists them")


def holder(known: list[Release], stage: str) -> Release | None:
    """The one of a model's releases that is in a stage, if one is."""
    return next((release for release in known if stage in release.stages), None)
