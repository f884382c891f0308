"""Score a file of rows with the model of any revision, by that revision's own code and packages."""

import argparse
import tempfile
from pathlib import Path

from strata import git
from strata.compare.program import scorer
from strata.core.errors import Fault
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs


def run(args: argparse.Namespace) -> int:
    """Write the predictions of all rows; with ``--skip-bad`` of those that fit."""
    if args.output.suffix != ".parquet":
        raise Fault(
            f"{args.output}: only Parquet carries which model it is of: name a .parquet file"
        )
    if args.output.exists():
        raise Fault(f"{args.output} exists; name another file, or remove it first")
    if not args.rows.is_file():
        raise Fault(f"{args.rows}: no such file")
    root = git.top()
    with opened(root) as store:
        release = registry.in_stage(Revision(store, None), args.stage) if args.stage else None
        name = release.tag if release else args.rev
        revision = Revision(store, release.commit if release else refs.commit_of(name, root))
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=args.output.parent, prefix=".strata-") as folder:
            scores, stamped = Path(folder) / "scores.parquet", Path(folder) / "stamped.parquet"
            with scorer(revision) as score:
                score(args.rows, scores, args.skip_bad)
            rows = stamp(scores, stamped, origin(revision, name))
            stamped.rename(args.output)
    print(f"{args.output}: {rows:,} predictions of {name} ({str(revision.commit)[:9]})")
    return 0


def origin(revision: Revision, name: str) -> dict[str, str]:
    """The metadata of a file of predictions: the revision's name, commit, and models' hashes."""
    hashes = {
        f"strata.model.{model}": out.hash
        for path, model in revision.models.items()
        if (out := revision.output(path))
    }
    return {"strata.version": name, "strata.commit": str(revision.commit), **hashes}


def stamp(source: Path, target: Path, metadata: dict[str, str]) -> int:
    """Copy a Parquet file, with metadata; returns the number of rows. Raises Fault if it is none.

    A batch of rows at a time, so that memory is bounded.
    """
    from pyarrow import parquet

    from strata.core import frames

    place = "what the revision's program wrote"
    count = frames.count(source, place)
    schema = parquet.read_schema(source)
    schema = schema.with_metadata((schema.metadata or {}) | metadata)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in frames.batches(source, place):
            writer.write_batch(batch.cast(schema))
    return count
