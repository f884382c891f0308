"""A revision is input from outside: any fetched branch can hold anything.

The hashes and paths that it names are checked here, once, where they are read. A hash becomes a
path in the cache, and a path is written to and removed.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from strata.core import limits
from strata.core.errors import Fault
from strata.core.texts import MISLEADING

HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")
LIKE_ONE = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
WHOLE = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)")  # a number, to YAML
OURS = (".git", ".dvc")


def hashes_in(data: bytes) -> set[str]:
    """Whatever looks like an MD5 in a text: of a dvc.lock, a list of files, or anything."""
    return {oid.decode() for oid in LIKE_ONE.findall(data)}


def checked_hash(value: object) -> str:
    """An MD5, with ``.dir`` behind it for a folder. Raises Fault for anything else."""
    if isinstance(value, str) and HASH.fullmatch(value):
        return value
    raise Fault(f"{str(value)[:80]!r} is not a hash of DVC's")


def checked_path(value: object) -> str:
    """A relative path that leads nowhere else, as it is written. Raises Fault for another."""
    if isinstance(value, str) and not MISLEADING.search(value):
        parts = {*PurePosixPath(value).parts, *PureWindowsPath(value).parts}
        odd = PurePosixPath(value).is_absolute() or PureWindowsPath(value).anchor
        reserved = any(part == ".." or part.lower().rstrip(". ") in OURS for part in parts)
        if parts and not odd and not reserved:
            return value
    raise Fault(f"{str(value)[:80]!r} is not a path inside the repository")


def within(root: Path, path: Path) -> Path:
    """Return a path to write to. Raises Fault if a symbolic link on the way leads out."""
    inside = path.parent.resolve()
    home = root.resolve()
    if not inside.is_relative_to(home) or set(inside.relative_to(home).parts) & set(OURS):
        raise Fault(f"{path.relative_to(root)} leads out of the repository, to {inside}")
    return path


def checked_name(value: str) -> str:
    """A name or path, as it is written. Raises Fault if it would show as another."""
    if MISLEADING.search(value):
        raise Fault(f"{value[:80]!r} has a character that no name can have here: rename it")
    return value


def listing(data: bytes) -> dict[str, str]:
    """The files of a folder, path to hash, from the bytes of DVC's list of them.

    Raises Fault if it is no such list, or names a path twice, or one that leads elsewhere.
    """
    try:
        entries = [(entry["relpath"], entry["md5"]) for entry in json.loads(data)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Fault("not a list of files as DVC writes it") from None
    hashes = {checked_path(path): checked_hash(oid) for path, oid in entries}
    if len(hashes) < len(entries) or any(oid.endswith(".dir") for oid in hashes.values()):
        raise Fault("a list of files that names one twice, or a folder")
    return hashes


def check_yaml(data: bytes, place: str) -> None:
    """Raise Fault, which names the place, if reading YAML whole would take all memory or the stack.

    It is read event by event. What is no YAML passes: who parses it says so.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

    sizes: dict[str, int] = {}  # of what anchors name, aliases in it followed
    opened: list[tuple[str | None, int]] = [(None, 0)]
    aliased = count = 0
    try:
        for event in YAML(typ="safe").parse(data):
            name, size = getattr(event, "anchor", None), 1
            if isinstance(event, CollectionStartEvent):
                opened.append((name, 1))
                limits.DEPTH.check(len(opened) - 1, place)
                continue
            if isinstance(event, CollectionEndEvent):
                name, size = opened.pop()
            elif isinstance(event, AliasEvent):
                name, size = None, sizes.get(event.anchor, 1)
                aliased += size
                limits.ALIASED.check(aliased, place)
            elif isinstance(event, ScalarEvent):
                count += 1
                limits.VALUES.check(count, place)
                for text in event.value.split("\n") if "${" in event.value else ():
                    limits.OPEN.check(text.rpartition("}")[2].count("${"), place)
                plain = event.implicit[0] or event.tag  # else it is a text in quotes
                if plain and len(event.value) > limits.DIGITS.most and WHOLE.fullmatch(event.value):
                    limits.DIGITS.check(len(event.value), place)
            if name:
                sizes[name] = size
            outer, inside = opened[-1]
            opened[-1] = outer, inside + size
    except YAMLError:
        return


def check_patterns(texts: Mapping[str, bytes], paths: Iterable[str]) -> None:
    """Raise Fault, which names the file, if matching paths with .dvcignore files takes too long.

    Of several * in a name each may stand for more or less of it, and ** for any folders: a regular
    expression tries all ways before it says no.
    """
    parts = [path.split("/") for path in paths]
    sizes = Counter((max(map(len, names)), len(names)) for names in parts)
    lines = steps = 0
    for place, text in texts.items():
        patterns = [line.split(b"/") for line in text.splitlines() if line[:1] not in (b"", b"#")]
        lines += len(patterns)
        limits.PATTERNS.check(lines, place)
        for (deep, stars), times in Counter(map(_wildcards, patterns)).items():
            for (length, depth), count in sizes.items():
                ways = math.prod(math.comb(length + star - 1, star - 1) for star in stars)
                steps += times * count * ways * (length + 1) * depth**deep
                limits.MATCHING.check(steps, place)


def _wildcards(pattern: list[bytes]) -> tuple[int, tuple[int, ...]]:
    """How often a pattern leaves its folders open, and how often each name in it; 9 at most.

    One name with two, such as ``*old*``, is everyday, and no name of a file makes it slow.
    """
    stars = [min(name.count(b"*"), 9) for name in pattern if name != b"**"]
    several = tuple(star for star in stars if star > 1)[:9]
    return min(pattern.count(b"**") + 1, 9), () if several == (2,) else several


def check_values(value: object, place: str) -> None:
    """Raise Fault, which names the place, if values that were parsed are too many, nest too deep,
    or have a whole number too large to compute with."""
    count, level, inside = 0, 0, [value]
    while inside:
        count += len(inside)
        limits.VALUES.check(count, place)
        limits.DEPTH.check(level, place)
        for each in inside:
            if isinstance(each, int):
                limits.DIGITS.check(int((each.bit_length() - 1) * math.log10(2)) + 1, place)
        level += 1
        inside = [part for each in inside for part in _parts(each)]


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list | tuple | set) else ()
