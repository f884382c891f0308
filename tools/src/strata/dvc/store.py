"""DVC's objects, in the cache and on remotes.

An object is named by its hash and proven by it: what is read here is hashed. The parts of DVC
that this relies on, and that DVC does not document, are held by tests/test_contract.py.
"""

import io
import json
import logging
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from strata import git
from strata.core import limits, trust
from strata.core.errors import Fault, first_line, reason
from strata.core.terminal import unwrapped
from strata.dvc import cachelock
from strata.git import refs


class Offline(Fault):
    """A remote, or the source of an import, does not answer or refuses."""


@dataclass(frozen=True)
class Output:
    """A file or folder that DVC keeps.

    ``path`` is from the top of the repository. ``hash`` is its MD5, with the suffix ``.dir`` for a
    folder; ``kind`` is ``md5``, or ``md5-dos2unix`` as DVC 2 wrote. ``is_rebuildable`` tells
    whether a stage that can run makes it; ``stage`` names that stage, or the .dvc file. ``source``
    is where an import comes from. ``is_pushed`` tells whether `dvc push` takes it: not with
    ``push: false``, nor if it is imported from another repository, which keeps it.
    """

    path: str
    hash: str
    is_rebuildable: bool
    kind: str = "md5"
    stage: str = ""
    source: str = ""
    remote: str | None = None
    is_pushed: bool = True

    @property
    def is_folder(self) -> bool:
        return self.hash.endswith(".dir")


CONFIG = ".dvc/config"
GONE = (
    "this commit has .dvc, and the workspace has not: `git sparse-checkout add .dvc` if that is "
    "what leaves it out, else `git restore .dvc`"
)


def quiet() -> None:
    """Keep DVC's log off the screen: its errors are reported by ours."""
    _log(logging.CRITICAL)
    for name in ("aiohttp_retry", "asyncio"):  # DVC does not close its HTTP clients: they complain
        logging.getLogger(name).setLevel(logging.CRITICAL)


def run_dvc(arguments: list[str]) -> int:
    """Run a command of DVC's in this process, and let it speak; its exit code."""
    from dvc.cli import main

    _log(logging.INFO)
    with redirect_stdout(unwrapped(sys.stdout)), redirect_stderr(unwrapped(sys.stderr)):
        return int(main(arguments))


def _log(level: int) -> None:
    for name in ("dvc", "dvc_data", "dvc_objects", "dvc_render"):
        logging.getLogger(name).setLevel(level)


@contextmanager
def dvc_repo(root: Path, config: dict[str, Any] | None = None) -> Iterator[Any]:
    """DVC's own object for the workspace of a repository, with more settings, for a block.

    Raises Fault with DVC's reason if it fails there.
    """
    from dvc.repo import Repo

    quiet()
    with explained(root), Repo(str(root), config=config) as repo:
        yield repo


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Raise Fault with DVC's reason if it fails in the block."""
    from configobj import ConfigObjError
    from dvc.config import ConfigError, RemoteConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.lock import LockError
    from scmrepo.exceptions import SCMError

    try:
        yield
    except NotDvcRepoError:
        raise Fault(f"{root} is not a DVC repository; `dvc init` makes it one") from None
    except RemoteConfigError as error:
        raise Fault(first_line(error)) from None
    except (ConfigError, ConfigObjError) as error:
        raise Fault(f".dvc/config, or config.local beside it: {reason(error)}") from None
    except (DvcException, LockError, SCMError) as error:
        raise Fault(reason(error)) from None


