"""A revision: a commit, or the workspace, and all that it says of itself.

DVC reads its dvc.yaml, dvc.lock and .dvc files (``wdir``, ``foreach``, ``matrix``, ``vars``, any
number of files in any folder); the bytes come from Git, the cache and remotes. What is not there is
Absent; what is there and broken is Unreadable; what is kept where nothing answers is Offline.
"""

import math
import posixpath
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from strata import git
from strata.core import limits, trust
from strata.core.errors import Fault, reason
from strata.core.limits import Limit
from strata.core.settings import section_of
from strata.core.texts import inert
from strata.core.values import Leaves, flatten
from strata.dvc.store import Offline, Output, Store, at_commit, dvc_repo, files_of

if TYPE_CHECKING:
    from strata.core.frames import Source

__all__ = ["Absent", "Offline", "Output", "Plot", "Revision", "Stage", "Unreadable"]

OTHERS = (".json", ".toml", ".py")  # files of values that are not YAML
TEMPLATES = re.compile(rb"matrix|foreach|\$\{|\\")  # or an escape that may stand for one
ITEM = re.compile(r"\s*(item|key)\b")  # of foreach and matrix
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")


class Absent(Fault):
    """A revision has no such thing."""


class Unreadable(Fault):
    """A file is there and cannot be understood, or its data is gone."""


@dataclass(frozen=True)
class Stage:
    """A command of a dvc.yaml, with what its dvc.lock says.

    ``deps`` and ``outs`` map a path to a hash (None where there is none), ``params`` a name to a
    value.
    """

    name: str
    cmd: str
    deps: dict[str, str | None]
    params: Leaves
    outs: dict[str, str | None]
    frozen: bool


@dataclass(frozen=True)
class Plot:
    """A plot that dvc.yaml names: one file, its columns. ``y`` is empty where it names none."""

    title: str
    path: str
    x: str | None = None
    y: tuple[str, ...] = ()
    x_label: str = ""
    y_label: str = ""

    @property
    def is_image(self) -> bool:
        return self.path.lower().endswith(IMAGES)


@dataclass
class _Contents:
    """What DVC's index of a revision says, in our words."""

    outputs: list[Output] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    leaves_out: Callable[[str], bool] = bool  # which is true of any path: there is no DVC


