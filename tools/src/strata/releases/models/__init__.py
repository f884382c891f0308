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
        here = Revision(store, None)
        known = {*here.models.values(), *registry.names(root)}
        if args.model and args.model not in known:
            registry.model_of(here, args.model)  # says what there is
        names = [args.model] if args.model else sorted(known)
        found = [one for name in names for one in registry.releases(root, name)]
        without = [pair for name in names for pair in registry.uncounted(root, name).items()]
        if not found:
            print("no model is released; `strata release` releases this commit's")
            print_uncounted(without)
            return 0
        rows = [["model", "version", "stage", "commit", "date", metric]]
        for one in found:
            stages = ", ".join(one.stages)
            day = one.at.strftime("%Y-%m-%d")
            figure = shown(metrics_of(Revision(store, one.commit)), metric)
            rows.append([one.model, one.version, stages, one.commit[:9], day, figure])
    print(aligned(rows))
    print_uncounted(without)
    return 0


def print_uncounted(tags: list[tuple[str, str]]) -> None:
    """Print which tags do not count, as anyone may have made them, and why."""
    for tag, why in tags:
        print(f"{tag} does not count: {why}")


def write_page(root: Path, file: Path, model: str | None) -> int:
    """Write the history of the models, or of one, as a page that needs nothing else."""
    from strata.releases.models import page, record

    with opened(root) as store:
        found = record.read(store, model)
    file.write_bytes(page.render(found).encode())
    return 0