@contextmanager
def opened(root: Path) -> Iterator["Store"]:
    """The store of a repository.

    Its settings are the workspace's; where the workspace is at a commit without DVC, those of the
    default branch, read from Git: DVC, opened there, would write files that bar the way back. From
    now to the end of the command, gc leaves the cache alone.
    """
    if (root / ".dvc/config").exists():
        with dvc_repo(root) as repo:
            settings = {} if repo.config["core"].get("remote") else storage_of(root) or {}
            shared = None if repo.config["cache"].get("dir") else shared_cache(root)
            if shared:
                settings |= {"cache": {"dir": str(shared)}}
            if not settings:
                yield Store(root, repo).hold()
                return
        with dvc_repo(root, settings) as repo:
            yield Store(root, repo, shared).hold()
        return
    if git.is_left_out(root, ".dvc/config"):
        raise Fault(GONE)
    for name in refs.branches(root):
        if git.blob(root, name, ".dvc/config") is not None:
            commit, settings = refs.commit_of(name, root), storage_of(root) or {}
            repo = at_commit(root, commit, settings)
            if repo.cache.local is None:  # there is no .dvc, in which DVC would have it
                cache = {"cache": {"dir": str(root / ".dvc/cache")}}
                repo = at_commit(root, commit, settings | cache)
            store = Store(root, repo)
            # A folder made here would bar the way back.
            yield store.hold() if store.cache_dir.exists() else store
            return
    raise Fault(f"{root} is not a DVC repository, and no branch of it has a .dvc/config")


def shared_cache(root: Path) -> Path | None:
    """The cache that a further worktree of a repository shares with its first; None in that one."""
    home = git.main_worktree(root)
    return home / ".dvc/cache" if home != root and (home / ".dvc").is_dir() else None


def set_remote(
    root: Path,
    name: str,
    settings: dict[str, str],
    *,
    level: str = "repo",
    is_default: bool = False,
) -> None:
    """Write a remote as `dvc remote add --force` does, with all its settings at once.

    ``level`` is repo for .dvc/config or local for config.local. Raises Fault for what DVC refuses.
    """
    # From the top, since a URL may be a path.
    with dvc_repo(root) as repo, chdir(root), repo.config.edit(level) as config:
        config["remote"][name] = settings
        if is_default:
            config["core"]["remote"] = name


def storage_of(root: Path) -> dict[str, Any] | None:
    """The settings of the first default remote that a default branch names, None if none does.

    The commit in the workspace may be older than the storage that keeps its data. Raises Fault if
    the settings cannot be read.
    """
    for branch in refs.default_branches(root):  # others may be anyone's
        sections = settings_in((git.blob(root, branch, ".dvc/config") or b"").decode())
        name = sections.get("core", {}).get("remote")
        if remote := sections.get(f'remote "{name}"'):
            if "url" not in remote:
                raise Fault(f".dvc/config of {refs.short(branch)}: the remote {name!r} has no url")
            url = (
                remote["url"]
                if "://" in remote["url"]
                else os.path.normpath(root / ".dvc" / remote["url"])
            )
            return {"core": {"remote": name}, "remote": {name: remote | {"url": url}}}
    return None


def own_settings(root: Path) -> bytes:
    """The .dvc/config of the workspace, or if it is at a commit without, of a default branch."""
    config = root / ".dvc/config"
    if config.exists():
        return config.read_bytes()
    texts = (git.blob(root, name, ".dvc/config") for name in refs.default_branches(root))
    return next((text for text in texts if text is not None), b"")


def settings_in(config: str) -> dict[str, dict[str, str]]:
    """The sections of the text of a .dvc/config, parsed as DVC does.

    Raises Fault if it cannot be parsed.
    """
    from configobj import ConfigObj, ConfigObjError

    try:
        content = ConfigObj(config.splitlines()).dict()
    except ConfigObjError as error:
        raise Fault(f".dvc/config: {first_line(error)}") from None
    sections = {name: values for name, values in content.items() if isinstance(values, dict)}
    return {
        name.strip("'"): {key: v if isinstance(v, str) else ",".join(v) for key, v in of.items()}
        for name, of in sections.items()
    }


def at_commit(root: Path, commit: str, settings: dict[str, Any] | None = None) -> Any:
    """DVC's object for a commit, read from Git, with more settings; it writes nothing.

    Raises Fault for settings of that commit that are not safe to parse.
    """
    from dvc.fs import GitFileSystem
    from dvc.repo import Repo
    from dvc.scm import SCM

    limits.CONFIG.check(sum(git.sizes(root, [f"{commit}:./{CONFIG}"]).values()), CONFIG)
    limits.FILLED_IN.check((git.blob(root, commit, CONFIG) or b"").count(b"%("), CONFIG)
    quiet()
    scm = SCM(str(root), search_parent_directories=True)
    prefix = "/" + git.prefix(root).rstrip("/")
    fs = GitFileSystem(scm=scm, rev=commit)
    return Repo(prefix, fs=fs, scm=scm, uninitialized=True, config=settings)


