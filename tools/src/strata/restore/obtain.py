"""Get the outputs of a revision into the cache, each object proven by its own hash.

From the cache, else from the remote or the source of an import, else by running the pipeline
again. The workspace is not touched. A damaged object in the cache is dropped, and one on the
remote is replaced.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from strata import git
from strata.core.errors import Fault, first_line
from strata.dvc.revision import Revision
from strata.dvc.store import Offline, Output, Store, hash_of, own_settings
from strata.git import refs
from strata.restore.checkout import clone, dvc, rebuilt


@dataclass(frozen=True)
class Obtained:
    """Where an output came from: cache, remote, source or rebuilt.

    ``differing`` is the path of a rebuilt output whose hash is not the lock's, else None; ``clone``
    is the folder in which it was rebuilt.
    """

    output: Output
    source: str
    differing: Path | None = None
    clone: Path | None = None


@contextmanager
def ensure_cached(
    store: Store, revision: Revision, outs: list[Output], rebuild: bool = False
) -> Iterator[list[Obtained]]:
    """Get outputs of a commit into the cache; with ``rebuild``, without asking the remote.

    Raises Offline if a remote does not answer, and Fault if what no stage makes is nowhere.
    """
    with ExitStack() as stack:
        absent = missing(store, outs)
        sources, complaint, damaged = dict.fromkeys(outs, "cache"), "", set[str]()
        if absent and not rebuild:
            try:
                complaint = store.fetch(absent)
            except Offline as fault:
                raise Offline(f"{fault}; mend that, or go without the remote: --rebuild") from None
            sources |= dict.fromkeys(absent, "remote")
            absent = missing(store, absent)
            # What is there and did not come intact is damaged there.
            damaged = {
                oid for out in absent for oid in store.missing(out) if store.has_remotely(out, oid)
            }
        if imports := [out for out in absent if out.source]:
            complaint = fetch_imports(store, revision, imports) or complaint
            sources |= dict.fromkeys(imports, "source")
            absent = missing(store, absent)
        if lost := ", ".join(
            f"{out.path} (import of {out.source})" if out.source else out.path
            for out in absent
            if not out.is_rebuildable
        ):
            raise Fault(
                f"{lost} of {revision.name}: neither in the cache nor on a remote, and no stage "
                "makes it" + (f": {complaint}" if complaint else "")
            )
        folder = store.root
        if absent:
            stages = list(dict.fromkeys(out.stage for out in absent))
            folder = stack.enter_context(rebuilt(store, revision, stages))
        items = []
        for out in outs:
            if out not in absent:
                items.append(Obtained(out, sources[out]))
                continue
            same = hash_of(folder / out.path, out.kind, folder) == out.hash
            if same:
                store.add(out, folder)
            items.append(Obtained(out, "rebuilt", None if same else folder / out.path, folder))
        if damaged:
            store.mend(absent, damaged)
        yield items


def missing(store: Store, outs: list[Output]) -> list[Output]:
    """The outputs of which the cache lacks something."""
    return [out for out in outs if store.missing(out)]


def fetch_imports(store: Store, revision: Revision, outs: list[Output]) -> str:
    """Have DVC fetch imports from their sources; returns the first complaint.

    By the settings of the workspace, and only from addresses that are trusted: a revision from
    elsewhere could name any server, to which DVC would show the user's credentials, or any file.
    """
    strange = [out for out in outs if not is_trusted(store, revision, out)]
    complaint = "; ".join(
        f"{out.source} is not asked, since {revision.name} is of another branch and only it names "
        f"that address; if you trust it, check it out, then `strata restore HEAD`"
        for out in strange[:1]
    )
    stages = [out.stage for out in outs if out not in strange]
    if not stages:
        return complaint
    with TemporaryDirectory(prefix="strata-") as parent:
        root = clone(store, str(revision.commit), Path(parent) / store.name)
        (root / ".dvc/config").write_bytes(own_settings(store.root))
        try:
            dvc("fetch", *stages, root=root)
        except (Fault, OSError) as error:
            complaint = complaint or first_line(error)
    return complaint


def is_trusted(store: Store, revision: Revision, out: Output) -> bool:
    """Whether an import's address is in the history of the workspace or of a default branch.

    Or, for an experiment, in the same .dvc file there.
    """
    root, commit = store.root, str(revision.commit)
    mine = git.blob(root, commit, out.stage)
    tips = ("HEAD", "HEAD@{upstream}", *refs.default_branches(root))
    return any(
        git.succeeds("merge-base", "--is-ancestor", commit, tip, root=root)
        or git.blob(root, tip, out.stage) == mine
        for tip in tips
        if git.find_commit(root, tip)
    )
