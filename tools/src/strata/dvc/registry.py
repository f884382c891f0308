"""The releases of models: Git tags in GTO's form, ``model@v1.2.0`` and ``model#prod#1``.

A fetch brings tags of any name, and a stage decides which code is run. So a tag counts only if its
commit is on the default branch, or one that ``branches`` in ``[tool.strata.release]`` names; where
``signed`` is set there, only if its signature is one that ``git verify-tag`` accepts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from strata import git
from strata.core.errors import Fault
from strata.core.settings import check_names, names_in, section
from strata.dvc import gto_tags
from strata.dvc.revision import Revision, parsed
from strata.git import refs

PLACE = "[tool.strata.release]"
KNOWN: dict[str, Any] = {"card": str, "export": str, "branches": (list, str), "signed": bool}
KINDS = {str: "text", (list, str): "name or a list of names", bool: "truth, true or false"}
Events = list[tuple[git.Tag, gto_tags.Event]]  # tags, each with what its name says


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


@dataclass(frozen=True)
class Placement:
    """A tag that puts a version of a model into a stage or, if ``out``, takes it out again."""

    stage: str
    version: str
    commit: str
    at: datetime
    tag: str
    out: bool


@dataclass(frozen=True)
class Entry:
    """What the tags of a model say: ``events`` of those that count, the oldest first.

    ``uncounted`` are the others, each with the reason.
    """

    model: str
    events: Events
    uncounted: dict[str, str]

    @property
    def releases(self) -> list[Release]:
        """The newest version first."""
        return _releases(self.model, self.events)

    @property
    def placements(self) -> list[Placement]:
        """What was put into the stages, and taken out, the oldest first."""
        versions = [(e.version, tag) for tag, e in self.events if e.version and not e.back]
        return [
            Placement(event.stage, version, tag.commit, tag.at, tag.name, event.back)
            for tag, event in self.events
            if event.stage and (version := _version_at(versions, tag))
        ]

    def before(self, stage: str) -> Release | None:
        """The release that is in a stage again once what is there is taken out, if any is."""
        current = holder(self.releases, stage)
        if not current:
            return None
        out = gto_tags.Event(self.model, None, stage, True, False, 0)
        after = [*self.events, (git.Tag("", current.commit, ""), out)]
        return holder(_releases(self.model, after), stage)

    def rolled_back(self, stage: str) -> list[Release]:
        """The releases that were taken out of a stage and are not in it again."""
        last = {placed.commit: placed.out for placed in self.placements if placed.stage == stage}
        return [release for release in self.releases if last.get(release.commit)]


def names(root: Path) -> list[str]:
    """The models that have a release which counts."""
    models = _tags(root)
    without = _uncounted(root, [tag.name for tags in models.values() for tag, _ in tags])
    return sorted(
        model for model, tags in models.items() if _releases(model, _counted(tags, without))
    )


def entry(root: Path, model: str) -> Entry:
    """What the tags of a model say. Raises Fault."""
    tags = _tags(root).get(model, [])
    without = _uncounted(root, [tag.name for tag, _ in tags])
    return Entry(model, _counted(tags, without), without)


def releases(root: Path, model: str) -> list[Release]:
    """The releases of a model, the newest version first."""
    return entry(root, model).releases


def _counted(tags: Events, without: Mapping[str, str]) -> Events:
    """The tags that count, the oldest first."""
    count = [(tag, event) for tag, event in tags if tag.name not in without]
    return sorted(count, key=lambda pair: (pair[0].at, pair[1].counter))


def _version_at(versions: Iterable[tuple[str, git.Tag]], tag: git.Tag) -> str | None:
    """The version that a tag puts into a stage: of several of its commit the newest one then."""
    alike = [(version, its) for version, its in versions if its.commit == tag.commit]
    then = [version for version, its in alike if its.at <= tag.at]
    return max(then or [version for version, _ in alike], key=gto_tags.order, default=None)


def _releases(model: str, events: Events) -> list[Release]:
    """The releases that a model's tags stand for, by those that count, the oldest first."""
    versions: dict[str, git.Tag] = {}
    placed: dict[tuple[str, str], git.Tag] = {}  # by stage and commit
    for tag, event in events:
        if event.version:
            versions.pop(event.version, None)
            if not event.back:
                versions[event.version] = tag
        elif event.stage:
            placed.pop((event.stage, tag.commit), None)
            if not event.back:
                placed[event.stage, tag.commit] = tag
    if events and events[-1][1].is_deprecated:
        return []
    holders: dict[str, str] = {}  # the version in each stage: of its newest tag
    for (stage, _), tag in placed.items():
        if version := _version_at(versions.items(), tag):
            holders[stage] = version
    return [
        Release(
            model,
            version,
            versions[version].commit,
            sorted(stage for stage, holder in holders.items() if holder == version),
            versions[version].at,
            versions[version].name,
        )
        for version in sorted(versions, key=gto_tags.order, reverse=True)
    ]


def _tags(root: Path) -> dict[str, Events]:
    """The tags of each model, with what each says."""
    models: dict[str, Events] = {}
    for tag in git.tags(root):
        if event := gto_tags.parse(tag.name):
            models.setdefault(event.model, []).append((tag, event))
    return models