class Store:
    """The cache and the remotes of one repository.

    ``shared`` is the cache that was found for a worktree whose settings name none.
    """

    def __init__(self, root: Path, repo: Any, shared: Path | None = None) -> None:
        self.root, self.repo, self.shared = root, repo, shared
        self._reached = set[str]()
        self.read = dict[str, Any]()  # by commit, which cannot change: what revision.py has read

    @property
    def name(self) -> str:
        """The name of its folder, for a clone; without braces, over which DVC trips."""
        return self.root.name.translate({ord("{"): "(", ord("}"): ")"})

    @property
    def cache_dir(self) -> Path:
        """The folder of the cache."""
        return Path(self.repo.cache.local_cache_dir)

    def hold(self) -> "Store":
        """Keep gc away from the cache to the end of the command. Returns itself."""
        cachelock.hold(self.cache_dir)
        return self

    def lend_cache(self, clone: Path) -> None:
        """Have the DVC of a clone, in its folder with ``.dvc``, use this cache, and link as here.

        By a link: in a path DVC's settings take a comma for a list and %(x)s for a setting.
        """
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        (clone / ".dvc/cache").symlink_to(self.cache_dir, target_is_directory=True)
        lines = ["[cache]", "    dir = cache"]
        if kinds := self.repo.config["cache"].get("type"):
            lines.append(f"    type = {kinds if isinstance(kinds, str) else ','.join(kinds)}")
        local = clone / ".dvc/config.local"
        local.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def edited(self) -> set[str]:
        """The paths of outputs whose content in the workspace is not that of dvc.lock.

        By DVC's own look, which remembers hashes by time stamps.
        """
        return {
            Path(out.fs_path).relative_to(self.root).as_posix()
            for out in self.repo.index.outs
            if out.use_cache and out.is_in_repo and "modified" in out.workspace_status().values()
        }

    def dvc_checkout(self) -> None:
        """Do what `dvc checkout` does, without questions, in this process: a start costs more.

        Raises Fault if something is not in the cache, or what lies there would be lost.
        """
        nowhere = io.StringIO()
        with explained(self.root), redirect_stdout(nowhere), redirect_stderr(nowhere):
            self.repo.checkout()

    # The cache

    def path(self, oid: str, kind: str) -> Path:
        """Where the cache keeps the object of this hash, whether or not it has it."""
        return Path(self._cache(kind).oid_to_path(oid))

    def _cache(self, kind: str) -> Any:
        return self.repo.cache.legacy if kind == "md5-dos2unix" else self.repo.cache.local

    def intact(self, oid: str, kind: str) -> bool:
        """Whether the cache has this object, unchanged. A damaged one is removed."""
        path = self.path(oid, kind)
        if not path.is_file():
            return False
        if md5_of(path, "md5" if oid.endswith(".dir") else kind) == oid.removesuffix(".dir"):
            return True
        path.chmod(0o644)
        path.unlink()
        return False

    def missing(self, out: Output) -> set[str]:
        """The hashes of an output's objects that the cache lacks, each object read and hashed."""
        if not self.intact(out.hash, out.kind):
            return {out.hash}
        return {oid for oid in self.listing(out).values() if not self.intact(oid, out.kind)}

    def noted(self, outs: Iterable[Output]) -> set[str]:
        """The hashes, without `.dir`, that DVC notes to have been in this cache, then or now.

        Its state knows the paths of objects, until it is removed or the cache is moved; its run
        cache knows what stages read and wrote.
        """
        runs = Path(self.repo.stage_cache.cache_dir).glob("*/*/*")
        hashes = {oid for path in runs for oid in trust.hashes_in(path.read_bytes())}
        state = self.repo.state.hashes
        had = {out.hash for out in outs if str(self.path(out.hash, out.kind)) in state}
        return hashes | {oid.removesuffix(".dir") for oid in had}

    def listing(self, out: Output) -> dict[str, str]:
        """The files of a folder, path to hash, as listed in the cache; none for a file.

        Raises Fault if the listing is not there, or not to be trusted.
        """
        if not out.is_folder:
            return {}
        path = self.path(out.hash, out.kind)
        try:
            limits.LISTING.check(path.stat().st_size, "the list of its files")
            return trust.listing(path.read_bytes())
        except FileNotFoundError:
            raise Fault(f"{out.path}, object {out.hash}: not in the cache") from None
        except Fault as fault:
            raise Fault(f"{out.path}, object {out.hash}: {fault}") from None

    def place(self, out: Output, target: Path, inside: str = "") -> None:
        """Copy an output, or one file ``inside`` a folder, from the cache to a new path.

        Raises Fault if the folder has no such file.
        """
        files = self.listing(out) if out.is_folder else {"": out.hash}
        if inside and inside not in files:
            raise Fault(f"{out.path} has no file {inside}; it has {', '.join(sorted(files))}")
        for name, oid in {"": files[inside]}.items() if inside else files.items():
            path = target / name if name else target
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.path(oid, out.kind), path)

    def check_out(self, path: Path, files: Mapping[str, str] | None, kind: str) -> None:
        """Make a path of the workspace consist of these files of the cache, path to hash.

        The one file of an output that is no folder has the empty path; None removes the output.
        Each file is linked as DVC is set to, beside the workspace, and put in place at once: none
        is ever half there. What is right already stays, and what .dvcignore leaves out of a folder.
        """
        from dvc.fs import localfs

        self.clear(path, files or {})
        if files is None:
            return
        if "" not in files:
            path.mkdir(parents=True, exist_ok=True)
        for folder in {(path / name).parent for name in files if name}:
            trust.within(self.root, folder / "file")  # through a link that .dvcignore leaves out
        for name, oid in files.items():
            self._check_out_file(path / name if name else path, oid, kind)
        self.repo.state.save_link(str(path), localfs)  # or DVC would never remove it

    def clear(self, path: Path, stay: Collection[str] = ()) -> None:
        """Remove a file, or of a folder what .dvcignore does not leave out, but for ``stay``."""
        trust.within(self.root, path)
        if path.is_symlink() or not path.is_dir():
            if "" not in stay:
                path.unlink(missing_ok=True)
            return
        for old in _inside(path, self.root):
            if old.relative_to(path).as_posix() not in stay:
                old.unlink()
        for folder in sorted(path.rglob("*/"), reverse=True):
            with suppress(OSError):  # not empty
                folder.rmdir()
        if not stay or "" in stay:
            with suppress(OSError):
                path.rmdir()

    def is_checked_out(self, out: Output) -> bool:
        """Whether the workspace has an output, and no file more that DVC would take for its."""
        path = self.root / out.path
        if not out.is_folder:
            return hash_of(path, out.kind) == out.hash
        files = self.listing(out)
        return path.is_dir() and files_of(path, out.kind, self.root, files) == files

    def links(self) -> tuple[str, list[str]]:
        """How DVC puts files of the cache into the workspace: "copy", or a kind of link; and the
        kinds of link that the disk supports. Tried with a file."""
        from dvc.fs import localfs
        from dvc_objects.fs.generic import test_links

        cache, beside = self.repo.cache.local, str(self.root / ".dvc/tmp/link")
        able = test_links(["reflink", "hardlink", "symlink"], cache.fs, cache.path, localfs, beside)
        return next((kind for kind in cache.cache_types if kind in able), "copy"), able

    def sizes(self, outs: Iterable[Output]) -> dict[str, int]:
        """How many bytes the objects of outputs have that are in the cache, by hash."""
        objects = {oid: out.kind for out in outs for oid in self.objects_of(out)}
        paths = {oid: self.path(oid, kind) for oid, kind in objects.items()}
        return {oid: path.stat().st_size for oid, path in paths.items() if path.is_file()}

    def _check_out_file(self, path: Path, oid: str, kind: str) -> None:
        from dvc.fs import localfs
        from dvc_objects.fs.generic import transfer

        if path.is_file() and md5_of(path, kind) == oid:
            return
        cache = self._cache(kind)
        parts = self.root / ".dvc/tmp/strata-part"
        remove(parts)  # of a command that was killed
        parts.mkdir(parents=True)
        try:
            part, links = parts / "file", cache.cache_types
            transfer(cache.fs, str(self.path(oid, kind)), localfs, str(part), links=links)
            if path.is_dir() and not path.is_symlink():
                name = path.relative_to(self.root)
                raise Fault(f"{name}/ is in the way, with files that .dvcignore leaves out")
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)
        finally:
            remove(parts)

    @contextmanager
    def locked(self, homes: Iterable[Path] = ()) -> Iterator[None]:
        """Keep DVC's commands out for the time of a block, as they do among themselves.

        Out of ``homes``, clones that share the cache, if there are any. Raises Fault while one of
        them, or a stage that it runs, is at work.
        """
        by_hardlink = bool(self.repo.config["core"].get("hardlink_lock"))
        with ExitStack() as stack:
            for home in homes or [self.root]:
                stack.enter_context(_locked(home, by_hardlink))
            yield

    def add(self, out: Output, root: Path) -> None:
        """Put an output that lies in a project's folder, and has its hash, into the cache.

        As `dvc commit` does, but for dvc.lock.
        """
        from dvc.fs import localfs

        cache, path = self._cache(out.kind), root / out.path
        files = files_of(path, out.kind, root) if path.is_dir() else {"": out.hash}
        cache.add([str(path / name) for name in files], localfs, list(files.values()))
        if out.is_folder:
            cache.add_bytes(out.hash, _listing(files))

    def objects(self) -> list[str]:
        """The hashes of all objects in the cache of kind ``md5``."""
        return list(self.repo.cache.local.all())

    # The remotes

    def remote(self, out: Output | None = None) -> str | None:
        """The name of an output's own remote, else the default one; None where there is none."""
        return (out.remote if out else None) or self.repo.config["core"].get("remote")

    def reach(self, name: str) -> None:
        """Check, once, that a remote answers.

        Raises Offline with what is wrong: no server, no permission, no bucket.
        """
        from dvc.exceptions import DvcException

        if name in self._reached:
            return
        try:
            remote = self.repo.cloud.get_remote(name)
            self.repo.cloud.get_remote_odb(name)  # which one with versions of its own has not
        except (DvcException, ImportError) as error:
            raise Offline(f"remote {name!r}: {first_line(error)}") from None
        url = str(self.repo.config["remote"].get(name, {}).get("url", remote.path))
        where = f"remote {name!r} ({url})"
        protocol = remote.fs.protocol
        bucket = remote.path.split("/")[0] if protocol == "s3" else remote.path
        try:
            if protocol in ("http", "https"):
                _ask(url)
            else:
                remote.fs.ls(bucket, detail=False)
        except FileNotFoundError:
            if protocol == "s3":
                raise Offline(f"{where}: there is no bucket {bucket!r}") from None
            if protocol == "local" and not Path(remote.path).parent.exists():
                raise Offline(f"{where}: there is no such folder") from None
        except PermissionError as error:
            why = f"access denied: {first_line(error)}; check the credentials"
            raise Offline(f"{where}: {why}") from None
        except NotImplementedError:
            pass  # cannot list: it is asked object by object
        except Exception as error:  # each kind of storage has errors of its own
            raise Offline(f"{where}: cannot be reached: {first_line(error)}") from None
        self._reached.add(name)

    def fetch(self, outs: Iterable[Output]) -> str:
        """Get what the cache lacks of outputs from their remotes; returns the last complaint.

        By hash, not by revision: DVC would go by the settings of each revision, and skip those
        that are older than the storage. Raises Offline if a remote is.
        """
        complaint = ""
        for name, ours in self._by_remote(outs).items():
            listings = {(out.hash, out.kind) for out in ours if out.is_folder}
            complaint = self._transfer("pull", name, listings) or complaint  # they name the rest
            files = {(oid, out.kind) for out in ours for oid in self.missing(out)} - listings
            complaint = self._transfer("pull", name, files) or complaint
        return complaint

    def fetch_object(self, remote: str, oid: str, kind: str) -> str:
        """Get one object; returns a complaint, if any. Check yourself whether it came."""
        return self._transfer("pull", remote, {(oid, kind)})

    def push(self, outs: Iterable[Output]) -> tuple[list[Output], str]:
        """Push what remotes lack of outputs, if the cache has them whole.

        Returns those that are not on their remotes afterwards, and the last complaint. Raises
        Offline if a remote does not answer.
        """
        absent, complaint = self.not_on_remote(outs), ""
        for name, ours in self._by_remote(absent).items():
            whole = [out for out in ours if not self.missing(out)]
            oids = {(oid, o.kind) for o in whole for oid in (o.hash, *self.listing(o).values())}
            complaint = self._transfer("push", name, oids) or complaint
        return self.not_on_remote(absent), complaint

    def _by_remote(self, outs: Iterable[Output]) -> dict[str, list[Output]]:
        remotes: dict[str, list[Output]] = {}
        for out in outs:
            if name := self.remote(out):
                remotes.setdefault(name, []).append(out)
        return remotes

    def _transfer(self, way: str, remote: str, oids: set[tuple[str, str]]) -> str:
        from dvc.exceptions import DvcException
        from dvc_data.hashfile.hash_info import HashInfo

        if not oids:
            return ""
        self.reach(remote)
        complaint = ""
        if way == "pull":  # DVC would parse a listing before it is hashed, and trip over another
            listings = {(oid, kind) for oid, kind in oids if oid.endswith(".dir")}
            complaints = [self._fetch_listing(remote, *listing) for listing in sorted(listings)]
            complaint, oids = next(filter(None, complaints), ""), oids - listings
        try:
            for kind in {kind for _, kind in oids}:
                odb = self.repo.cloud.get_remote_odb(remote, hash_name=kind)
                odb.verify = True  # what comes is hashed before it is kept
                infos = {HashInfo(kind, oid) for oid, its in oids if its == kind}
                getattr(self.repo.cloud, way)(infos, odb=odb)
        except (DvcException, OSError) as error:
            return first_line(error)
        return complaint

    def _fetch_listing(self, remote: str, oid: str, kind: str) -> str:
        """Get the list of a folder's files, if it is there; returns a complaint, if any."""
        from dvc.fs import localfs

        odb = self.repo.cloud.get_remote_odb(remote, hash_name=kind)
        with TemporaryDirectory(prefix="strata-") as folder:
            file = Path(folder, "listing")
            try:
                odb.fs.get_file(odb.oid_to_path(oid), str(file))
            except FileNotFoundError:
                return ""
            except Exception as error:  # each kind of storage has errors of its own
                return first_line(error)
            if md5_of(file, "md5") != oid.removesuffix(".dir"):
                return f"the object {oid} is damaged there"
            self._cache(kind).add(str(file), localfs, oid)
        return ""

    def not_on_remote(self, outs: Iterable[Output]) -> list[Output]:
        """The outputs that have no remote, or of which theirs lacks something.

        A folder's list of files is fetched if the cache lacks it. Raises Offline if a remote does
        not answer.
        """
        outs, lost = list(outs), set[Output]()
        for name, ours in self._by_remote(outs).items():
            folders = {(out.hash, out.kind) for out in ours if out.is_folder}
            self._transfer("pull", name, {folder for folder in folders if not self.intact(*folder)})
            self.reach(name)
            needed = {out: self.objects_of(out) for out in ours}
            for kind in {out.kind for out in ours}:
                odb = self.repo.cloud.get_remote_odb(name, hash_name=kind)
                theirs = [out for out in ours if out.kind == kind]
                there = set(odb.list_oids_exists({oid for out in theirs for oid in needed[out]}))
                lost |= {out for out in theirs if not needed[out] <= there}
        return [out for out in outs if out in lost or not self.remote(out)]

    def objects_of(self, out: Output) -> set[str]:
        """The hashes of an output's objects; of a folder that is not in the cache, its own."""
        is_listed = out.is_folder and self.path(out.hash, out.kind).is_file()
        return {out.hash, *(self.listing(out).values() if is_listed else ())}

    def has_remotely(self, out: Output, oid: str) -> bool:
        """Whether an output's remote has an object."""
        return bool(self.remote(out) and self._remotely(out).exists(oid))

    def _remotely(self, out: Output) -> Any:
        """The objects of an output's kind on its remote. Raises Offline."""
        name = str(self.remote(out))
        self.reach(name)
        return self.repo.cloud.get_remote_odb(name, hash_name=out.kind)

    def damaged(self, outs: Iterable[Output]) -> tuple[set[str], int]:
        """The hashes of the objects that are damaged on the remotes, and how many objects it read.

        Each is read whole, one after another, into a temporary file. Raises Offline if a remote
        does not answer, or breaks off.
        """
        bad, seen = set[str](), set[str]()
        with TemporaryDirectory(prefix="strata-") as folder:
            file = Path(folder, "object")
            for name, ours in self._by_remote(outs).items():
                for out in ours:
                    odb = self._remotely(out)
                    for oid in self.objects_of(out) - seen:
                        if not odb.exists(oid):
                            continue
                        try:
                            odb.fs.get_file(odb.oid_to_path(oid), str(file))
                        except Exception as error:  # each kind of storage has errors of its own
                            raise Offline(f"remote {name!r}: {oid}: {first_line(error)}") from None
                        seen.add(oid)
                        kind = "md5" if oid.endswith(".dir") else out.kind
                        if md5_of(file, kind) != oid.removesuffix(".dir"):
                            bad.add(oid)
        return bad, len(seen)

    def mend(self, outs: Iterable[Output], damaged: set[str]) -> None:
        """Replace damaged objects of a remote by the good ones that the cache has.

        DVC takes an object that exists on a remote for good, and the files of a folder whose
        listing exists for present: so the bad objects and their listings go first.
        """
        whole = [out for out in outs if not self.missing(out)]
        touched = [out for out in whole if damaged & {out.hash, *self.listing(out).values()}]
        for out in touched:
            odb = self._remotely(out)
            for oid in {out.hash} | (damaged & set(self.listing(out).values())):
                with suppress(NotImplementedError):  # a remote that can only be read
                    if odb.exists(oid):
                        odb.delete(oid)
        self.push(touched)


