"""Bring the state of a revision into the workspace, and prove it."""

import argparse
import sys

from strata import git, workspace
from strata.checkout import same_pins
from strata.obtain import Obtained, obtained
from strata.restore import proof
from strata.revision import Revision
from strata.store import hash_of, opened


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revision", help="a tag, branch, commit or experiment; - for the last one")
    parser.add_argument(
        "--rebuild", action="store_true", help="do not ask the remote: run the pipeline instead"
    )


def run(args: argparse.Namespace) -> int:
    """Restore a revision: 0 if every output is proven, else 1.

    The outputs are brought into the cache first. Only then is the workspace touched, and if that
    fails or is interrupted, it is put back.
    """
    root = git.top()
    name = workspace.previous(root) if args.revision == "-" else args.revision
    commit = git.commit_of(name, root)
    old = git.position(root)
    with opened(root) as store:
        target, here = Revision(store, commit), Revision(store, git.commit_of("HEAD", root))
        outs = target.outputs
        workspace.refuse_to_lose(store, here, target)
        workspace.keep(store, here)
        same = same_pins(root, target)
        try:
            with obtained(store, target, outs, args.rebuild) as found:
                if not acceptable(target, found):
                    print(proof.table([proof.row(item) for item in found]))
                    print(f"nothing was restored: the workspace is at {old}, as it was")
                    return 1
                workspace.move(store, here, name, found)
        except KeyboardInterrupt:
            now = git.position(root)
            print(f"interrupted; the workspace is at {now}, whole", file=sys.stderr)
            return 130
        proven = report(target, found)
    print(f"the workspace is at {name} ({commit[:7]}); `strata restore -` goes back to {old}")
    if not same:
        print("it pins other packages than the state you left: set them up before you run stages")
    return 0 if proven else 1


def acceptable(target: Revision, found: list[Obtained]) -> bool:
    """Whether what was rebuilt with other bytes is, by its metrics, the same model."""
    item = next((item for item in found if item.differing), None)
    return item is None or item.clone is None or proof.near(target, item.clone)


def report(target: Revision, found: list[Obtained]) -> bool:
    """Hash what now lies in the workspace, print the table, and tell whether all is proven."""
    rows, proven = [], True
    for item in found:
        out = item.output
        same = hash_of(target.root / out.path, out.kind) == out.hash
        proven &= same or item.differing is not None  # that was judged by its metrics before
        rows.append((out.path, item.source, out.hash[:8], proof.verdict(same)))
    if rows:
        print(proof.table(rows))
    else:
        print("DVC keeps nothing for this revision: its files are all in Git")
    return proven
