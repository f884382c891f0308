"""Tags in GTO's form: ``model@v1.2.0`` is a version, ``model#prod#1`` puts one into a stage.

An exclamation mark takes either back, ``model@deprecated`` all. The form is that of gto 1.10
(https://github.com/iterative/gto), whose import takes as long as a whole command; a test holds
these functions against it.
"""

import re
from dataclasses import dataclass
from typing import Any

NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9\-/_]*[a-zA-Z0-9])?"
FULL_NAME = rf"(?:[a-zA-Z0-9\-_./]+{{}})?{NAME}"  # a folder, what follows it, and the name
NUMBER, WORD = "(?:0|[1-9][0-9]*)", "[0-9a-zA-Z-]+"
PART = rf"(?:{NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
VERSION = rf"v{NUMBER}\.{NUMBER}\.{NUMBER}(?:-{PART}(?:\.{PART})*)?(?:\+{WORD}(?:\.{WORD})*)?"
TAG = re.compile(
    rf"(?P<model>{FULL_NAME.format('=')})"
    rf"(?:(?:#(?P<stage>{NAME})|@(?P<version>{VERSION}))(?P<back>!?)|@(?P<word>deprecated|created))"
    r"(?:#(?P<counter>[0-9]+))?"
)
FIRST = {"major": "v1.0.0", "minor": "v0.1.0", "patch": "v0.0.1"}


@dataclass(frozen=True)
class Event:
    """What a tag says of a model: it has a version, or is in a stage; or no more, if ``back``."""

    model: str
    version: str | None
    stage: str | None
    back: bool
    is_deprecated: bool
    counter: int


def parse(tag: str) -> Event | None:
    """What a tag says; None for one that is not in GTO's form."""
    match = TAG.fullmatch(tag)
    if not match:
        return None
    return Event(
        match["model"].replace("=", ":"),
        match["version"],
        match["stage"],
        match["back"] == "!",
        match["word"] == "deprecated",
        int(match["counter"] or 0),
    )


def prefix(model: str) -> str:
    """What the tags of a model begin with: no tag can have the colon that follows a folder."""
    return model.replace(":", "=")


def is_model(name: str) -> bool:
    """Whether a tag can name this model."""
    return bool(re.fullmatch(FULL_NAME.format(":"), name))


def is_stage(name: str) -> bool:
    """Whether a tag can name this stage."""
    return bool(re.fullmatch(NAME, name))


def order(version: str) -> Any:
    """The sort key of a version: see semver.org."""
    from semver import Version

    return Version.parse(version.removeprefix("v"))


def bumped(versions: list[str], how: str) -> str:
    """The next major, minor or patch version."""
    if not versions:
        return FIRST[how]
    return f"v{getattr(max(map(order, versions)), f'bump_{how}')()}"