@contextmanager
def _locked(root: Path, by_hardlink: bool) -> Iterator[None]:
    """Keep DVC's commands out of a folder with ``.dvc`` for the time of a block.

    Raises Fault while one of them, or a stage that it runs, is at work.
    """
    from dvc.lock import LockError, make_lock

    folder = root / ".dvc/tmp"
    if not folder.parent.is_dir():  # no DVC here, nor traces of it
        yield
        return
    folder.mkdir(exist_ok=True)
    lock = make_lock(str(folder / "lock"), str(folder), hardlink_lock=by_hardlink)
    try:
        lock.lock()
    except LockError:
        holder = _holder(folder / "lock")
        raise Fault(f"{holder} is at work here: wait for its end, then try again") from None
    try:
        for command in running(folder / "rwlock"):
            raise Fault(f"{command} is at work here: wait for its end, then try again")
        yield
    finally:
        lock.unlock()


def may_use(cache: Path, folder: Path) -> bool:
    """Whether DVC, in a folder, has this cache, or nobody can tell which.

    Only settings are read: to open a repository is to write into it.
    """
    from dvc.config import Config
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        home = Path(Repo.find_root(str(folder)), ".dvc")
        named = Config(str(home))["cache"].get("dir", home / "cache")
    except NotDvcRepoError:
        return False
    except Exception:  # what a broken .dvc/config raises has no common class
        return True
    return Path(named).resolve() == cache


