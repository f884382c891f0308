"""Take one output of a revision into a file or folder, without touching the workspace."""

import argparse
import tempfile
from pathlib import Path, PurePosixPath
from typing import NoReturn

from strata import git
from strata.core.errors import Fault
from strata.dvc.revision import Revision
from strata.dvc.store import hash_of, opened
from strata.git import refs
from strata.restore import proof
from strata.restore.obtain import ensure_cached
from strata.restore.workspace import copy


def run(args: argparse.Namespace) -> int:
    """Get an output: 0 if it is proven, else 1. Never overwrites a file."""
    root = git.top()
    commit = refs.commit_of(args.revision, root)
    if args.output.exists():
        raise Fault(f"{args.output} exists; name another file, or remove it first")
    with opened(root) as store:
        revision = Revision(store, commit)
        out = revision.output(args.path) or missing(revision, args.path, args.revision)
        inside = (
            "" if args.path == out.path else str(PurePosixPath(args.path).relative_to(out.path))
        )
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with (
            ensure_cached(store, revision, [out], args.rebuild) as (item,),
            tempfile.TemporaryDirectory(dir=args.output.parent) as folder,
        ):
            if item.clone and item.differing and not proof.same_metrics(revision, item.clone):
                return 1
            part = Path(folder) / "part"
            if item.differing and item.clone:
                copy(item.differing / inside, part, item.clone)
            else:
                store.place(out, part, inside)
            files = {} if item.differing else store.listing(out)
            expected = files[inside] if inside and files else out.hash
            same = hash_of(part, out.kind) == expected
            part.rename(args.output)
    print(proof.table([(args.path, item.source, expected[:8], proof.verdict(same))]))
    return 0 if same or item.differing else 1


def missing(revision: Revision, path: str, name: str) -> NoReturn:
    """Raise Fault with the outputs that there are, or why they cannot be read."""
    raise Fault(
        f"{path} is not an output of {name}, which has "
        + (", ".join(out.path for out in revision.outputs) or "none")
        + f"; for a file in Git: git show {name}:{path}"
    )