def _uncounted(root: Path, tags: Sequence[str]) -> dict[str, str]:
    """The tags that do not count. Git is asked once for all: a fetch may bring many."""
    if not tags:
        return {}
    settings = checked(section(root, "release"))
    if settings.get("signed"):
        why = "it has no signature that `git verify-tag` accepts"
        return {name: why for name in tags if not _is_signed(root, name)}
    why = f"its commit is not on {_places(root, settings)}"
    inside = _contained(root, settings)
    return {name: why for name in tags if name not in inside}


def _is_signed(root: Path, tag: str) -> bool:
    return git.succeeds("verify-tag", refs.TAGS + tag, root=root)


def _branches(root: Path, settings: dict[str, Any]) -> list[str]:
    """The project's own branches, by full names, those that the settings name among them."""
    return refs.own_branches(root, names_in(settings, "branches", PLACE))


def _contained(root: Path, settings: dict[str, Any]) -> set[str]:
    """The tags whose commits are on the project's own branches."""
    how = ("for-each-ref", "--format=%(refname)")
    branches = _branches(root, settings)
    merged = (git.lines(*how, "--merged", at, refs.TAGS, root=root) for at in branches)
    return {ref.removeprefix(refs.TAGS) for some in merged for ref in some}


def _places(root: Path, settings: dict[str, Any]) -> str:
    """The project's own branches, in words."""
    others = names_in(settings, "branches", PLACE)
    branches = [*map(refs.short, refs.own_branches(root)), *others]
    shallow = " as far as this shallow clone has it (git fetch --unshallow)"
    return " or ".join(dict.fromkeys(branches)) + shallow * git.is_shallow(root)


def missing_from(root: Path, commit: str) -> str:
    """What keeps a tag of a commit from counting now; empty if nothing does. Raises Fault."""
    settings = checked(section(root, "release"))
    branches = _branches(root, settings)
    contain = ("merge-base", "--is-ancestor", commit)
    if settings.get("signed") or any(git.succeeds(*contain, at, root=root) for at in branches):
        return ""
    return f"the release counts once {_places(root, settings)} has this commit: merge it first"


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """``[tool.strata.release]``, if all of it is known and of its type. Raises Fault."""
    check_names(settings, KNOWN, PLACE)
    for key, value in settings.items():
        if not isinstance(value, KNOWN[key]):
            raise Fault(f"{PLACE}: {key} must be a {KINDS[KNOWN[key]]}")
    names_in(settings, "branches", PLACE)
    return settings


def signed(root: Path) -> bool:
    """Whether only signed tags count. Raises Fault for settings that are wrong."""
    return bool(checked(section(root, "release")).get("signed"))


def next_tags(root: Path, model: str, how: str, stage: str) -> tuple[str, str]:
    """The tags of a model's next major, minor or patch version, and of its place in a stage.

    Raises Fault as ``next_place`` does.
    """
    place, mine = next_place(root, model, stage), _events(root, model)
    version = gto_tags.bumped([event.version for event in mine if event.version], how)
    return f"{gto_tags.prefix(model)}@{version}", place


def next_place(root: Path, model: str, stage: str, *, out: bool = False) -> str:
    """The next tag that puts a model into a stage or, if ``out``, takes it out.

    Raises Fault for a model or a stage that no tag can name, or that ``.gto`` does not allow.
    """
    for what, name, is_valid in (
        ("model", model, gto_tags.is_model(model)),
        ("stage", stage, gto_tags.is_stage(stage)),
    ):
        if not is_valid:
            raise Fault(
                f"{what} {name!r}: letters, digits, -, _ and /, with a letter or digit at both ends"
            )
    if (allowed := _stages(git.toplevel(root))) is not None and stage not in allowed:
        raise Fault(f"stage {stage!r}: .gto allows {', '.join(allowed) or 'none'}")
    count = max((event.counter for event in _events(root, model)), default=0)
    return f"{gto_tags.prefix(model)}#{stage}{'!' * out}#{count + 1}"


def _events(root: Path, model: str) -> list[gto_tags.Event]:
    """What all tags of a model say, those among them that were taken back or have no message.

    So that no name is given twice.
    """
    events = [event for name in git.lines("tag", root=root) if (event := gto_tags.parse(name))]
    return [event for event in events if event.model == model]


def _stages(top: Path) -> list[str] | None:
    """The stages that GTO's own settings allow; None for any. Raises Fault if they are broken."""
    file = top / ".gto"
    if not file.exists():
        return None
    settings = parsed(file.read_bytes(), ".gto") or {}
    if not isinstance(settings, dict) or not isinstance(settings.get("stages"), list | None):
        raise Fault(".gto: stages must be a list of names")
    return (
        [str(name) for name in settings["stages"]] if settings.get("stages") is not None else None
    )


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
    known = entry(here.root, model)
    if current := holder(known.releases, stage):
        return current
    for tag, why in known.uncounted.items():
        if (event := gto_tags.parse(tag)) and event.stage == stage:
            raise Fault(
                f"no release of {model} is in the stage {stage}; {tag} does not count: {why}"
            )
    raise Fault(f"no release of {model} is in the stage {stage}; `strata models` lists them")


def holder(known: list[Release], stage: str) -> Release | None:
    """The one of a model's releases that is in a stage, if one is."""
    return next((release for release in known if stage in release.stages), None)
