"""The outputs that a revision names by hash, and the hash of what lies on disk.

Nothing here asks DVC: a proof that relied on DVC's memory of a file's time stamp would be none.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from strata import repository

BLOCK = 2**20


@dataclass(frozen=True)
class Output:
    """A file or folder that DVC keeps.

    ``path`` is from the top of the repository; ``hash`` is its MD5, with ``.dir`` behind it for a
    folder; ``made`` tells whether a stage makes it: if not, it cannot be rebuilt.
    """

    path: str
    hash: str
    made: bool


def outputs_at(revision: str) -> list[Output]:
    """All outputs that DVC keeps for a revision, from each dvc.lock and .dvc file, by path.

    Outputs that are files of Git itself (``cache: false``) are Git's to bring back.
    """
    in_git = repository.files_of(revision)
    found = []
    for name in in_git:
        path = PurePosixPath(name)
        if path.name == "dvc.lock" or path.suffix == ".dvc":
            text = repository.show(revision, name) or ""
            found += outputs_in(text, path.parent, made=path.name == "dvc.lock")
    folders = {str(parent) for name in in_git for parent in PurePosixPath(name).parents}
    known = folders | set(in_git)
    return sorted((out for out in found if out.path not in known), key=lambda out: out.path)


def outputs_in(text: str, folder: PurePosixPath, made: bool) -> list[Output]:
    """The outputs in the text of a dvc.lock (``made``) or of a .dvc file that lies in a folder."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(text) or {}
    stages = content.get("stages", {}).values() if made else [content]
    return [
        Output(str(folder / stage.get("wdir", ".") / out["path"]), out["md5"], made)
        for stage in stages
        for out in stage.get("outs", [])
        if "md5" in out
    ]


def hash_of(path: Path) -> str | None:
    """Read a file or a folder whole and return its hash as DVC writes it; None if it is absent.

    A folder's hash is that of the list of its files, sorted by path, each with its own.
    """
    if path.is_file():
        return md5_of(path)
    if not path.is_dir():
        return None
    files = [file for file in path.rglob("*") if file.is_file()]
    entries = [{"md5": md5_of(f), "relpath": f.relative_to(path).as_posix()} for f in files]
    listing = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def md5_of(path: Path) -> str:
    """The MD5 of a file's bytes, read block by block."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def children(listing: str) -> dict[str, str]:
    """The files of a folder's listing in the cache: path to hash."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(listing)}
