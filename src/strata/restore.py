"""Bring the state of a revision into the workspace, and prove it."""

import argparse
import shutil
import signal
import sys
from pathlib import Path

from strata import obtain, proof, repository
from strata.fault import Fault
from strata.outputs import Output, hash_of, outputs_at
from strata.rebuild import install, same_environment


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
    root = repository.top()
    target = previous(root) if args.revision == "-" else args.revision
    commit = repository.commit_of(target)
    old = repository.position(root)
    outs = outputs_at(commit)
    refuse_to_lose(root, outs)
    keep(root)
    same = same_environment(root, commit)
    try:
        with obtain.obtained(root, commit, outs, args.rebuild) as found:
            enter(root, target, found, old)
            proven = report(root, commit, found)
    except KeyboardInterrupt:
        now = repository.position(root)
        print(f"interrupted; the workspace is at {now}, whole", file=sys.stderr)
        return 130
    print(f"the workspace is at {target} ({commit[:7]}); `strata restore -` goes back to {old}")
    if not same:
        print("installing the environment of that revision", file=sys.stderr)
        install(root, Path(sys.prefix))
    return 0 if proven else 1


def refuse_to_lose(root: Path, outs: list[Output]) -> None:
    """Raise Fault if the workspace has work that is neither in Git nor in DVC.

    An untracked file is in nobody's way: Git leaves it alone, unless an output lies there.
    """
    current = {out.path for out in outputs_at("HEAD")}
    new = [out.path for out in outs if out.path not in current and (root / out.path).exists()]
    changes = [change for change in repository.changes(root) if not change.startswith("??")]
    changes += [f"?? {path}" for path in new]
    if changes:
        raise Fault(
            "uncommitted changes would be lost: "
            + ", ".join(change[3:] for change in changes[:5])
            + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")
            + "; commit them, `git stash` them or move them away"
        )
    with repository.opened(root) as repo:
        data = repository.data_status(repo)["uncommitted"]
    lost = [path for kind in ("modified", "added", "renamed") for path in data.get(kind, [])]
    if lost:
        raise Fault(
            f"data that DVC has not stored would be lost: {', '.join(map(str, lost[:5]))}; "
            "keep it with `dvc commit` and a commit, or drop it with `dvc checkout --force`"
        )


def previous(root: Path) -> str:
    """The branch or commit that was checked out before this one. Raises Fault if none was."""
    try:
        name = repository.git("rev-parse", "--abbrev-ref", "@{-1}", root=root)
        return name or repository.git("rev-parse", "@{-1}", root=root)
    except Fault:
        raise Fault("there is no earlier position to go back to") from None


def keep(root: Path) -> None:
    """Store the workspace's outputs in the cache, should it have lost them."""
    with repository.opened(root) as repo:
        absent = [
            out.path
            for out in outputs_at("HEAD")
            if obtain.missing(repo, out) and hash_of(root / out.path) == out.hash
        ]
    if absent:
        repository.dvc("commit", "--force", *absent, root=root)


def enter(root: Path, target: str, found: list[obtain.Obtained], old: str) -> None:
    """Check out code and outputs; put everything back if that fails or is interrupted."""
    try:
        repository.switch(root, target)
        check_out(root, [item for item in found if not item.differing])
        for item in found:
            if item.differing:
                replace(root / item.output.path, item.differing)
    except BaseException:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # this part must end
        repository.switch(root, old)
        repository.dvc("checkout", "--force", "--allow-missing", root=root)
        signal.signal(signal.SIGINT, before)
        raise


def check_out(root: Path, found: list[obtain.Obtained]) -> None:
    """Have DVC link these outputs from the cache, and make good what DVC wrongly takes for done."""
    paths = [item.output.path for item in found]
    if paths:
        repository.dvc("checkout", "--force", *paths, root=root)
    with repository.opened(root) as repo:
        for item in found:
            path = root / item.output.path
            if hash_of(path) != item.output.hash:
                remove(path)
                obtain.place(repo, item.output, path)


def replace(path: Path, source: Path) -> None:
    """Put a copy of a file or folder in place of another."""
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copyfile(source, path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def report(root: Path, commit: str, found: list[obtain.Obtained]) -> bool:
    """Hash what now lies in the workspace, print the table, and tell whether all is proven."""
    rows, proven = [], True
    for item in found:
        same = hash_of(root / item.output.path) == item.output.hash
        proven &= same
        rows.append((item.output.path, item.source, item.output.hash[:8], verdict(same)))
    print(proof.table(rows))
    differing = next((item.differing for item in found if item.differing), None)
    return proven if differing is None else compare(root, commit, found)


def verdict(same: bool) -> str:
    """The last column of the table."""
    return "ok" if same else "differs"


def compare(root: Path, commit: str, found: list[obtain.Obtained]) -> bool:
    """Where rebuilt bytes differ, compare the metrics of the rebuilt state with the committed."""
    item = next(item for item in found if item.differing)
    assert item.differing
    clone = item.differing
    for _ in Path(item.output.path).parts:
        clone = clone.parent
    same = True
    for name in repository.files_of(commit):
        before, rebuilt = repository.show(commit, name), clone / name
        if name.endswith(".json") and name.startswith("metrics/") and rebuilt.exists() and before:
            key, apart = proof.largest_difference(before, rebuilt.read_text(encoding="utf-8"))
            same &= apart <= proof.TOLERANCE
            print(
                f"The rebuilt bytes differ, as they may on another platform. {name}: the largest "
                f"difference is {apart:.2g} ({key}); the tolerance is {proof.TOLERANCE:g}: "
                + ("the same model" if same else "NOT the same model")
            )
    return same
