"""What a sweep is asked to do, and the checks that come before any work."""

import argparse
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from strata import git
from strata.core.errors import Fault
from strata.core.settings import names_in, section
from strata.core.values import flatten
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata.sweep import experiments, space

NAME = re.compile(r"\w[\w-]*(\.[\w-]+)*", re.ASCII)  # a folder's, and a part of a Git reference


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do, as sweeps/NAME/plan.json keeps it.

    ``trials`` is None for a grid. A trial runs ``stages`` and what they need, or all.
    """

    name: str
    base: str
    settings: list[str]
    trials: int | None
    seed: int
    metric: str
    direction: str
    stages: list[str] = field(default_factory=list)

    @property
    def maximize(self) -> bool:
        return self.direction == "maximize"

    def trial(self, number: int) -> str:
        """The name of the experiment of a trial, counted from 1."""
        return f"{self.name}-{number}"

    def trial_names(self) -> list[str]:
        """The names of all its experiments, in order."""
        total = self.trials or len(space.grid(space.parse(self.settings)))
        return [self.trial(number) for number in range(1, total + 1)]


def new(home: Path, args: argparse.Namespace) -> Plan:
    """The plan of a new sweep. Raises Fault if it cannot be carried out."""
    if not NAME.fullmatch(args.name):
        raise Fault(f"{args.name!r} cannot name a sweep; use letters, digits, - and _")
    check_clean(home, "the trials start from HEAD")
    base = refs.commit_of("HEAD")
    if (home / "sweeps" / args.name / "plan.json").exists():
        raise Fault(f"a sweep {args.name} exists; go on with --resume {args.name} or name another")
    if args.trials is not None and args.trials < 1:
        raise Fault(f"--trials {args.trials}: at least 1")
    if not args.set_param:
        raise Fault("nothing to vary; name values, such as -S train.seed=1,2,3")
    dimensions = space.parse(args.set_param)
    with opened(home) as store:
        head = Revision(store, base)
    space.check(dimensions, lambda path: flatten(head.parsed(path)))
    if args.trials is None:
        space.grid(dimensions)
    metric, direction = _aim(head, args.metric, args.direction)
    stages = stages_of(head)
    return Plan(args.name, base, args.set_param, args.trials, args.seed, metric, direction, stages)


def load(home: Path, args: argparse.Namespace) -> Plan:
    """The plan of the sweep that ``--resume`` names. Raises Fault if there is none."""
    file = home / "sweeps" / args.resume / "plan.json"
    if not NAME.fullmatch(args.resume) or not file.exists():
        names = sorted(path.parent.name for path in home.glob("sweeps/*/plan.json"))
        raise Fault(f"no sweep {args.resume!r} to go on with; there are: {', '.join(names) or '-'}")
    if args.set_param or args.trials or args.metric or args.direction:
        raise Fault("--resume goes on with the sweep as planned: leave its other arguments out")
    try:
        return Plan(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise Fault(f"{file}: cannot be read; remove its folder and name a new sweep") from None


def save(folder: Path, plan: Plan) -> None:
    """Write the plan, whole or not at all."""
    part = folder / "plan.part"
    part.write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
    part.replace(folder / "plan.json")


def check_names(home: Path, plan: Plan, remote: str | None) -> None:
    """Raise Fault if an experiment on the commit has the name of a trial: it would pass for it."""
    taken = experiments.commits(home, plan.base, remote)
    for name in plan.trial_names():
        if name in taken:
            where = f" on {remote}" if remote else ""
            raise Fault(f"an experiment {name} exists{where}; name the sweep otherwise")


def check_end(home: Path, plan: Plan, apply: str | None, branch: str | None) -> None:
    """Raise Fault if the best trial cannot be applied or branched off, or that would undo work."""
    if apply:
        check_clean(home, "--apply would overwrite that")
        if refs.commit_of("HEAD") != plan.base:
            why = f"--apply would undo what was committed since {plan.base[:7]}, where it began"
            raise Fault(f"the sweep {plan.name}: {why}; use --branch")
        if apply != "best" and apply not in plan.trial_names():
            raise Fault(f"--apply {apply}: not a trial of {plan.name}; name one, or `best`")
    if branch:
        git.check_new_branch(home, branch)


def check_clean(home: Path, why: str) -> None:
    """Raise Fault if a file of Git's differs from HEAD."""
    if edited := git.edits(home, untracked=False):
        raise Fault(f"{edited[0]} has changes, and {why}; commit it first")


def stages_of(revision: Revision) -> list[str]:
    """The stages that a trial runs, with what they need; empty for all. Raises Fault."""
    names = names_in(section(revision.root, "sweep"), "stages", "[tool.strata.sweep]")
    for name in names:
        if name not in revision.stages:
            there = ", ".join(revision.stages)
            raise Fault(f"[tool.strata.sweep]: stages: no stage {name!r}; there are {there}")
    return names


def _aim(head: Revision, metric: str | None, direction: str | None) -> tuple[str, str]:
    """The metric and whether to maximize or minimize it. Raises Fault for an unknown metric."""
    settings = section(head.root, "sweep")
    default = settings.get("metric")
    metric = metric or default
    if not metric:
        raise Fault("no metric to look at; name one with --metric KEY --direction DIRECTION")
    if head.metrics and metric not in head.metrics:
        hint = space.nearest(metric, head.metrics) or "`dvc metrics show` lists them"
        raise Fault(f"no metric {metric!r}; {hint}")
    direction = direction or (settings.get("direction") if metric == default else None)
    if direction not in ("maximize", "minimize"):
        raise Fault(f"is more or less of {metric} better? --direction maximize or minimize")
    return metric, direction
