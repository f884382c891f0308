"""What was computed before: a partition whose inputs are the same is taken, and not made again.

DVC's cache has every output there ever was, by its hash. Beside them, in its folder `partitions`,
stands which inputs gave which of them: a file for each state of a stage's code, params and pins, in
it a key for each partition. So clones and experiments that share a cache share it; it may be
removed at any time; and what it names is taken only if the bytes still have their hash: SHA-256,
for which most processors have instructions, so that it takes half the time of DVC's MD5.

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

import params
from partitions import write_bytes

FILES, ENTRIES = 200, 20_000  # the most of them that are kept, and of a file's partitions


class Made(NamedTuple):
    """A partition that was made: its name in DVC's cache, its hash, and its rows."""

    oid: str
    digest: str
    rows: int


def made(path: Path, rows: int) -> Made:
    """What a file is to be known by."""
    return Made(digest(path, "md5"), digest(path), rows)


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


def state_of(stage: str) -> str | None:
    """A hash of all that decides what a stage makes of its data, as dvc.yaml declares it.

    None if that cannot be told: no such stage there, or one written with variables.
    """
    try:
        pipeline = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))
        declared = pipeline["stages"][stage]
        if "${" in json.dumps(declared):
            return None
        files = [Path(dep) for dep in declared["deps"] if Path(dep).is_file()]
        values = params.parse()
        said: list[Any] = [stage, sys.version_info[:2], version("pandas"), version("pyarrow")]
        said += [(str(path), digest(path)) for path in files]
        for name in declared.get("params", []):
            if isinstance(name, str):
                said.append((name, functools.reduce(operator.getitem, name.split("."), values)))
            else:
                said += [(file, digest(Path(file))) for file in name]
    except (OSError, LookupError, TypeError, YAMLError):
        return None
    return _hash(said)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Memo:
    """What a stage, as it is now, has made of which inputs."""

    def __init__(self, stage: str) -> None:
        again = "RECOMPUTE" in os.environ
        state, place = None if again else state_of(stage), dvc_cache(Path.cwd())
        self._digest = functools.cache(digest)  # two partitions may share an input
        self._file: Path | None = None
        self._known: dict[str, Made] = {}
        if state and place:
            self._file = place / "partitions" / f"{state}.json"
            self._known = self._read()

    def _read(self) -> dict[str, Made]:
        assert self._file
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {key: Made(str(oid), str(sha), int(n)) for key, (oid, sha, n) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # none yet, or half of one: it is written anew

    def key(self, name: str, inputs: list[Path]) -> str:
        """What decides a partition: its name, and the bytes of its inputs, or their absence."""
        if self._file is None:
            return ""  # nobody will ask
        hashes = [self._digest(path) if path.exists() else None for path in inputs]
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

    def keep(self, made: dict[str, Made]) -> None:
        """Remember what was made, by key."""
        if self._file is None or not made:
            return
        known = list((self._read() | made).items())
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