class Revision:
    """A commit or, for None, the workspace: as it is now or, to save time, as the store read it."""

    def __init__(self, store: Store, commit: str | None, *, reread: bool = True) -> None:
        self.store, self.commit, self.root, self._reread = store, commit, store.root, reread
        self.name = commit[:9] if commit else "the workspace"

    # What it consists of

    @cached_property
    def _contents(self) -> _Contents:
        """Raises Unreadable if DVC cannot make sense of the repository at all."""
        known: _Contents | None = self.store.read.get(self.commit or "")
        if known is None:
            known = self._read_contents()
            if self.commit:
                self.store.read[self.commit] = known
        return known

    def _read_contents(self) -> _Contents:
        try:
            if self.commit:
                repo = at_commit(self.root, self.commit)
                there = repo.fs.exists(repo.fs.join(repo.root_dir, ".dvc"))
                return self._indexed(repo) if there else _Contents()
            if not (self.root / ".dvc").is_dir():
                return _Contents()
            if not self._reread:
                return self._indexed(self.store.repo)
            with dvc_repo(self.root) as repo:
                return self._indexed(repo)
        except Fault as fault:
            raise Unreadable(f"{self.name}: {fault}") from None
        except Exception as error:  # what a broken .dvc/config raises has no common class
            raise Unreadable(f"{self.name}: {reason(error)}") from None

    def _indexed(self, repo: Any) -> _Contents:
        """DVC's index, once all files that it is made of are safe to parse."""
        listed = (
            git.files(self.root, self.commit) if self.commit else git.workspace_files(self.root)
        )
        trust.check_patterns(
            self._texts(n for n in listed if PurePosixPath(n).name == ".dvcignore"), listed
        )

        def leaves_out(path: str) -> bool:
            return bool(repo.dvcignore.is_ignored_file(repo.fs.join(repo.root_dir, path)))

        texts = self._checked(n for n in listed if _is_dvcs(n) and not leaves_out(n))
        stages = size = 0
        for path, text in texts.items():
            if path.endswith("dvc.yaml"):
                values = self._checked(_value_files(path, text, listed))
                if TEMPLATES.search(text):
                    largest = sum(map(len, values.values())) + len(text)
                    count, become = _expanded(repo, path, largest)
                    stages, size = stages + count, size + become
                    limits.STAGES.check(stages, path)
                    limits.EXPANDED.check(size, path)
        contents = _index(repo)
        contents.leaves_out = leaves_out
        self._checked(contents.params)  # these it parses when it runs the stages
        return contents

    def _texts(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of those files that are there. Raises Fault if they are too many."""
        names = list(dict.fromkeys(names))
        if odd := next((name for name in names if "\n" in name), None):
            raise Fault(f"{odd!r} has a newline in its name, so it cannot be read")
        if self.commit:
            objects = {f"{self.commit}:./{name}": name for name in names}
            known = git.sizes(self.root, list(objects))
            sizes = {objects[at]: size for at, size in known.items()}
        else:
            files = {name: self.root / name for name in names}
            sizes = {name: at.stat().st_size for name, at in files.items() if at.is_file()}
        limits.TEXT.check(sum(sizes.values()), max(sizes, key=lambda name: sizes[name], default=""))
        if self.commit:
            return {objects[at]: text for at, text in git.objects(self.root, list(known)).items()}
        return {name: files[name].read_bytes() for name in sizes}

    def _checked(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of those files that are there. Raises Fault for what is not safe to parse."""
        texts = self._texts(names)
        for name, text in texts.items():
            if _is_yaml(name):
                trust.check_yaml(text, name)
                continue
            try:
                _values(text.decode("utf-8-sig"), name, name)
            except Fault:
                raise
            except Exception:  # who parses it says so
                continue
        return texts

    def leaves_out(self, path: str) -> bool:
        """Whether .dvcignore leaves out a file of this path."""
        return self._contents.leaves_out(path)

    def check(self) -> None:
        """Raise Unreadable if a dvc.yaml, dvc.lock or .dvc file cannot be read."""
        for path, why in self._contents.broken.items():
            raise Unreadable(f"{path} of {self.name} cannot be read: {why}")

    @property
    def _whole(self) -> _Contents:
        """What was read, if no file of DVC's is broken. Raises Unreadable."""
        self.check()
        return self._contents

    @property
    def outputs(self) -> list[Output]:
        """All outputs that DVC keeps, by path. Those in Git (``cache: false``) are Git's."""
        return self._whole.outputs

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages by name, in an order in which they can run.

        The names are DVC's: those of a dvc.yaml in a subfolder have its path before them.
        """
        return self._whole.stages

    @property
    def plots(self) -> list[Plot]:
        """All plots, folders of them file by file."""
        plots = []
        for plot in self._whole.plots:
            paths = self.paths(plot.path)
            plots += [Plot(path, path) for path in paths] if paths != [plot.path] else [plot]
        return plots

    @property
    def models(self) -> dict[str, str]:
        """The artifacts of type model: path to name, as GTO has it."""
        return self._whole.models

    # Params, metrics, pins

    @property
    def made(self) -> list[str]:
        """The paths of all that stages write, kept by DVC or by Git."""
        return [path for stage in self.stages.values() for path in stage.outs]

    @property
    def param_files(self) -> list[str]:
        """The files of params, by path; params.yaml counts as first."""
        return self._whole.params

    @property
    def metric_files(self) -> list[str]:
        """The paths of the files of metrics."""
        return self._whole.metrics

    @cached_property
    def metrics(self) -> Leaves:
        """All metrics by dotted name. Raises Unreadable or Offline if a file cannot be had.

        With several files, those of any but the first are called ``FILE:NAME``.
        """
        return self._leaves(self.metric_files)

    @cached_property
    def params(self) -> Leaves:
        """All values in the files of params, named as metrics are."""
        return self._leaves(self.param_files)

    def _leaves(self, named: Iterable[str]) -> Leaves:
        paths = dict.fromkeys(path for name in named for path in self.paths(name))
        return leaves({path: self.parsed(path) for path in paths}, self.name)

    @cached_property
    def pins(self) -> dict[str, str]:
        """Each package that the requirements files pin, with its version; of several, all."""
        versions_of: dict[str, list[str]] = {}
        for path in self.pin_files:
            text = self.text(path)
            pattern = r"^([\w.-]+)(?:\[[^]\n]*\])?==([^\s;\\]+)"
            for name, version in re.findall(pattern, text, re.MULTILINE):
                if version not in versions_of.setdefault(name.lower(), []):
                    versions_of[name.lower()].append(version)
        return {name: ", ".join(versions) for name, versions in versions_of.items()}

    @cached_property
    def pin_files(self) -> list[str]:
        """The requirements files that stages depend on; else the first of the usual ones."""
        deps = {dep for stage in self.stages.values() for dep in stage.deps}
        needed = sorted(d for d in deps if PurePosixPath(d).name.startswith("requirements"))
        usual = ("requirements.lock", "requirements.txt", "requirements-dev.lock")
        return needed or [name for name in usual if self.paths(name)][:1]

    # Files

    def paths(self, path: str) -> list[str]:
        """The paths of the files in a folder, or of a file itself; none if it is not there.

        Raises Unreadable if that cannot be told.
        """
        if self.is_file(path):
            return [path]
        if self.commit:
            names = git.files(self.root, self.commit, path + "/")
        else:
            inside = (file for file in (self.root / path).rglob("*") if file.is_file())
            names = sorted(file.relative_to(self.root).as_posix() for file in inside)
        if names:
            return names
        if not self.output(path):
            return []
        try:
            at = PurePosixPath(path)
            return sorted(n for n in self.files(path) if PurePosixPath(n).is_relative_to(at))
        except Fault:
            return [path]  # who reads it is told

    def is_file(self, path: str) -> bool:
        """Whether Git, or for the workspace the disk, has a file at this path."""
        if self.commit:
            return git.has_file(self.root, self.commit, path)
        return (self.root / path).is_file()

    def output(self, path: str) -> Output | None:
        """The output that is a path, or holds it; None if there is none.

        Raises Unreadable where a file of DVC's that cannot be read may name it.
        """
        at = PurePosixPath(path)
        output = next((out for out in self._contents.outputs if at.is_relative_to(out.path)), None)
        if output is None:
            self.check()
        return output

    def files(self, path: str) -> dict[str, str]:
        """Each file in an output of DVC, with its hash, its path from the top.

        Raises Absent, Unreadable or Offline if they cannot be listed.
        """
        out = self.output(path)
        if out is None:
            raise Absent(f"{self.name} has no output {path}")
        if not out.is_folder:
            return {out.path: out.hash}
        if not self.commit and (self.root / out.path).is_dir():
            inside = files_of(self.root / out.path, out.kind, self.root)
        else:
            self._fetch(out, out.hash)
            inside = self.store.listing(out)
        return {f"{out.path}/{name}": oid for name, oid in inside.items()}

    def local(self, path: str) -> Path:
        """A file of an output, on disk: in the workspace, or its object in the cache.

        Raises Absent, Unreadable or Offline if it cannot be had.
        """
        if not self.commit and (self.root / path).is_file():
            return self.root / path
        out = self.output(path)
        oid = self.files(path).get(path) if out else None
        if out is None or oid is None:
            raise Absent(f"{self.name} has no file {path}")
        self._fetch(out, oid)
        return self.store.path(oid, out.kind)

    def _fetch(self, out: Output, oid: str) -> None:
        """Make sure that the cache has an object of an output."""
        if self.store.intact(oid, out.kind):
            return
        what, name, complaint = f"{out.path} of {self.name}", self.store.remote(out), ""
        try:
            complaint = self.store.fetch_object(name, oid, out.kind) if name else ""
        except Offline as fault:
            raise Offline(f"{what} is not in the cache, and {fault}") from None
        if self.store.intact(oid, out.kind):
            return
        where = f"its remote {name!r}" if name else "a remote, since none is set"
        why = f" ({complaint})" if complaint else ""
        nowhere = f"{what} is neither in the cache nor on {where}{why}"
        if out.source:
            raise Offline(f"{nowhere}; it comes from {out.source}")
        raise Unreadable(nowhere)

    def bytes(self, path: str, most: Limit = limits.TEXT) -> bytes:
        """The bytes of any file. Raises Absent, Unreadable or Offline if it cannot be had."""
        place = f"{path} of {self.name}"
        if self.commit and git.has_file(self.root, self.commit, path):
            if "\n" not in path:
                most.check(sum(git.sizes(self.root, [f"{self.commit}:./{path}"]).values()), place)
            return git.blob(self.root, self.commit, path) or b""
        most.check(self.local(path).stat().st_size, place)
        return self.local(path).read_bytes()

    def content(self, path: str) -> "Source":
        """A file of any size: where it lies on disk, or of Git its bytes. Raises as ``bytes``."""
        if self.commit and git.has_file(self.root, self.commit, path):
            return self.bytes(path, limits.MEMORY)
        return self.local(path)

    def text(self, path: str) -> str:
        """The text of a file, in UTF-8. Raises as ``bytes``, and Unreadable if it is not text."""
        return _text(self.bytes(path), f"{path} of {self.name}")

    def settings(self, name: str) -> dict[str, Any]:
        """Its settings for one command, empty if there are none. Raises Fault."""
        return section_of(lambda path: self.text(path) if self.is_file(path) else None, name)

    def parsed(self, path: str) -> Any:
        """A YAML, JSON, TOML or Python file of values, read as DVC reads it."""
        return parsed(self.bytes(path), path, self.name)


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(f"{place} is not text in UTF-8") from None


def parsed(data: bytes, path: str, revision: str = "") -> Any:
    """The values in the bytes of a file, as DVC reads it. Raises Unreadable."""
    place = f"{path} of {revision}" if revision else path
    text = _text(data, place)
    try:
        limits.TEXT.check(len(data), place)
        return _values(text, path, place)
    except Fault as fault:
        raise Unreadable(str(fault)) from None
    except Exception as error:  # each format has errors of its own
        raise Unreadable(f"{place} cannot be read: {reason(error)}") from None


def _values(text: str, path: str, place: str) -> Any:
    """The values in a text. Raises Fault for what passes a limit, or what DVC's parser raises."""
    from dvc.utils.serialize import PARSERS

    if _is_yaml(path):
        trust.check_yaml(text.encode(), place)
    values = PARSERS[PurePosixPath(path).suffix.lower()](text, path)
    if not _is_yaml(path):
        trust.check_values(values, place)
    return values


def as_yaml(values: Any) -> bytes:
    """The bytes of a YAML file with these values, as DVC writes it."""
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml(values)).encode()


