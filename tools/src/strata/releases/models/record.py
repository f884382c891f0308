"""All that a repository says of its models: releases, the metrics of its main line, experiments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from strata import git
from strata.compare.evidence import PLACE, usual_headline
from strata.compare.scoring import parts
from strata.core.errors import Fault
from strata.core.settings import names_in
from strata.core.values import Change, Leaves, changes, is_error
from strata.dvc import registry
from strata.dvc.registry import Release
from strata.dvc.revision import Revision
from strata.dvc.store import Store
from strata.git import refs
from strata.releases import history
from strata.releases.bundle.manifest import card_of
from strata.releases.history import Point
from strata.releases.models.figures import metrics_of
from strata.releases.models.forge import Forge, forge_of

POINTS, EXPERIMENTS, VALUES = 500, 30, 12  # how many of each are shown


@dataclass(frozen=True)
class Version:
    """A release: its metrics (None: unreadable), its tag's text, its card's path and text.

    ``unread`` says why the card cannot be read, if so.
    """

    release: Release
    metrics: Leaves | None
    decision: str
    card: tuple[str, str] | None
    unread: str = ""


@dataclass(frozen=True)
class Model:
    """A model and its versions, the newest first; and the tags that do not count, and why."""

    name: str
    versions: list[Version]
    uncounted: dict[str, str]

    @property
    def now(self) -> dict[str, Version]:
        """The version in each stage, prod first."""
        current = {stage: v for v in self.versions[::-1] for stage in v.release.stages}
        return dict(sorted(current.items(), key=lambda item: (item[0] != "prod", item[0])))


@dataclass(frozen=True)
class Experiment:
    """An experiment of DVC's; ``params`` are those it changes, or None if they cannot be read."""

    name: str
    commit: str
    base: str
    base_commit: str
    metrics: Leaves | None
    params: list[Change] | None


@dataclass(frozen=True)
class Record:
    """What the page shows; ``older`` and ``more`` count the points and experiments left out."""

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
    experiments: list[Experiment]
    more: int


def read(store: Store, model: str | None) -> Record:
    """The record of the default branch, or where there is none of what is checked out.

    Raises Fault if there is no commit, no such model, or the settings cannot be read.
    """
    root = store.root
    branch, commit = refs.main_line(root)
    tip = Revision(store, commit)
    names = sorted({*tip.models.values(), *registry.names(root)})
    if model and model not in names:
        raise Fault(f"no model {model} is known; there is {', '.join(names) or 'none'}")
    models = [_model(store, name) for name in ([model] if model else names)]
    line = git.first_parents(root, commit)
    points = history.points(store, line)
    headline = _headline(tip, points)
    bases = {refs.commit_of("HEAD", root): "HEAD", line[-1].hash: branch}
    bases |= {v.release.commit: v.release.tag for m in models for v in m.versions[::-1]}
    experiments = [each for each in refs.experiments(root) if each.base in bases]
    return Record(
        branch=branch,
        line=line,
        shallow=git.is_shallow(root),
        prefix=git.prefix(root),
        forge=forge_of(refs.url(root)),
        headline=headline,
        others=_others(headline, points),
        models=models,
        points=points[-POINTS:],
        older=max(0, len(points) - POINTS),
        experiments=_experiments(store, experiments[:EXPERIMENTS], bases),
        more=max(0, len(experiments) - EXPERIMENTS),
    )


def _headline(tip: Revision, points: list[Point]) -> str:
    """The metric that decides, by the settings of a commit; else the usual one of the last metrics
    that can be read."""
    names = names_in(tip.settings("report"), "headline", PLACE)
    last = next((point.metrics for point in points[::-1] if point.metrics is not None), {})
    return names[0] if names else usual_headline(last)


def _others(headline: str, points: list[Point]) -> list[str]:
    """The other metrics of the headline's split, in the order in which files have them."""
    names = dict.fromkeys(name for point in points[::-1] for name in point.metrics or {})
    split = parts(headline)[0] if headline else None
    others = [name for name in names if split is None or parts(name)[0] == split]
    return [name for name in others if name != headline and not is_error(name, names)][:VALUES]


def _model(store: Store, name: str) -> Model:
    entry = registry.entry(store.root, name)
    texts = git.tag_texts(store.root, [release.tag for release in entry.releases])
    versions = [_version(store, release, texts) for release in entry.releases]
    return Model(name, versions, entry.uncounted)


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
    """The path and the text of a model's card at that commit, if it has one. Raises Fault."""
    path = next((path for path, name in revision.models.items() if name == model), None)
    card = card_of(revision, path) if path else None
    return (card, revision.text(card)) if card else None


def _experiments(
    store: Store, experiments: list[refs.Experiment], bases: Mapping[str, str]
) -> list[Experiment]:
    params: dict[str, Leaves] = {}
    shown = []
    for each in experiments:
        this = Revision(store, each.commit)
        try:
            if each.base not in params:
                params[each.base] = Revision(store, each.base).params
            changed = changes(params[each.base], this.params)
        except Fault:
            changed = None
        base = bases[each.base]
        shown.append(Experiment(each.name, each.commit, base, each.base, metrics_of(this), changed))
    return shown
