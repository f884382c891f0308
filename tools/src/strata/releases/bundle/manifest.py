"""The manifest of a bundle: an in-toto Statement (v1) about each file, with what they came from.

Its predicate is a function of the repository at a tag and of nothing else, so that who has a clone
can make it again and compare.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from strata import git
from strata.core import trust
from strata.core.errors import Fault
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.git import refs
from strata.restore.checkout import DEV_LOCK

NAME = "manifest.json"
CARD = "README.md"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://dvc-strata/release/v1"


@dataclass(frozen=True)
class Source:
    """The revision that a bundle is of.

    ``tag`` is its name if it is a tag, else empty, and ``object`` what that tag is: a tag object,
    or of one without annotation the commit. ``date``, in UTC, is the tag's, else the commit's.
    """

    name: str
    commit: str
    tree: str
    tag: str
    object: str
    date: str


def source(root: Path, name: str) -> Source:
    """The revision of a name. Raises Fault if there is none."""
    named = refs.resolve(name, root)
    commit, tag = named.commit, named.tag or ""
    if tag:
        how = ("for-each-ref", "--count=1", "--format=%(creatordate:iso-strict)")
        when = git.git(*how, refs.TAGS + tag, root=root)
    else:
        when = git.git("log", "-1", "--format=%cI", commit, root=root)
    date = datetime.fromisoformat(when).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tree = git.git("rev-parse", f"{commit}^{{tree}}", root=root)
    return Source(tag or name, commit, tree, tag, object_of(root, tag) if tag else "", date)


def object_of(root: Path, tag: str) -> str:
    """The object of a tag, or without annotation its commit; empty if there is no such tag."""
    how = ("show-ref", "--verify", "--hash")  # exactly this one, be it x^{commit}
    return git.run(*how, refs.TAGS + tag, root=root).stdout.decode().strip()


def predicate(revision: Revision, source: Source, model: str) -> dict[str, Any]:
    """What the files of a bundle came from, in values that JSON has.

    Raises Fault if the revision cannot be read.
    """
    path = next(path for path, name in revision.models.items() if name == model)
    output = revision.output(path)
    command = settings(revision).get("export")
    exports = command is not None and revision.is_file(DEV_LOCK)  # which it may import from
    pins = [*revision.pin_files, *([DEV_LOCK] if exports else [])]
    return {
        "tag": {"name": source.tag, "object": source.object} if source.tag else None,
        "date": source.date,
        "code": {
            "gitCommit": source.commit,
            "gitTree": source.tree,
            "folder": git.prefix(revision.root).rstrip("/"),
        },
        "model": {
            "name": model,
            "path": path,
            "output": output.path if output else None,  # None: Git keeps it
            "hash": output.hash if output else None,
            "kind": output.kind if output else None,
        },
        "data": {
            out.path: {"hash": out.hash, "kind": out.kind}
            for out in revision.outputs
            if out is not output
        },
        "params": {name: plain(value) for name, value in revision.params.items()},
        "environment": {
            name: {"sha256": hashlib.sha256(revision.bytes(name)).hexdigest()} for name in pins
        },
        "card": card_of(revision, path),
        "export": command,
    }


def settings(revision: Revision) -> dict[str, Any]:
    """``[tool.strata.release]`` of a revision: its export and card. Raises Fault."""
    return registry.checked(revision.settings("release"))


def card_of(revision: Revision, model: str) -> str | None:
    """The path of a model's card: the one that the settings name, else the README.md beside it.

    Raises Fault if Git does not have the one that they name.
    """
    if path := settings(revision).get("card"):
        if not revision.is_file(path):
            name = revision.name
            raise Fault(f"[tool.strata.release]: card is {path}, which {name} has not in Git")
        return str(path)
    path = (PurePosixPath(model).parent / CARD).as_posix()
    return path if path != CARD and revision.is_file(path) else None  # at the top it is no card


def plain(value: Any) -> Any:
    """A value as JSON has it: text for a date, and for NaN and infinity, which JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return value if isinstance(value, str | int | float | None) else str(value)


def statement(predicate: dict[str, Any], subjects: dict[str, str]) -> dict[str, Any]:
    """The in-toto Statement about files, each with its SHA-256."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": oid}} for name, oid in subjects.items()],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }


def files(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, by its path in it, in order."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(paths.items())
        if path.is_file()
    }


def text(content: Any) -> bytes:
    """JSON: the same bytes for the same content."""
    return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def read(folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The subjects of a folder's manifest, name to SHA-256, and its predicate.

    Raises Fault if there is none, or it is not of the form of ``statement``.
    """
    try:
        content = json.loads((folder / NAME).read_bytes())
        if (content["_type"], content["predicateType"]) != (STATEMENT, PREDICATE):
            raise ValueError
        subjects = {
            trust.checked_path(each["name"]): str(each["digest"]["sha256"])
            for each in content["subject"]
        }
        predicate = content["predicate"]
        kinds = {"code": dict, "model": dict, "data": dict, "params": dict, "environment": dict}
        if not all(isinstance(predicate[key], kind) for key, kind in kinds.items()):
            raise ValueError
        code, model, tag = predicate["code"], predicate["model"], predicate["tag"]
        texts = [code["gitCommit"], model["name"], model["path"]]
        texts += [] if tag is None else [tag["name"], tag["object"]]
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError
    except FileNotFoundError:
        raise Fault(f"{folder} has no {NAME}: it is no bundle of `strata bundle`") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Fault(f"{NAME}: not a manifest as `strata bundle` writes it") from None
    return subjects, predicate
