"""Verify a bundle without a network: its files, its signature, and what the repository says of it.

Three things have to agree: each file's hash and the manifest's; the signature and the owner of a
key; the manifest and a clone of the repository that has the tag. What cannot be checked is listed,
and never called proven.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

from strata import git
from strata.core.errors import Fault
from strata.core.texts import inert
from strata.core.trust import within
from strata.core.values import ABSENT, changes, flatten
from strata.dvc.revision import Revision
from strata.dvc.store import Store, hash_of, opened
from strata.releases.bundle import manifest, signature
from strata.releases.bundle.manifest import CARD

UNPROVEN = 4


def run(args: argparse.Namespace) -> int:
    """Verify a folder: 0 if all is proven, 1 if anything is wrong, 4 if something is not known."""
    subjects, predicate = manifest.read(args.folder)
    faults = of_files(args.folder, subjects)
    unproven: list[str] = []
    if args.public_key:
        faults += signature.faults(args.folder, args.public_key)
    elif (args.folder / signature.NAME).is_file():
        unproven.append("who made it: no --public-key")
    else:
        unproven.append("who made it: it is not signed")
    wrong, unknown = of_repository(args.folder, predicate)
    faults, unproven = faults + wrong, unproven + unknown
    for line in [*(f"refused: {why}" for why in faults), *(f"not proven: {w}" for w in unproven)]:
        print(inert(line))  # it may quote a forger
    name = inert(predicate["tag"]["name"] if predicate["tag"] else predicate["code"]["gitCommit"])
    if faults:
        print(f"{args.folder} is NOT what it says, {name}")
        return 1
    if unproven:
        print(
            f"{args.folder} says that it is {name}; nothing contradicts it, and not all is proven"
        )
        return UNPROVEN
    print(f"{args.folder} is {name}: {len(subjects)} files, their signature and the tag agree")
    return 0


def of_files(folder: Path, subjects: dict[str, str]) -> list[str]:
    """How the files differ from the manifest."""
    faults = []
    expected = {manifest.NAME, signature.NAME, *subjects}
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(paths.items()):
        if path.is_symlink():
            faults.append(f"{name}: a symbolic link")
        elif path.is_file() and name not in expected:
            faults.append(f"{name}: not in the manifest")
    for name, oid in subjects.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name}: it is not here, and the manifest has it")
        elif hashlib.sha256(within(folder, path).read_bytes()).hexdigest() != oid:
            faults.append(f"{name}: its SHA-256 is not the manifest's")
    return faults


def of_repository(folder: Path, predicate: dict[str, Any]) -> tuple[list[str], list[str]]:
    """How the predicate differs from the repository here, and what that cannot tell."""
    try:
        root = git.top()
    except Fault as fault:
        why = "no repository here" if "not a git repository" in str(fault) else str(fault)
        return [], [f"what it was made of: {why}; verify it in a clone"]
    commit, tag = predicate["code"]["gitCommit"], predicate["tag"]
    if not git.HASH.fullmatch(commit):
        return [f"{manifest.NAME}: {commit[:80]!r} is no commit"], []
    name, unproven = commit, []
    if not tag:
        unproven.append("that it was released: the manifest names no tag")
    elif here := manifest.object_of(root, tag["name"]):
        name = f"refs/tags/{tag['name']}"
        if here != tag["object"]:
            theirs = tag["object"][:9]
            return [f"tag {tag['name']}: it is {here[:9]} here, and {theirs} in the manifest"], []
    else:
        unproven.append(f"its tag: no {tag['name']} in this repository; `git fetch --tags`")
    if not git.find_commit(root, name):
        return [], [*unproven, f"what it was made of: no commit {commit[:9]} in this repository"]
    with opened(root) as store:
        wrong, unknown = of_commit(store, folder, predicate, name)
    return wrong, unproven + unknown


def of_commit(
    store: Store, folder: Path, predicate: dict[str, Any], name: str
) -> tuple[list[str], list[str]]:
    """How predicate, card and model differ from the commit of a tag, read again.

    ``name`` is the commit itself where its tag is not here.
    """
    source = manifest.source(store.root, name)
    revision, model = Revision(store, source.commit), predicate["model"]["name"]
    if model not in revision.models.values():
        return [f"{manifest.NAME}: {source.name} has no model {model}"], []
    again = manifest.predicate(revision, source, model)
    unknown = set() if source.tag else {"tag", "date"}  # which are the tag's
    mine, theirs = ({k: v for k, v in d.items() if k not in unknown} for d in (predicate, again))
    faults = [
        f"{manifest.NAME}: {each.name} is {shown(each.before)}, and {shown(each.after)} at "
        f"{source.name}"
        for each in changes(flatten(mine), flatten(theirs))
    ]
    card = again["card"]
    if card and not is_same(folder / CARD, revision.bytes(card)):
        faults.append(f"{CARD}: not the {card} of {source.name}")
    wrong, unproven = of_model(store, revision, again["model"]["path"], folder)
    return faults + wrong, unproven


def of_model(
    store: Store, revision: Revision, path: str, folder: Path
) -> tuple[list[str], list[str]]:
    """Whether the model is the one whose hash dvc.lock, or Git, has."""
    target, out = folder / Path(path).name, revision.output(path)
    fault = f"{target.name}: not the {path} of {revision.name}"
    if out is None:
        files = {name: revision.bytes(name) for name in revision.paths(path)}
        same = bool(files) and all(
            is_same(target / Path(name).relative_to(path), data) for name, data in files.items()
        )
    elif out.path == path:
        same = hash_of(target, out.kind) == out.hash
    elif store.intact(out.hash, out.kind):
        listed = {f"{out.path}/{name}": oid for name, oid in store.listing(out).items()}
        hashes = {name: oid for name, oid in listed.items() if Path(name).is_relative_to(path)}
        same = bool(hashes) and all(
            hash_of(target / Path(n).relative_to(path), out.kind) == oid
            for n, oid in hashes.items()
        )
    else:
        return [], [f"{target.name}: it is of {out.path}, whose list of files is not in the cache"]
    return ([] if same else [fault]), []


def is_same(path: Path, content: bytes) -> bool:
    """Whether a file is there and has this content."""
    return path.is_file() and path.read_bytes() == content


def shown(value: Any) -> str:
    """A value, cut to 40 characters."""
    return "absent" if value is ABSENT else str(value)[:40]
