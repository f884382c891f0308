"""Put a version that exists into a stage, or take out the one that is there.

Both are a tag in GTO's form, whose text is the decision: ``model#prod#3`` and ``model#prod!#4``. A
version was proven when it was released, so its pipeline does not run again.
"""

import argparse

from strata import git
from strata.core.errors import Fault
from strata.dvc import registry
from strata.dvc.registry import Entry, Release
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.releases.checks import check_reason, decide, elsewhere, judge, unpushed


def run(args: argparse.Namespace) -> int:
    """Promote or roll back: 0 if it is tagged, 1 if something speaks against it."""
    root, stage = git.top(), args.stage
    check_reason(args.force)
    with opened(root) as store:
        model = registry.model_of(Revision(store, refs.commit_of("HEAD", root)), args.model)
        against = elsewhere(store, model)
        entry = registry.entry(root, model)
        current = registry.holder(entry.releases, stage)
        tag = registry.next_place(root, model, stage, out=args.rollback)
        git.git("var", "GIT_COMMITTER_IDENT", root=root)  # who tags, or what to set
        if args.rollback:
            current, target = last_two(entry, current, stage)
            commit, title = current.commit, f"{stage} is {target.tag} again, not {current.tag}"
        else:
            target = version_of(entry, args.promote, stage)
            commit, title = target.commit, f"{target.tag} is {stage}"
        figures, objections = compared(store, target, current)
        against += [*objections, *unpushed(store, Revision(store, target.commit))]
        decision = decide(figures, against, args.force)
        if decision is None:
            return 1
    text = "\n".join([title, "", *decision])
    git.place_tags(root, git.tag_objects(root, commit, {tag: text}, signed=registry.signed(root)))
    print(f"{title}; to publish it:\n  git push {refs.followed(root) or 'REMOTE'} '{tag}'")
    return 0


def last_two(entry: Entry, current: Release | None, stage: str) -> tuple[Release, Release]:
    """The release that is in a stage, and the one before it. Raises Fault if one is missing."""
    if current is None:
        raise Fault(f"no release of {entry.model} is in {stage}: there is nothing to roll back")
    if target := entry.before(stage):
        return current, target
    raise Fault(
        f"no release was in {stage} before {current.name}: `strata release --promote VERSION "
        f"--stage {stage}` puts another there; `strata models` lists them"
    )


def version_of(entry: Entry, asked: str, stage: str) -> Release:
    """The release of a version, or of its tag. Raises Fault if there is none, or it is there."""
    releases = entry.releases
    known = {name: release for release in releases for name in (release.version, release.tag)}
    if not (release := known.get(asked) or known.get(f"v{asked}")):
        versions = ", ".join(release.version for release in releases) or "none"
        raise Fault(f"{entry.model} has no version {asked}; it has {versions}")
    if stage in release.stages:
        raise Fault(f"{release.name} is in {stage} already")
    return release


def compared(store: Store, target: Release, current: Release | None) -> tuple[list[str], list[str]]:
    """The figures of a release against the one in use, and what speaks against it.

    That they cannot be compared is an objection, and no error: a bad day does not wait for it.
    """
    try:
        return judge(Revision(store, target.commit), current)
    except Fault as fault:
        return [], [f"cannot be judged: {fault}"]
