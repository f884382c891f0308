"""The metrics along a line of history, with few calls of Git and few of DVC's indexes.

DVC's index of a commit takes a tenth of a second. Which files hold the metrics depends on dvc.yaml,
.dvc files and, where paths in them are templates, on params: one index does for all commits that
have the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from strata import git
from strata.core.errors import Fault
from strata.core.limits import TEXT
from strata.core.values import Leaves
from strata.dvc.revision import Revision, leaves, parsed
from strata.dvc.store import Store

DVC = ("dvc.yaml", ".dvc", ".dvcignore", ".dvc/config")
LOCKS = ("dvc.lock", ".dvc")
VALUES = (".yaml", ".yml", ".json", ".toml", ".py")

Tree = dict[str, str]  # a path, and the name of its blob
Key = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Point:
    """A commit in which a metric changed; ``metrics`` is None if unreadable, for ``why``."""

    commit: git.Commit
    metrics: Leaves | None
    why: str = ""


def points(store: Store, line: Iterable[git.Commit]) -> list[Point]:
    """The commits of a line, the oldest first, in which a metric changed."""
    index, tree = _Index(store), Tree()
    candidates: list[tuple[git.Commit, Tree | Fault | None]] = []
    before: object = None
    for commit in line:
        for path, blob in commit.changed.items():
            if blob is None:
                tree.pop(path, None)
            else:
                tree[path] = blob
        files: Tree | Fault | None
        try:
            files = _in_git(index.metric_files(commit, tree), tree)
        except Fault as fault:
            files = fault
        state: object = files
        if files is None:
            state = {path: blob for path, blob in tree.items() if path.endswith(LOCKS)}
        if state != before:
            candidates.append((commit, files))
        before = state
    blobs = {blob for _, files in candidates if isinstance(files, dict) for blob in files.values()}
    sizes = git.sizes(store.root, sorted(blobs))
    texts = git.objects(store.root, [b for b, size in sizes.items() if size <= TEXT.most])
    read = [_read(store, commit, files, texts) for commit, files in candidates]
    values = [repr({}), *(repr(point.metrics) for point in read)]
    return [point for point, last in zip(read, values, strict=False) if repr(point.metrics) != last]


def _read(
    store: Store, commit: git.Commit, files: Tree | Fault | None, texts: dict[str, bytes]
) -> Point:
    try:
        if isinstance(files, Fault):
            raise files
        if files is None or not all(blob in texts for blob in files.values()):
            return Point(commit, Revision(store, commit.hash).metrics)
        name = commit.hash[:9]
        values = {path: parsed(texts[blob], path, name) for path, blob in files.items()}
        return Point(commit, leaves(values, name))
    except Fault as fault:
        return Point(commit, None, str(fault))


def _in_git(names: Iterable[str], tree: Tree) -> Tree | None:
    """The blobs of files, and of all files in folders; None if Git does not have one of them."""
    blobs: Tree = {}
    for name in names:
        paths = [name] if name in tree else [p for p in tree if p.startswith(f"{name}/")]
        if not paths:
            return None
        blobs |= {path: tree[path] for path in sorted(paths)}
    return blobs


class _Index:
    """The files that hold metrics: DVC's index, read once for all commits that agree in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.names: dict[Key, list[str]] = {}
        self.broken: Fault | None = None  # until a commit mends it
        self.key: Key = frozenset()
        self.templates: dict[str, list[str]] = {}  # by the blob of a dvc.yaml

    def metric_files(self, commit: git.Commit, tree: Tree) -> list[str]:
        """The paths of a commit's metrics. Raises Fault if DVC's files cannot be read."""
        watched = DVC + VALUES if any(self.templates.values()) else DVC
        if any(path.endswith((*watched, *LOCKS)) for path in commit.changed):
            self.key, self.broken = self._key(tree), None
        if self.broken:
            raise self.broken
        if self.key not in self.names:
            revision = Revision(self.store, commit.hash)
            try:
                revision.check()  # a broken dvc.lock hides what is in the dvc.yaml beside it
            except Fault as fault:
                self.broken = fault
                raise
            self.names[self.key] = revision.metric_files
        return self.names[self.key]

    def _key(self, tree: Tree) -> Key:
        deciding = {path for path in tree if path.endswith(DVC)}
        for path in [path for path in deciding if path.endswith("dvc.yaml")]:
            names = self._sources(tree[path])
            deciding |= {path for path in tree if PurePosixPath(path).name in names}
        return frozenset((path, tree[path]) for path in deciding)

    def _sources(self, blob: str) -> list[str]:
        """The names of the files whose values the paths in a dvc.yaml depend on."""
        if blob not in self.templates:
            text = git.objects(self.store.root, [blob]).get(blob, b"")
            try:
                self.templates[blob] = _templates(parsed(text, "dvc.yaml", blob))
            except Fault:
                self.templates[blob] = []  # reading the index says so
        return self.templates[blob]


def _templates(content: Any) -> list[str]:
    """The files of a dvc.yaml's variables, by name, if the paths of its metrics are templates."""
    content = content if isinstance(content, dict) else {}
    stages = content.get("stages")
    deciding, files = [content.get("metrics")], [content.get("vars")]
    for stage in stages.values() if isinstance(stages, dict) else []:
        body = stage.get("do", stage) if isinstance(stage, dict) else None
        if isinstance(body, dict) and body.get("metrics"):
            deciding += [body["metrics"], body.get("wdir"), stage.get("foreach")]
            files.append(body.get("vars"))
    if "${" not in str(deciding):
        return []
    names = [str(name) for listed in files if isinstance(listed, list) for name in listed]
    return ["params.yaml", *(name.partition(":")[0].rpartition("/")[2] for name in names)]
