"""Run the pipelines of a revision from scratch, and compare each output with its dvc.lock."""

import argparse

from strata import git
from strata.core.texts import listed
from strata.dvc.revision import Revision
from strata.dvc.store import hash_of, opened
from strata.git import refs
from strata.restore import proof
from strata.restore.checkout import rebuilt


def run(args: argparse.Namespace) -> int:
    """Verify a revision: 0 if all that its stages make has the hash that it names, else 1.

    What no stage makes (imports, .dvc files, frozen stages) is listed as not executed, and proves
    nothing either way.
    """
    root = git.top()
    commit = refs.commit_of(args.revision, root)
    rows, notes, proven, idle = [], list[str](), True, 0
    with opened(root) as store:
        revision = Revision(store, commit)
        outs = revision.outputs
        if all(stage.frozen for stage in revision.stages.values()):
            print(f"{args.revision} ({commit[:7]}) has no stage to run: nothing was verified")
            return 1
        with rebuilt(store, revision, None) as folder:
            for out in outs:
                if not out.is_rebuildable:
                    idle += 1
                    rows.append((out.path, "not executed", out.hash[:8], "–"))
                    continue
                same = hash_of(folder / out.path, out.kind, folder) == out.hash
                proven &= same
                rows.append((out.path, "executed", out.hash[:8], proof.verdict(same)))
                names = [] if same else proof.differing(revision, out, folder)
                notes += [f"  in {out.path}: {listed(names)}"] if names else []
            for path in git.edits(folder, untracked=False):  # what Git keeps, and dvc.lock itself
                proven = False
                rows.append((path, "executed", "in Git", proof.verdict(False)))
            print(proof.table(rows))
            print("\n".join(notes), end="\n" if notes else "")
            if not proven:
                proof.same_metrics(revision, folder)
    rest = f"; {idle} not executed, so not proven" if idle else ""
    name = f"{args.revision} ({commit[:7]})"
    print(f"{name} {'reproduces' if proven else 'does NOT reproduce: see the table'}{rest}")
    return 0 if proven else 1
