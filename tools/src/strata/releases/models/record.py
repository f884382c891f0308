"""All that a repository says of its models: releases, the metrics of its main line, experiments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from strata import git
from strata.compare.evidence import PLACE, usual_headline
from strata.compare.scoring import parts
from strata.core.errors import Fault
from strata.core.settings import names_in
from strata.core.values import Change, Leaves, changes
from strata.dvc import registry
from strata.dvc.registry import Release
from strata.dvc.revision import Revision
from strata.dvc.store import Store
from strata.git import refs
from strata.releases import history
from strata.releases.history import Point
from strata.releases.models.figures import metrics_of
from strata.releases.models.forge import Forge, forge_of

POINTS, TRIALS, VALUES = 500, 30, 12  # how many of each are shown


@dataclass(frozen=True)
class Version:
    """A release: its metrics (None: unreadable), its tag's text, its card's path and text.

    ``unread`` is why the card is not there, if it cannot be read.
    """

    release: Release
    metrics: Leaves | None
    decision: str
    card: tuple[str, str] | None
    unread: str = ""


@dataclass(frozen=True)
class Model:
    """A model and its versions, the newest first; and the tags that do not count, with reasons."""

    name: str
    versions: list[Version]
    uncounted: dict[str, str]

    @property
    def now(self) -> dict[str, Version]:
        """The version in each stage, prod first."""
        found = {stage: v for v in self.versions[::-1] for stage in v.release.stages}
        return dict(sorted(found.items(), key=lambda item: (item[0] != "prod", item[0])))


@dataclass(frozen=True)
class Trial:
    """An experiment of DVC's; what it changed is None if that cannot be read."""

    name: str
    commit: str
    base: str
    base_commit: str
    metrics: Leaves | None
    params: list[Change] | None


@dataclass(frozen=True)
class Record:
    """What the page shows; ``older`` and ``more`` count the points and trials left out."""

    branch: str
    line: list[git.Commit]
    shallow: bool
    prefix: str
    forge: Forge | None
    headline: str
    others: list[str]
    models: list[Model]
    points: list[Point]
    older: int
    trials: list[Trial]
    more: int


def read(store: Store, model: str | None) -> Record:
    """Read it of the default branch, or of what is checked out where there is none.

    Raises Fault if there is no commit, no such model, or the settings cannot be read.
    """
    root = store.root
    branch, commit = refs.main_line(root)
    tip = Revision(store, commit)
    named = sorted({*tip.models.values(), *registry.names(root)})
    if model and model not in named:
        raise Fault(f"no model {model} is known; there is {', '.join(named) or 'none'}")
    models = [_model(store, name) for name in ([model] if model else named)]
    line = git.first_parents(root, commit)
    points = history.points(store, line)
    headline = _headline(tip, points)
    bases = {refs.commit_of("HEAD", root): "HEAD", line[-1].hash: branch}
    bases |= {v.release.commit: v.release.tag for m in models for v in m.versions[::-1]}
    trials = [one for one in refs.experiments(root) if one.base in bases]
    return Record(
        branch=branch,
        line=line,
        shallow=git.is_shallow(root),
        prefix=git.git("rev-parse", "--show-prefix", root=root),
        forge=forge_of(refs.url(root)),
        headline=headline,
        others=_others(headline, points),
        models=models,
        points=points[-POINTS:],
        older=max(0, len(points) - POINTS),
        trials=_trials(store, trials[:TRIALS], bases),
        more=max(0, len(trials) - TRIALS),
    )


def _headline(tip: Revision, points: list[Point]) -> str:
    """The metric that decides, by the settings of a commit; else the usual one of the last metrics
    that can be read."""
    set_one = names_in(tip.settings("report"), "headline", PLACE)
    last = next((point.metrics for point in points[::-1] if point.metrics is not None), {})
    return set_one[0] if set_one else usual_headline(last)


def _others(headline: str, points: list[Point]) -> list[str]:
    """The other metrics of the headline's split, in the order in which files have them."""
    names = dict.fromkeys(name for point in points[::-1] for name in point.metrics or {})
    errors = {f"{name}_se" for name in names}
    split = parts(headline)[0] if headline else None
    alike = [name for name in names if split is None or parts(name)[0] == split]
    return [name for name in alike if name not in {headline, *errors}][:VALUES]


def _model(store: Store, name: str) -> Model:
    known = registry.releases(store.root, name)
    texts = git.tag_texts(store.root, [release.tag for release in known])
    versions = [_version(store, release, texts) for release in known]
    return Model(name, versions, registry.uncounted(store.root, name))


def _version(store: Store, release: Release, texts: Mapping[str, str]) -> Version:
    revision = Revision(store, release.commit)
    decision = re.sub(rf"^{re.escape(release.model)}(\n+|$)", "", texts.get(release.tag, ""))
    card, unread = None, ""
    try:
        card = _card(revision, release.model)
    except Fault as fault:
        unread = str(fault)
    return Version(release, metrics_of(revision), decision, card, unread)


def _card(revision: Revision, model: str) -> tuple[str, str] | None:
    """The README beside a model, at that commit, if there is one. Raises Fault."""
    at = next((path for path, name in revision.models.items() if name == model), None)
    card = str(PurePosixPath(at).parent / "README.md") if at else ""
    return (card, revision.text(card)) if card and revision.is_file(card) else None


def _trials(store: Store, found: list[refs.Experiment], bases: Mapping[str, str]) -> list[Trial]:
    params: dict[str, Leaves] = {}
    trials = []
    for one in found:
        this = Revision(store, one.commit)
        try:
            if one.base not in params:
                params[one.base] = Revision(store, one.base).params
            changed = changes(params[one.base], this.params)
        except Fault:
            changed = None
        base = bases[one.base]
        trials.append(Trial(one.name, one.commit, base, one.base, metrics_of(this), changed))
    return trials