def check_plugin(scheme: str) -> None:
    """Raise Fault for a kind of storage that DVC has not, or not without another package."""
    from dvc.fs import registry

    if scheme not in registry:
        raise Fault(f"DVC has no storage {scheme}://, but a folder, or {', '.join(registry)}")
    try:
        registry[scheme]
    except ImportError as error:
        how = "add it to the group dev in pyproject.toml, then `make lock setup`"
        raise Fault(f"{error}: {how}") from None


def running(rwlock: Path) -> list[str]:
    """The commands of DVC that run a stage, each with its process; they hold no other lock then."""
    import psutil

    try:
        held = json.loads(rwlock.read_text(encoding="utf-8") or "{}")
        entries = [*chain(*held.get("read", {}).values()), *held.get("write", {}).values()]
        holders = {(entry["pid"], entry["cmd"]) for entry in entries}
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Fault(f"{rwlock} is damaged; with no DVC at work here, remove it") from None
    return [f"`{cmd}` (process {pid})" for pid, cmd in sorted(holders) if psutil.pid_exists(pid)]


def _holder(lock: Path) -> str:
    """The command that holds DVC's lock, with its process, if that can be found out."""
    import psutil

    try:
        number = int(lock.read_text(encoding="utf-8"))
        words = psutil.Process(number).cmdline()
    except (OSError, ValueError, psutil.Error):
        return "a command of DVC or Strata"
    return f"{command_in(words)} (process {number})"


