"""Adopt again: merge what adoption wrote then, what it writes now, and what the owner has."""

import dataclasses
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata import git
from strata.core.errors import Fault
from strata_adopt.plan import Options, Plan
from strata_adopt.scan import Table

RECORD = ".adopted.json"
SIDES = ("yours", "adopted before", "adopted now")  # as the marks of a conflict name them


@dataclass(frozen=True)
class Record:
    """What an adoption was asked for and decided, and the texts that it wrote, by their paths."""

    options: Options
    texts: dict[str, str]


@dataclass
class Merge:
    """What becomes of a project's files.

    ``texts`` are to be written, and ``gone`` removed; ``conflicts`` are the three sides of those
    texts in which both sides changed the same lines, so that they hold marks.
    """

    texts: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    conflicts: dict[str, tuple[str, str, str]] = field(default_factory=dict)


def read(root: Path) -> Record | None:
    """The record of the last adoption; None if there is none. Raises Fault if it is damaged."""
    path = root / RECORD
    if not path.is_file():
        return None
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        lists = {"key", "drop"}
        options: Any = {k: tuple(v) if k in lists else v for k, v in found["options"].items()}
        return Record(Options(**options), dict(found["texts"]))
    except (ValueError, TypeError, KeyError) as error:
        raise Fault(
            f"{RECORD}: cannot be read: {error}: `git checkout` the committed one"
        ) from None


def write(plan: Plan, texts: dict[str, str]) -> str:
    """The record of a plan and its texts. What was proposed is kept as if it had been asked for."""
    time, group = plan.one("time"), plan.one("group")
    options = dataclasses.replace(
        plan.options,
        task=plan.task,
        time=time.column.name if time else "",
        group=group.column.name if group else "",
        positive=None if plan.positive is None else str(plan.positive),
    )
    found = {"options": dataclasses.asdict(options), "texts": texts}
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def recall(asked: Options, then: Options, table: Table) -> Options:
    """The options, with those of the last adoption where nothing else is asked for."""
    if asked.target != then.target:
        return asked
    names = ["task", "positive", "weight"]
    if asked.time is None and asked.group is None:
        names += ["time", "group"]
    old = {name: getattr(then, name) for name in names if getattr(asked, name) is None}
    for name in {"weight", "time", "group"} & {*old}:
        if old[name] and old[name] not in table.columns:
            old[name] = None
    known = [name for name in dict.fromkeys([*asked.drop, *then.drop]) if name in table.columns]
    drop = [*dict.fromkeys([*asked.drop, *known])]
    return dataclasses.replace(asked, **old, key=asked.key or then.key, drop=tuple(drop))


def merge(root: Path, then: dict[str, str], now: dict[str, str]) -> Merge:
    """Merge the texts of two adoptions with the owner's files."""
    result = Merge()
    for name in sorted({*then, *now}):
        path, before, after = root / name, then.get(name), now.get(name)
        own = path.read_text(encoding="utf-8") if path.is_file() else None
        if after is None:
            if own is not None and own == before:
                result.gone.append(name)
        elif own is None:
            if before is None:  # else the owner removed it
                result.texts[name] = after
        else:
            sides = (own, before or "", after)
            result.texts[name], is_clean = merge_texts(*sides)
            if not is_clean:
                result.conflicts[name] = sides
    return result


def merge_texts(own: str, before: str, after: str) -> tuple[str, bool]:
    """Three sides as one text, and whether it is without a conflict. Raises Fault if git fails."""
    if after in (own, before):
        return own, True
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        paths = {name: Path(folder, name) for name in SIDES}
        for path, text in zip(paths.values(), (own, before, after), strict=True):
            path.write_text(text, encoding="utf-8", newline="\n")
        merged, is_clean = git.merge_file(paths)
    return merged.decode(), is_clean


def mark(root: Path, merged: Merge) -> None:
    """Leave the conflicts as a merge of Git's does: marked in the files, unmerged in the index."""
    entries, prefix = [], git.prefix(root)
    for name, sides in merged.conflicts.items():
        (root / name).write_text(merged.texts[name], encoding="utf-8", newline="\n")
        entries.append(f"0 {'0' * 40}\t{prefix}{name}\0")
        for stage, text in zip((2, 1, 3), sides, strict=True):
            blob = git.git("hash-object", "-w", "--stdin", root=root, input=text.encode())
            entries.append(f"100644 {blob} {stage}\t{prefix}{name}\0")
    git.git("update-index", "-z", "--index-info", root=root, input="".join(entries).encode())