def _is_yaml(path: str) -> bool:
    """Whether DVC reads a file of values as YAML: all that have no other known suffix."""
    return PurePosixPath(path).suffix.lower() not in OTHERS


def leaves(files: Mapping[str, Any], revision: str) -> Leaves:
    """The values in files, by the names that they have as metrics or params of a revision.

    Each name is one inert line. Raises Unreadable if they are too many.
    """
    values_by_name: Leaves = {}
    for path, values in files.items():
        bare = path == "params.yaml" or len(files) == 1
        named = flatten(values)
        try:
            limits.LEAVES.check(len(named), f"{path} of {revision}")
        except Fault as fault:
            raise Unreadable(str(fault)) from None
        for name, value in named.items():
            full = name if bare and name else f"{path}:{name}".removesuffix(":")
            values_by_name[inert(full)] = value
    return values_by_name


def _is_dvcs(path: str) -> bool:
    """Whether DVC keeps stages or outputs in a file."""
    return path.endswith(".dvc") or PurePosixPath(path).name in ("dvc.yaml", "dvc.lock")


def _value_files(path: str, text: bytes, listed: list[str]) -> list[str]:
    """The files whose values stand in for the templates of a dvc.yaml.

    Of ``listed`` ones where a template names the folder.
    """
    from dvc.utils.serialize import PARSERS

    folder = posixpath.dirname(path)
    paths = [posixpath.join(folder, "params.yaml")]
    try:
        content = PARSERS[".yaml"](text.decode(), path) if b"vars" in text or b"\\" in text else {}
        stages = [stage.get("do", stage) for stage in content.get("stages", {}).values()]
        for entry in [content, *stages]:
            for name in [str(each).partition(":")[0] for each in entry.get("vars", [])]:
                place = posixpath.normpath(posixpath.join(folder, entry.get("wdir") or "", name))
                end = "/" + posixpath.basename(name)
                paths += [n for n in listed if f"/{n}".endswith(end)] if "${" in place else [place]
    except Exception:  # of whatever shape it is: who asks for the index is told
        return paths
    return paths


