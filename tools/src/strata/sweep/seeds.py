"""Measure how far each metric moves when nothing but the seed of the training differs.

The pipeline runs with N seeds, as the trials of a sweep, so that a measurement that was stopped
goes on when it is asked for again. The result is committed, for reports to reckon with.
"""

import argparse
import statistics
from pathlib import Path

from strata import git
from strata.compare.seeds import Seeds, params_of, place
from strata.core.errors import Fault
from strata.core.settings import section
from strata.core.values import Leaves, aligned, flatten, is_error, is_number
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata.sweep import import_all, opened_sweep, plan
from strata.sweep.plan import Plan

FEWEST = 3


def run(args: argparse.Namespace) -> int:
    """Measure, write the file and commit it."""
    import_all()
    home = git.top()
    if args.count < FEWEST:
        raise Fault(f"{args.count} seeds: at least {FEWEST}, and 10 tell much more")
    plan.check_clean(home, "what is measured is a commit")
    path = place(home)
    if (home / path).exists() and not git.is_tracked(home, path):
        raise Fault(f"{path} is in the way and not in Git; move it, or commit it")
    base = refs.commit_of("HEAD", home)
    with opened(home) as store:
        head = Revision(store, base)
        param = param_of(head)
        file, _, key = param.rpartition(":")
        current = flatten(head.parsed(file or "params.yaml")).get(key)
        if isinstance(current, bool) or not isinstance(current, int):
            raise Fault(f"{param} is {current!r}, and not a whole number that could be varied")
        # One to show while it runs: that of sweeps, else the first that is no count.
        metric = section(home, "sweep").get("metric") or next(
            (name for name, value in numbers(head.metrics).items() if isinstance(value, float)),
            None,
        )
        stages = plan.stages_of(head)
    if metric is None:
        raise Fault("this commit has no metric: there is nothing to measure")
    seeds = [current + step for step in range(args.count)]
    settings = [f"{param}={','.join(map(str, seeds))}"]
    name = f"seeds-{base[:9]}-{args.count}"
    wanted = Plan(name, base, settings, None, 0, metric, "maximize", stages)
    with opened_sweep(home, wanted) as sweep:
        sweep.run(args.jobs)
        commits = {n: t.user_attrs["commit"] for n, t in sweep.settled().items()}
    with opened(home) as store:
        fits = {
            seeds[number - 1]: numbers(Revision(store, commit).metrics)
            for number, commit in sorted(commits.items())
            if commit
        }
    if len(fits) < FEWEST:
        raise Fault(f"{len(fits)} of {args.count} fits finished, too few; see {sweep.folder}/logs")
    measured = Seeds(base, param, list(fits), deviations(list(fits.values())))
    print(table(list(fits.values()), measured))
    commit(home, path, measured)
    return 0


def param_of(revision: Revision) -> str:
    """The seed of the training, by the settings or as the only one that the model's stage reads.

    Raises Fault with what to set if it cannot be told.
    """
    names = params_of(revision)
    if len(names) == 1:
        return names[0]
    which = f"there are {', '.join(names)}" if names else "none is called seed"
    raise Fault(
        f"which param is the seed of the training? Set param in [tool.strata.seeds]: {which}"
    )


def numbers(metrics: Leaves) -> dict[str, float]:
    """The metrics that are numbers, without the standard errors of others."""
    return {
        name: value
        for name, value in metrics.items()
        if is_number(value) and not is_error(name, metrics)
    }


def deviations(fits: list[dict[str, float]]) -> dict[str, float]:
    """The standard deviation (ddof 1) of each metric that all fits have."""
    shared = [name for name in fits[0] if all(name in fit for fit in fits)]
    return {name: round(statistics.stdev(fit[name] for fit in fits), 9) for name in sorted(shared)}


def table(fits: list[dict[str, float]], measured: Seeds) -> str:
    """The metrics that move with the seed, for people."""
    rows = [
        (name, f"{statistics.fmean(fit[name] for fit in fits):.6g}", f"{sd:.3g}")
        for name, sd in measured.sd.items()
        if sd
    ]
    return aligned([("metric", "mean", "sd"), *rows]) if rows else "no metric moves with the seed"


def commit(home: Path, path: str, measured: Seeds) -> None:
    """Write the file and commit it, and nothing else."""
    (home / path).parent.mkdir(parents=True, exist_ok=True)
    (home / path).write_text(measured.dump(), encoding="utf-8", newline="\n")
    git.add(home, "--", path)
    if not git.uncommitted(home, [path]):
        print(f"{path} has it already")
        return
    message = f"Measure the fit's own randomness with {len(measured.seeds)} seeds"
    only = ("commit", "--quiet", "--message", message, "--only", "--", path)
    git.git(git.LITERAL, *only, root=home)
    print(f"{path} is committed: {message}")
