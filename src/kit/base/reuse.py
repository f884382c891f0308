"""What was computed before: a partition whose inputs are the same is taken, and not built again.

DVC's cache has every output there ever was, by its hash. Beside them, in its folder `partitions`,
stands which inputs gave which of them: a file for each state of all else that dvc.yaml declares for
a stage, its code, params, pins and other data, in it a key for each partition. So clones and
experiments that share a cache share it; it may be removed at any time; and what it names is taken
only if the bytes still have their hash: SHA-256, for which most processors have instructions, so
that it takes half the time of DVC's MD5.

RECOMPUTE=1 in the environment turns it off, as whoever wants a proof does.
"""

import configparser
import functools
import hashlib
import json
import operator
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kit.base.files import read_yaml, write_bytes

PARAMS = Path("params.yaml")
FILES, ENTRIES = 200, 20_000  # the most of them that are kept, and of a file's partitions
# Of the keys of a stage, those that are counted, and those that cannot change what it makes.
KNOWN = {"cmd", "deps", "params", "outs", "metrics", "plots", "desc", "meta", "frozen"}


class Built(NamedTuple):
    """A partition that was built: its name in DVC's cache, its hash, and its rows."""

    oid: str
    digest: str
    rows: int


def described(path: Path, rows: int) -> Built:
    """What a file is to be known by."""
    return Built(digest(path, "md5"), digest(path), rows)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def dvc_cache(root: Path) -> Path | None:
    """The folder of the cache that ``root`` uses; None without DVC."""
    found = next((at / ".dvc" for at in (root, *root.parents) if (at / ".dvc").is_dir()), None)
    if found is None:
        return None
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read([found / "config", found / "config.local"], encoding="utf-8")
    return found / config.get("cache", "dir", fallback="cache").strip("\"'")


def files_of(path: Path) -> list[Path]:
    """A file, or all files of a folder but Python's own; none if there is nothing."""
    if not path.is_dir():
        return [path] if path.exists() else []
    files = (file for file in path.rglob("*") if "__pycache__" not in file.parts)
    return sorted(file for file in files if file.is_file())


def read_declaration(stage: str) -> dict[str, Any] | None:
    """What dvc.yaml says of a stage.

    None if it does not tell all: no such stage there, or one written with variables, or with a key
    that makes something else of the rest.
    """
    try:
        pipeline = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))
        said: dict[str, Any] = pipeline["stages"][stage]
        if said.keys() - KNOWN or "${" in json.dumps(said):
            return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, YAMLError):
        return None
    return said


def files_beside(said: dict[str, Any], listed: set[Path]) -> list[Path]:
    """The files that a stage depends on, but those ``listed`` as the input of a partition."""
    deps = {file for dep in said.get("deps") or [] for file in files_of(Path(dep))}
    return sorted(deps - listed)


def state_of(stage: str, listed: set[Path]) -> str | None:
    """A hash of all that decides what a stage builds of the inputs that its partitions list.

    It is all that dvc.yaml declares: the command, the params, and every other file. None if that
    cannot be told.
    """
    declares = read_declaration(stage)
    if declares is None or not all(Path(dep).exists() for dep in declares.get("deps") or []):
        return None
    said: list[Any] = [stage, declares["cmd"]]
    said += [sys.version_info[:2], version("pandas"), version("pyarrow")]
    try:
        said += [(path.as_posix(), digest(path)) for path in files_beside(declares, listed)]
        values = read_yaml(PARAMS)
        for name in declares.get("params") or []:
            if isinstance(name, str):
                said.append((name, functools.reduce(operator.getitem, name.split("."), values)))
            else:
                said += [(file, digest(Path(file))) for file in name]
    except (OSError, LookupError, TypeError):
        return None
    return _hash(said)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Memory:
    """What a stage, as it is now, has built of which inputs; ``listed`` are those of all."""

    def __init__(self, stage: str, listed: set[Path]) -> None:
        again = "RECOMPUTE" in os.environ
        state, place = None if again else state_of(stage, listed), dvc_cache(Path.cwd())
        self._digest = functools.cache(digest)  # two partitions may share an input
        self._file: Path | None = None
        self._known: dict[str, Built] = {}
        if state and place:
            self._file = place / "partitions" / f"{state}.json"
            self._known = self._read()

    def _read(self) -> dict[str, Built]:
        assert self._file
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {key: Built(str(oid), str(sha), int(n)) for key, (oid, sha, n) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # none yet, or half of one: it is written anew

    def key(self, name: str, inputs: list[Path]) -> str:
        """What decides a partition: its name, and the bytes of its inputs, or their absence."""
        if self._file is None:
            return ""  # nobody will ask
        hashes = [
            [(file.as_posix(), self._digest(file)) for file in files_of(path)] for path in inputs
        ]
        return _hash([name, [path.as_posix() for path in inputs], hashes])

    def take(self, key: str, path: Path) -> int | None:
        """Put what a key gave at ``path``, and return its rows; None if that is not to be had."""
        known = self._known.get(key)
        if self._file is None or known is None:
            return None
        cached = self._file.parents[1] / "files/md5" / known.oid[:2] / known.oid[2:]
        try:
            content = cached.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != known.digest:
            return None
        write_bytes(path, content)
        return known.rows

    def keep(self, built: dict[str, Built]) -> None:
        """Remember what was built, by key."""
        if self._file is None or not built:
            return
        known = list((self._read() | built).items())
        part = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(dict(known[-ENTRIES:])), encoding="utf-8")
            part.replace(self._file)
            files = sorted(self._file.parent.glob("*"), key=lambda path: path.stat().st_mtime)
            for path in files[:-FILES]:
                path.unlink(missing_ok=True)
        except OSError as error:
            print(f"what was computed is not remembered: {error}", file=sys.stderr)
