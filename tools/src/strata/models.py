"""List the releases of the models: version, stage, commit, date, and the headline metric."""

import argparse

from strata import git, registry
from strata.errors import Fault
from strata.revision import Revision
from strata.settings import section
from strata.store import opened
from strata.values import aligned, is_number


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", nargs="?", help="one of several")


def run(args: argparse.Namespace) -> int:
    """Print a line a release, the newest first."""
    root = git.top()
    metric = str(section(root, "report").get("headline", ""))
    with opened(root) as store:
        here = Revision(store, None)
        one_of_them = [registry.model_of(here, args.model)] if args.model else []
        names = one_of_them or sorted(here.models.values())
        found = [one for name in names for one in registry.releases(root, name)]
        if not found:
            print("no model is released; `strata release` releases this commit's")
            return 0
        rows = [["model", "version", "stage", "commit", "date", metric]]
        for one in found:
            stages = ", ".join(one.stages)
            day = one.at.strftime("%Y-%m-%d")
            figure = _figure(Revision(store, one.commit), metric)
            rows.append([one.model, one.version, stages, one.commit[:9], day, figure])
    print(aligned(rows))
    return 0


def _figure(revision: Revision, metric: str) -> str:
    """A metric of a revision, with the standard error beside it, if it has one."""
    try:
        value, error = revision.metrics.get(metric), revision.metrics.get(f"{metric}_se")
    except Fault:
        return "cannot be read"
    if not is_number(value):
        return "–"
    return f"{value:.4f}" + (f" ± {1.96 * error:.4f}" if is_number(error) else "")
