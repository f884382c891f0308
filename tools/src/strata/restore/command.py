"""Bring the state of a revision into the workspace, and prove it."""

import argparse
import sys

from strata import git
from strata.core.texts import listed
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata.restore import proof, workspace
from strata.restore.checkout import same_pins
from strata.restore.obtain import Obtained, ensure_cached


def run(args: argparse.Namespace) -> int:
    """Restore a revision: 0 if all of it is there and proven, else 1.

    The workspace is not touched before the cache has all outputs.
    """
    root = git.top()
    name = workspace.previous(root) if args.revision == "-" else args.revision
    named = refs.resolve(name, root)  # once: what the name means may change meanwhile
    commit = named.commit
    old, head = refs.here(root), refs.commit_of("HEAD", root)
    with opened(root) as store:
        target = Revision(store, commit)
        workspace.refuse_to_lose(store, target)
        same = same_pins(root, target)
        try:
            with ensure_cached(store, target, target.outputs, args.rebuild) as items:
                if not acceptable(target, items):
                    print(proof.table([proof.row(item) for item in items]))
                    print(f"nothing was restored: the workspace is at {old}, as it was")
                    return 1
                workspace.move(store, target, named.branch or commit, items)
        except KeyboardInterrupt:
            print(f"the workspace is at {old}, as it was", file=sys.stderr)
            raise
    if items:
        print(proof.table([proof.row(item) for item in items]))
    else:
        print("DVC keeps nothing for this revision: its files are all in Git")
    now = f"{refs.short(name)} ({commit[:7]})"
    back = f"; `strata restore -` goes back to {old}" if commit != head else ""
    print(f"the workspace is at {now}{back}")
    if lagging := git.changes(root, untracked=False):
        print(
            f"not at the commit that it names: {listed(lagging)}; `git submodule update --init` "
            "brings submodules"
        )
    if not same:
        print("it pins other packages than the one you left: set them up before you run stages")
    return 0


def acceptable(target: Revision, items: list[Obtained]) -> bool:
    """Whether what was rebuilt with other bytes is, by its metrics, the same model."""
    item = next((item for item in items if item.differing), None)
    return item is None or item.clone is None or proof.same_metrics(target, item.clone)
