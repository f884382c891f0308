"""Get the outputs of a revision into the cache, each object proven by its own hash.

From the cache, else from the remote, else by running the pipeline again. The workspace is not
touched. A damaged object in the cache is dropped, and one on the remote is replaced.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import repository
from strata.fault import Fault
from strata.outputs import Output, children, hash_of, md5_of
from strata.rebuild import rebuilt


@dataclass(frozen=True)
class Obtained:
    """Where an output came from: cache, remote or rebuilt.

    ``folder`` is a path to a rebuilt output whose hash differs from the lock's, else None.
    """

    output: Output
    source: str
    differing: Path | None = None


@contextmanager
def obtained(
    root: Path, commit: str, outs: list[Output], rebuild: bool = False
) -> Iterator[list[Obtained]]:
    """Get outputs of a commit into the cache; with ``rebuild``, without asking the remote.

    Raises Fault if the remote is set up but does not answer, and if an output that no stage
    makes is nowhere.
    """
    with ExitStack() as stack:
        repo = stack.enter_context(repository.opened(root, commit))
        absent = [out for out in outs if missing(repo, out)]
        sources = dict.fromkeys(outs, "cache")
        said, damaged = "", set[str]()
        if absent and repository.remote_name(repo) and not rebuild:
            try:
                odb = repository.reach(repo)
            except Fault as fault:
                raise Fault(f"{fault}; mend that, or go without the remote: --rebuild") from None
            said = fetch(repo, absent)
            sources |= dict.fromkeys(absent, "remote")
            absent = [out for out in absent if missing(repo, out)]
            # What is there and did not come intact is damaged there.
            damaged = {oid for out in absent for oid in missing(repo, out) if odb.exists(oid)}
        lost = [out.path for out in absent if not out.made]
        if lost:
            raise Fault(
                f"{', '.join(lost)}: neither in the cache nor on the remote, and no stage makes it"
                + (f" ({said})" if said else "")
            )
        folder = stack.enter_context(rebuilt(root, commit, outs, force=False)) if absent else root
        found = []
        for out in outs:
            if out not in absent:
                found.append(Obtained(out, sources[out]))
                continue
            same = hash_of(folder / out.path) == out.hash
            found.append(Obtained(out, "rebuilt", None if same else folder / out.path))
        if damaged:
            mend_remote(repo, absent, damaged)
        yield found


def missing(repo: Any, out: Output) -> set[str]:
    """The hashes of an output's objects that the cache lacks.

    Each object is read and hashed; one that is not what its name says is removed, so that nothing
    takes it for good.
    """
    if not intact(repo, out.hash):
        return {out.hash}
    return {oid for oid in listed(repo, out).values() if not intact(repo, oid)}


def intact(repo: Any, oid: str) -> bool:
    """Whether the cache has this object, unchanged."""
    path = repository.cached(repo, oid)
    if not path.is_file():
        return False
    if md5_of(path) == oid.removesuffix(".dir"):
        return True
    path.chmod(0o644)
    path.unlink()
    return False


def listed(repo: Any, out: Output) -> dict[str, str]:
    """The files of an output that is a folder, path to hash; none if it is a file."""
    if not out.hash.endswith(".dir"):
        return {}
    return children(repository.cached(repo, out.hash).read_text(encoding="utf-8"))


def fetch(repo: Any, outs: list[Output]) -> str:
    """Get from the remote what the cache lacks of outputs; returns the first complaint."""
    listings = {out.hash for out in outs if out.hash.endswith(".dir")}
    said = repository.transfer(repo, listings, push=False)  # they name the rest
    files = {oid for out in outs for oid in missing(repo, out)} - listings
    return said or repository.transfer(repo, files, push=False)


def push(repo: Any, outs: list[Output]) -> str:
    """Push outputs that the cache has whole; returns the first complaint."""
    whole = [out for out in outs if not missing(repo, out)]
    oids = {oid for out in whole for oid in (out.hash, *listed(repo, out).values())}
    return repository.transfer(repo, oids, push=True)


def mend_remote(repo: Any, outs: list[Output], damaged: set[str]) -> None:
    """Replace damaged objects of the remote by the good ones that the cache now has.

    DVC takes an object that exists on a remote for good, and the files of a folder whose listing
    exists for present: so the bad objects and their listings go first, then all is pushed.
    """
    whole = [out for out in outs if not missing(repo, out)]
    touched = [out for out in whole if damaged & {out.hash, *listed(repo, out).values()}]
    odb = repository.reach(repo)
    for out in touched:
        for oid in {out.hash} | (damaged & set(listed(repo, out).values())):
            if odb.exists(oid):
                odb.delete(oid)
    push(repo, touched)


def on_remote(repo: Any, odb: Any, out: Output) -> bool:
    """Whether a remote has an output whole, as far as the cache knows what belongs to it."""
    known = repository.cached(repo, out.hash).is_file()
    needed = {out.hash, *(listed(repo, out).values() if known else [])}
    return needed <= set(odb.list_oids_exists(needed))


def place(repo: Any, out: Output, target: Path, inside: str = "") -> None:
    """Copy an output, or one file ``inside`` a folder, from the cache to a new path.

    Raises Fault if the folder has no such file.
    """
    if not inside and not out.hash.endswith(".dir"):
        shutil.copyfile(repository.cached(repo, out.hash), target)
        return
    files = listed(repo, out)
    if inside:
        if inside not in files:
            raise Fault(f"{out.path} has no file {inside}; it has {', '.join(sorted(files))}")
        shutil.copyfile(repository.cached(repo, files[inside]), target)
        return
    for name, oid in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository.cached(repo, oid), target / name)