def _expanded(repo: Any, path: str, largest: int) -> tuple[int, int]:
    """How many stages a dvc.yaml makes of foreach and matrix, which are not made for that, and how
    many characters its templates become at most.

    A name that only a stage knows may stand for a text as ``largest`` as all of the files.
    """
    from dvc.dvcfile import load_file
    from dvc.parsing import ForeachDefinition, MatrixDefinition
    from dvc.parsing.interpolate import KEYCRE

    stages = size = 0
    try:
        resolver = load_file(repo, repo.fs.join(repo.root_dir, path)).resolver

        @cache
        def length(name: str) -> int:
            try:
                return len(str(resolver.context.select(name.strip(), unwrap=True)))
            except Exception:  # not of the whole file
                return largest

        def become(template: Any, item: int) -> int:
            text = str(template)
            closed = text[: text.rfind("}") + 1]  # else the end of each would be sought in vain
            names = Counter(match["inner"] for match in KEYCRE.finditer(closed))
            known = ((ITEM.match(name), name, times) for name, times in names.items())
            return len(text) + sum((item if own else length(n)) * at for own, n, at in known)

        top = [*resolver.artifacts, *resolver.metrics, *resolver.params, *resolver.plots]
        size += sum(become(each.definition, largest) for each in top)
        for stage in resolver.definitions.values():
            if isinstance(stage, MatrixDefinition):
                lists = stage.resolved_iterable.values()
                count = math.prod(map(len, lists))
                item = sum(max((len(str(each)) for each in values), default=0) for values in lists)
            elif isinstance(stage, ForeachDefinition):
                each = stage.resolved_iterable
                count, values = len(each), each.values() if isinstance(each, Mapping) else each
                item = max((len(str(value)) for value in values), default=0)
            else:
                size += become(stage.definition, largest)
                continue
            stages += count
            size += count * become(stage.template, item)
    except Exception:  # of whatever shape it is: who asks for the index is told
        return stages, size
    return stages, size