def command_in(words: list[str]) -> str:
    """A process's command as a user types it: without the Python that runs it."""
    for at, word in enumerate(words):
        path = PurePath(word)
        name = path.parent.name if path.name == "__main__.py" else path.stem
        if name in ("dvc", "strata"):  # or strata.cli
            return f"`{' '.join([name, *words[at + 1 :]])}`"
    return "a command of DVC or Strata"


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _ask(url: str) -> None:
    """Raise an error if nothing answers at an HTTP address; "not found" is an answer.

    DVC's own file system takes a server that is down for one that lacks the file.
    """
    try:
        with urlopen(Request(url, method="HEAD"), timeout=10):
            return
    except HTTPError as error:
        if error.code in (401, 403):
            raise PermissionError(f"{error.code} {error.reason}") from None
        if error.code >= 500:
            raise OSError(f"{error.code} {error.reason}") from None


def md5_of(path: Path, kind: str) -> str:
    """The MD5 of a file's bytes; for ``md5-dos2unix`` of a text with Unix newlines.

    DVC's memory of hashes by time stamps is not asked: relying on it would prove nothing.
    """
    from dvc_data.hashfile.hash import file_md5

    return str(file_md5(str(path), name=kind))


def files_of(
    folder: Path, kind: str, root: Path | None = None, named: Iterable[str] = ()
) -> dict[str, str]:
    """The files in a folder on disk, path to hash.

    In a project, whose folder is ``root``, they are without what its .dvcignore leaves out, but
    with what is ``named``.
    """
    paths = {*_inside(folder, root), *(folder / name for name in named)}
    there = sorted(path for path in paths if path.is_file())
    return {path.relative_to(folder).as_posix(): md5_of(path, kind) for path in there}


def _inside(folder: Path, root: Path | None) -> list[Path]:
    """All in and below a folder but folders, links to folders among it. See ``files_of``."""
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    ignores = DvcIgnoreFilter(localfs, str(root)) if root else None
    walk = ignores.walk(localfs, str(folder)) if ignores else os.walk(folder)
    paths = []
    for at, folders, names in walk:
        paths += [Path(at, name) for name in names]
        paths += [path for name in folders if (path := Path(at, name)).is_symlink()]
    return paths


def hash_of(path: Path, kind: str, root: Path | None = None) -> str | None:
    """Read a file or a folder whole and return its hash as DVC writes it; None if it is absent.

    A folder's hash is that of the list of its files, sorted by path, each with its own.
    """
    import hashlib

    if path.is_file():
        return md5_of(path, kind)
    if not path.is_dir():
        return None
    listing = _listing(files_of(path, kind, root))
    return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"


def _listing(files: dict[str, str]) -> bytes:
    """The object that stands for a folder of these files, path to hash."""
    entries = [{"md5": oid, "relpath": name} for name, oid in sorted(files.items())]
    return json.dumps(entries, sort_keys=True).encode()
