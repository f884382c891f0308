"""Write what is attached to a release: the same bytes, whoever makes it of the same tag, and when.

The model as DVC has it, in ONNX if the project can, its card, a bill of materials, and a manifest
with the hash of each file and of all that the model came from. Only a signature is new each time.
"""

import argparse
import tempfile
from pathlib import Path, PurePosixPath

from strata import git
from strata.core.errors import Fault
from strata.core.values import aligned
from strata.dvc import gto_tags, registry
from strata.dvc.revision import Revision
from strata.dvc.store import Output, Store, opened
from strata.releases.bundle import bom, export, manifest, signature
from strata.restore.obtain import ensure_cached

BOM = "bom.json"


def run(args: argparse.Namespace) -> int:
    """Write the folder, whole or not at all; 0 if it is there."""
    root = git.top()
    if args.output.exists():
        raise Fault(f"{args.output} exists; name another folder, or remove it first")
    if args.key:
        signature.check(args.key)
    with opened(root) as store:
        source = manifest.source(root, args.revision or newest(store, args.model))
        revision = Revision(store, source.commit)
        event = gto_tags.parse(source.tag)
        model = registry.model_of(revision, args.model or (event.model if event else None))
        args.output.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=args.output.absolute().parent) as parent:
            folder = Path(parent) / "bundle"
            folder.mkdir()
            lacking = fill(store, revision, source, model, folder)
            if args.key:
                signature.sign(folder, args.key)
            else:
                lacking.append("not signed: no --key")
            files = manifest.files(folder)
            folder.rename(args.output)
    sizes = [(name, f"{(args.output / name).stat().st_size:,} bytes") for name in files]
    print(f"{args.output}: {model} of {source.name} ({source.commit[:9]})")
    print("\n".join([aligned(sizes), *lacking]))
    return 0


def newest(store: Store, name: str | None) -> str:
    """The tag of the newest release of the workspace's model. Raises Fault if there is none."""
    model = registry.model_of(Revision(store, None), name)
    for release in registry.releases(store.root, model):
        return release.tag
    raise Fault(f"{model} has no release: `strata release` makes one, or name a revision")


def fill(
    store: Store, revision: Revision, source: manifest.Source, model: str, folder: Path
) -> list[str]:
    """Write all but the signature; returns what is lacking, and why. Raises Fault."""
    predicate = manifest.predicate(revision, source, model)
    lacking: list[str] = []
    place_model(store, revision, predicate["model"]["path"], folder)
    if predicate["card"]:
        add(folder, manifest.CARD, revision.bytes(predicate["card"]))
    else:
        lacking.append(f"no card: {source.name} has none in Git beside the model")
    if predicate["export"]:
        with tempfile.TemporaryDirectory(prefix="strata-") as parent:
            out = Path(parent) / "exported"
            out.mkdir()
            lacking += export.run(store, revision, predicate["export"], out)
            for name in manifest.files(out):
                add(folder, name, (out / name).read_bytes())
    else:
        lacking.append(f"no ONNX: [tool.strata.release] of {source.name} names no export")
    materials = bom.bom(revision, source, predicate, manifest.files(folder))
    add(folder, BOM, manifest.text(materials))
    statement = manifest.statement(predicate, manifest.files(folder))
    add(folder, manifest.NAME, manifest.text(statement))
    return lacking


def place_model(store: Store, revision: Revision, path: str, folder: Path) -> None:
    """Put the model in the folder, each object proven by its hash. Raises Fault if it is not."""
    target = folder / Path(path).name
    out = revision.output(path)
    if out is None:  # Git has it, and proves it
        for name in revision.paths(path):
            file = target / Path(name).relative_to(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(revision.bytes(name))
    else:
        with ensure_cached(store, revision, [out]) as (item,):
            if item.differing:
                raise Fault(
                    f"{out.path} of {revision.name} is stored nowhere, and running its pipeline "
                    "again here gives other bytes: make the bundle where it is stored"
                )
            place_output(store, revision, out, path, target)
    if not target.exists():
        raise Fault(f"{revision.name} has no {path}: its pipeline never made it")


def place_output(store: Store, revision: Revision, out: Output, path: str, target: Path) -> None:
    """Put a model that is an output of DVC's, or a file or a folder in one."""
    if path == out.path:
        store.place(out, target)
        return
    for name in revision.files(path):
        if Path(name).is_relative_to(path):
            file = target / Path(name).relative_to(path)
            store.place(out, file, PurePosixPath(name).relative_to(out.path).as_posix())


def add(folder: Path, name: str, content: bytes) -> None:
    """Write a file. Raises Fault where another part of the bundle has that name."""
    path = folder / name
    if path.exists() or name == signature.NAME:
        raise Fault(f"two parts of the bundle are named {name}: give the model another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