# DVC's index, in our words


def _index(repo: Any) -> _Contents:
    contents, fs = _Contents(), repo.fs

    def inside(path: str) -> str:
        return PurePosixPath(fs.relpath(path, repo.root_dir).replace("\\", "/")).as_posix()

    def relative(path: str, beside: str | None = None) -> str:
        return trust.checked_name(inside(fs.join(fs.parent(beside), path) if beside else path))

    def broken(path: str, error: Exception) -> None:
        if repo.dvcignore.is_ignored_file(fs.abspath(path)):
            return  # DVC passes over it on disk, and not in Git
        guilty = getattr(error, "path", path)  # the dvc.lock beside it, perhaps
        contents.broken[inert(inside(fs.abspath(guilty)))] = reason(error)

    repo.stage_collection_error_handler = broken
    index = repo.index
    if fs.exists(fs.join(repo.root_dir, "params.yaml")):
        contents.params.append("params.yaml")
    _check_edges(index)
    for stage in in_order(index):
        file = inside(stage.path)  # of a commit it can't be renamed, so it may be any
        name = inert(getattr(stage, "name", None) or "")  # a .dvc file has none
        name = file if not name else name if file == "dvc.yaml" else f"{file}:{name}"
        _add_stage(contents, stage, name, relative)
        for out in stage.outs:
            path = relative(out.fs_path)
            if out.metric:
                contents.metrics.append(path)
            if out.plot:
                contents.plots.append(_plot(path, path, out.plot))
    contents.outputs.sort(key=lambda out: out.path)
    for file, names in index._metrics.items():
        contents.metrics += [relative(name, beside=file) for name in names]
    for file, names in index._params.items():
        contents.params += [relative(name, beside=file) for name in names]
    for file, entries in index._plots.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            for title, options in (entry if isinstance(entry, dict) else {entry: {}}).items():
                y = (options or {}).get("y")
                sources = y if isinstance(y, dict) else {title: y}
                for path, columns in sources.items():
                    name = title if len(sources) == 1 else f"{title}: {path}"
                    contents.plots.append(
                        _plot(name, relative(path, beside=file), options, columns)
                    )
    for file, artifacts in index._artifacts.items():
        folder = relative(".", beside=file)
        for name, artifact in artifacts.items():
            if artifact.get("type") == "model" and artifact.get("path"):
                path = relative(artifact["path"], beside=file)
                contents.models[path] = inert(name if folder == "." else f"{folder}:{name}")
    return contents


def _check_edges(index: Any) -> None:
    """Raise Fault if DVC's graph of the stages has too many edges to be made."""
    outs = sorted(f"{out.fs_path}/" for stage in index.stages for out in stage.outs)
    edges = 0
    for stage in index.stages:
        for dep in stage.deps:
            first, end = f"{dep.fs_path}/", f"{dep.fs_path}0"  # 0 comes next after /
            edges += bisect_left(outs, end) - bisect_left(outs, first)
            limits.EDGES.check(edges, index.repo.fs.relpath(stage.path, index.repo.root_dir))


