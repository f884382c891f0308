"""Run the pipeline of a revision from scratch, and compare each output with its dvc.lock."""

import argparse

from strata import proof, repository
from strata.outputs import hash_of, outputs_at
from strata.rebuild import rebuilt
from strata.restore import verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revision", nargs="?", default="HEAD", help="the last commit if not given")


def run(args: argparse.Namespace) -> int:
    """Verify a revision: 0 if all that it makes is, byte by byte, what it names, else 1."""
    root = repository.top()
    commit = repository.commit_of(args.revision)
    outs = outputs_at(commit)
    rows, proven = [], True
    with rebuilt(root, commit, outs, force=True) as folder:
        for out in outs:
            same = hash_of(folder / out.path) == out.hash
            proven &= same
            source = "executed" if out.made else "cache"
            rows.append((out.path, source, out.hash[:8], verdict(same)))
        # Outputs that Git keeps are compared by Git, and dvc.lock with them.
        for change in repository.changes(folder):
            proven = False
            rows.append((change[3:], "executed", "in Git", verdict(False)))
    print(proof.table(rows))
    name = f"{args.revision} ({commit[:7]})"
    print(f"{name} {'reproduces' if proven else 'does NOT reproduce: see the table'}")
    return 0 if proven else 1
