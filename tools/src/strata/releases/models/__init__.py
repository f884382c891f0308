"""List the releases of the models: version, stage, commit, date, and the headline metric."""

import argparse
from pathlib import Path

from strata import git
from strata.core.settings import section
from strata.core.values import aligned
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.releases.models.figures import metrics_of, shown


def run(args: argparse.Namespace) -> int:
    """Print a line a release, the newest first; or write the page."""
    root = git.top()
    if args.html:
        return write_page(root, args.html, args.model)
    metric = str(section(root, "report").get("headline", ""))
    with opened(root) as store:
        workspace = Revision(store, None)
        models = {*workspace.models.values(), *registry.names(root)}
        if args.model and args.model not in models:
            registry.model_of(workspace, args.model)  # raises Fault with those that there are
        names = [args.model] if args.model else sorted(models)
        entries = [registry.entry(root, name) for name in names]
        rows = []
        for release in (each for entry in entries for each in entry.releases):
            stages, day = ", ".join(release.stages), release.at.strftime("%Y-%m-%d")
            figure = shown(metrics_of(Revision(store, release.commit)), metric)
            commit = release.commit[:9]
            rows.append([release.model, release.version, stages, commit, day, figure])
    if rows:
        print(aligned([["model", "version", "stage", "commit", "date", metric], *rows]))
    else:
        print("no model is released; `strata release` releases this commit's")
    moves = [move for entry in entries for move in _moves(entry)]
    if moves:
        print("\n" + aligned([["model", "stage", "date", "version", "tag"], *moves]))
    for entry in entries:
        for tag, why in entry.uncounted.items():
            print(f"{tag} does not count: {why}")
    return 0


def _moves(entry: registry.Entry) -> list[list[str]]:
    """The rows of what was put into a model's stages or rolled back, the newest first."""
    return [
        [
            *(entry.model, move.stage, move.at.strftime("%Y-%m-%d")),
            *(f"{move.version} out" if move.out else move.version, move.tag),
        ]
        for move in entry.placements[::-1]
    ]


def write_page(root: Path, file: Path, model: str | None) -> int:
    """Write the history of the models, or of one, as a page that needs nothing else."""
    from strata.releases.models import page, record

    with opened(root) as store:
        history = record.read(store, model)
    file.write_bytes(page.render(history).encode())
    return 0