def in_order(index: Any) -> list[Any]:
    """The stages in an order in which they can run: depth first, so that pipelines stay together.

    Not by DVC's own graph, since importing networkx takes as long as reading a pipeline. Raises
    what DVC raises where outputs overlap, a stage is inside one, or stages need each other.
    """
    from dvc.dependency import DatasetDependency
    from dvc.exceptions import CyclicGraphError, StagePathAsOutputError
    from dvc.fs import localfs

    outs, needs = index.outs_trie, dict[Any, list[Any]]()
    for stage in index.stages:
        if out := outs.shortest_prefix(localfs.parts(stage.path)).value:
            raise StagePathAsOutputError(stage, str(out))
        needs[stage] = []
        for dep in [] if stage.is_repo_import or stage.is_db_import else stage.deps:
            if isinstance(dep, DatasetDependency):
                continue
            key = dep.fs.parts(dep.fs_path)
            nodes = [node.value for node in outs.prefixes(key)]
            nodes += outs.values(prefix=key) if outs.has_subtrie(key) else []
            needs[stage] += [out.stage for out in nodes]
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        raise CyclicGraphError(error.args[1]) from None
    order = dict[Any, None]()
    for first in needs:
        waiting = [(first, iter(needs[first]))]
        while waiting:
            stage, rest = waiting[-1]
            if (need := next((n for n in rest if n not in order), None)) is None:
                order[stage] = None
                waiting.pop()
            else:
                waiting.append((need, iter(needs[need])))
    return list(order)


def _add_stage(contents: _Contents, stage: Any, name: str, relative: Any) -> None:
    from dvc.dependency.param import ParamsDependency

    deps: dict[str, str | None] = {}
    params: Leaves = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            path = relative(dep.fs_path)
            contents.params.append(path)
            values = dep.hash_info.value if isinstance(dep.hash_info.value, dict) else {}
            before = "" if path == "params.yaml" else f"{path}:"
            for key, value in values.items():
                params |= {inert(before + leaf): v for leaf, v in flatten({key: value}).items()}
        else:
            path = relative(dep.fs_path) if dep.is_in_repo else str(dep)
            deps[path] = dep.hash_info.value
    outs: dict[str, str | None] = {}
    for out in stage.outs:
        value = out.hash_info.value
        path = relative(out.fs_path) if out.is_in_repo else str(out)
        outs[path] = value
        if out.use_cache and value is not None:
            try:
                # As it is written: Git's own file system ends a way out at the top.
                written = posixpath.join(relative(stage.wdir), out.def_path)
                trust.checked_path(posixpath.normpath(written))
                named = trust.checked_path(path), trust.checked_hash(value)
            except Fault as fault:
                contents.broken[relative(stage.path)] = f"output {path!r}: {fault}"
                continue
            contents.outputs.append(
                Output(
                    path=named[0],
                    hash=named[1],
                    is_rebuildable=bool(stage.cmd) and not stage.frozen,
                    kind=str(out.hash_info.name),
                    stage=name,
                    source=_origin(stage) if stage.is_import and not stage.cmd else "",
                    remote=out.remote,
                    is_pushed=bool(out.can_push) and not stage.is_repo_import,
                )
            )
    if stage.cmd:
        contents.stages[name] = Stage(
            name=name,
            cmd=stage.cmd if isinstance(stage.cmd, str) else " && ".join(stage.cmd),
            deps=deps,
            params=params,
            outs=outs,
            frozen=bool(stage.frozen),
        )


def _origin(stage: Any) -> str:
    """Where an import comes from, as its .dvc file puts it."""
    dep = stage.dvcfile.load()["deps"][0]
    return f"{dep['path']} of {dep['repo']['url']}" if "repo" in dep else str(dep.get("path"))


def _plot(title: str, path: str, options: Any, columns: Any = None) -> Plot:
    """A plot of one file; of its options, ``True`` for none, and the columns of ``y``."""
    options = options if isinstance(options, dict) else {}
    x, y = options.get("x"), columns or options.get("y") or []
    x = next(iter(x.values()), None) if isinstance(x, dict) else x
    y = [str(name) for name in (y if isinstance(y, list) else [y])]
    return Plot(
        title=inert(str(options.get("title") or title)),
        path=path,
        x=x if isinstance(x, str) else None,
        y=tuple(y),
        x_label=inert(str(options.get("x_label") or x or "")),
        y_label=inert(str(options.get("y_label") or ", ".join(y))),
    )
