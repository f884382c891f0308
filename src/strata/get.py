"""Take one output of a revision into a file or folder, without touching the workspace."""

import argparse
import tempfile
from pathlib import Path, PurePosixPath

from strata import obtain, proof, repository
from strata.fault import Fault
from strata.outputs import Output, hash_of, outputs_at
from strata.restore import compare, replace, verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revision", help="a tag, branch, commit or experiment")
    parser.add_argument("path", help="an output, such as models/model.joblib")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to put it")
    parser.add_argument(
        "--rebuild", action="store_true", help="do not ask the remote: run the pipeline instead"
    )


def run(args: argparse.Namespace) -> int:
    """Get an output: 0 if it is proven, else 1. Never writes over what is there."""
    root = repository.top()
    commit = repository.commit_of(args.revision)
    if args.output.exists():
        raise Fault(f"{args.output} exists; name another file, or remove it first")
    outs = outputs_at(commit)
    out = which(outs, args.path, args.revision)
    inside = str(PurePosixPath(args.path).relative_to(out.path)) if args.path != out.path else ""
    wanted = [one for one in outs if one == out or not one.made]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with (
        obtain.obtained(root, commit, wanted, args.rebuild) as found,
        repository.opened(root) as repo,
        tempfile.TemporaryDirectory(dir=args.output.parent) as folder,
    ):
        item = next(item for item in found if item.output == out)
        part = Path(folder) / "part"
        if item.differing:
            replace(part, item.differing / inside)
        else:
            obtain.place(repo, out, part, inside)
        expected = obtain.listed(repo, out)[inside] if inside and not item.differing else out.hash
        same = hash_of(part) == expected
        part.rename(args.output)
        print(proof.table([(args.path, item.source, expected[:8], verdict(same))]))
        return 0 if same or (item.differing and compare(root, commit, found)) else 1


def which(outs: list[Output], path: str, revision: str) -> Output:
    """The output that is, or holds, a path. Raises Fault with those there are if none does."""
    for out in outs:
        if PurePosixPath(path).is_relative_to(out.path):
            return out
    raise Fault(
        f"{path} is not an output of {revision}, which has "
        + (", ".join(out.path for out in outs) or "none")
        + f"; a file of Git's: git show {revision}:{path}"
    )
