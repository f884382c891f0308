"""The commands of ``strata`` and their arguments, in the groups in which `--help` lists them.

What a command does is in a module of its own, with a function ``run(args)`` that returns the exit
code. It is imported when the command is run, and not to show what arguments it takes. The docstring
of what declares them is what the help says of the command. `look` and `adopt` are in a distribution
of their own, tools/adopt.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from strata.git import HOOKS


class Command(NamedTuple):
    """A command: its module, what declares its arguments, the extra that has what it imports."""

    module: str
    declare: Callable[[ArgumentParser], None]
    extra: str = ""

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return str(self.declare.__doc__)


def _status(parser: ArgumentParser) -> None:
    """Tell how the workspace stands, and the next step."""
    parser.add_argument(
        "--remote",
        action="store_true",
        help="read what the remote has of this commit, whole; replace what is damaged there",
    )


def _repro(parser: ArgumentParser) -> None:
    """Run the pipeline as `dvc repro` does, with one Python for all stages."""
    parser.prefix_chars = "\0"  # those that begin with a dash are DVC's, too
    parser.add_argument("arguments", nargs="*", metavar="...", help="as `dvc repro` takes them")


def _restore(parser: ArgumentParser) -> None:
    """Bring a revision's code, data and model into the workspace, proven."""
    parser.add_argument("revision", help="a tag, branch, commit or experiment; - for the last one")
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="do not ask the remote: run the revision's code, as is done if an output is nowhere",
    )


def _get(parser: ArgumentParser) -> None:
    """Take one output of a revision, without touching the workspace."""
    parser.add_argument("revision", help="a tag, branch, commit or experiment")
    parser.add_argument("path", help="an output, such as models/model.joblib, or a file in one")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to put it")
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="do not ask the remote: run the revision's code, as is done if an output is nowhere",
    )


def _report(parser: ArgumentParser) -> None:
    """Say what a change does to data, params and metrics, for its reviewer."""
    parser.add_argument(
        "--base", metavar="REV", help="compare with REV (default: where HEAD left the main branch)"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with pictures")
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="what `dvc repro` printed: which stages ran"
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="run the base's code: its pipeline if its data is nowhere, what scores rows if both "
        "held out hardly a row",
    )


def _compare(parser: ArgumentParser) -> None:
    """Tell whether one model is better than another, beyond noise."""
    parser.add_argument("champion", help="the revision to beat")
    parser.add_argument("challenger", help="the revision that would take its place")
    parser.add_argument(
        "--on",
        metavar="DATA",
        type=Path,
        action="append",
        help="rows with labels, CSV or Parquet, or a folder of them, that both are to score",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="if both held out hardly a row, have the champion score the challenger's, by its code",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _verify(parser: ArgumentParser) -> None:
    """Run a revision's pipeline from scratch and compare every hash."""
    parser.add_argument("revision", nargs="?", default="HEAD", help="the last commit if not given")


def _sweep(parser: ArgumentParser) -> None:
    """Search over parameters: many experiments, none lost."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", help="begin a sweep; its experiments are NAME-1, NAME-2, ...")
    which.add_argument("--resume", metavar="NAME", help="go on with a sweep that was stopped")
    parser.add_argument(
        "-S",
        "--set-param",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="values of a parameter: a,b or choice(a,b) or range(start,stop,step); "
        "with --trials also interval(a,b) and tag(log,interval(a,b))",
    )
    parser.add_argument(
        "--retry", action="store_true", help="with --resume: run the failed trials again too"
    )
    parser.add_argument("--trials", type=int, metavar="N", help="search with N trials; else a grid")
    parser.add_argument("--seed", type=int, default=0, help="of the search; default 0")
    parser.add_argument(
        "--metric", help="its dotted key; default [tool.strata.sweep] of pyproject.toml"
    )
    parser.add_argument("--direction", choices=["maximize", "minimize"], help="of the metric")
    parser.add_argument("--jobs", type=int, metavar="N", help="workers; default one a processor")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run on a Dask cluster instead")
    parser.add_argument("--apply", metavar="NAME", help="then put a trial, or `best`, in place")
    parser.add_argument("--branch", metavar="BRANCH", help="then make a branch of the best trial")


def _seeds(parser: ArgumentParser) -> None:
    """Measure how far the metrics move by the training's seed alone."""
    parser.add_argument("count", type=int, nargs="?", default=10, help="how many seeds; default 10")
    parser.add_argument("--jobs", type=int, metavar="N", help="workers; default one a processor")


def _release(parser: ArgumentParser) -> None:
    """Name this commit's model, once it is proven and no worse."""
    parser.add_argument("model", nargs="?", help="its name in dvc.yaml, if there are several")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--bump", choices=("major", "minor", "patch"), default="minor")
    what.add_argument("--promote", metavar="VERSION", help="put a version that exists in a stage")
    what.add_argument(
        "--rollback", action="store_true", help="put back what was in the stage before"
    )
    parser.add_argument(
        "--stage", metavar="STAGE", default="prod", help="put it there, in place of what is (prod)"
    )
    parser.add_argument("--force", metavar="REASON", help="release it all the same, and say why")


def _models(parser: ArgumentParser) -> None:
    """List the releases of the models, with their metrics."""
    parser.add_argument("model", nargs="?", help="one of several")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page of all models' history instead"
    )


def _bundle(parser: ArgumentParser) -> None:
    """Write what is attached to a release: model, card, bill of materials."""
    parser.add_argument(
        "revision", nargs="?", help="a release's tag, or any revision (the newest release)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder to make")
    parser.add_argument("--model", help="its name in dvc.yaml, if there are several")
    parser.add_argument(
        "--key", metavar="PEM", type=Path, help="sign it with this private key of a P-256 curve"
    )


def _verify_release(parser: ArgumentParser) -> None:
    """Prove such a folder, without a network."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="what `strata bundle` wrote")
    parser.add_argument(
        "--public-key", metavar="PEM", type=Path, help="the key of who should have signed it"
    )


def _predict(parser: ArgumentParser) -> None:
    """Score a file of rows with the model of any revision."""
    parser.add_argument("rows", type=Path, help="CSV or Parquet")
    parser.add_argument("-o", "--output", type=Path, required=True, help="Parquet, to be written")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rev", default="HEAD", help="a tag, branch, commit or experiment (HEAD)")
    which.add_argument("--stage", help="the release that is in a stage, such as prod")
    parser.add_argument("--skip-bad", action="store_true", help="leave out rows that do not fit")


def _monitor(parser: ArgumentParser) -> None:
    """Tell whether the model in use is stale on the data since."""
    parser.add_argument(
        "--champion", metavar="REV", help="the model in use (the release in the stage prod)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--replay", action="store_true", help="train the challengers of the past, one a partition"
    )
    which.add_argument(
        "--on",
        metavar="FOLDER",
        type=Path,
        help="judge on files of rows of your own, such as what was logged, with the labels "
        "that have come; the model of the last commit challenges",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with a picture")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _retrain(parser: ArgumentParser) -> None:
    """Take new data, run the pipeline, and propose what comes of it."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="write the proposal there"
    )


def _storage(parser: ArgumentParser) -> None:
    """Set where data and models are stored."""
    parser.add_argument("url", help="s3://bucket/prefix, a folder, or another of DVC's URLs")
    parser.add_argument(
        "--endpoint", help="address of an S3 server that is not Amazon's; kept out of Git"
    )


def _gc(parser: ArgumentParser) -> None:
    """Free space in the cache without losing any model."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would go, and stop")
    parser.add_argument(
        "--with",
        dest="clones",
        metavar="CLONE",
        type=Path,
        action="append",
        default=[],
        help="another clone that shares this cache; once for each",
    )


def _doctor(parser: ArgumentParser) -> None:
    """Tell whether the project is set up as its docs have it."""
    del parser  # it has none


def _hook(parser: ArgumentParser) -> None:
    """What the Git hooks run."""
    names = ["install", "fresh-lock", "no-secrets", "merge-lock", *HOOKS]
    parser.add_argument("name", choices=names, help="install writes the hooks; Git runs the rest")
    parser.add_argument("arguments", nargs="*", help="what Git hands to the hook")


def _absent(parser: ArgumentParser) -> None:
    """Not installed: pip install dvc-strata-adopt."""
    parser.prefix_chars = "\0"  # it is all the same what is given
    parser.add_argument("arguments", nargs="*")


ABSENT = Command("", _absent)
GROUPS = {
    "every day": {
        "status": Command("strata.guard.status", _status),
        "repro": Command("strata.warm.repro", _repro),
        "restore": Command("strata.restore.command", _restore),
        "get": Command("strata.restore.get", _get),
        "look": ABSENT,
        "adopt": ABSENT,
    },
    "review": {
        "report": Command("strata.report", _report, "report"),
        "compare": Command("strata.compare", _compare, "report"),
        "verify": Command("strata.restore.verify", _verify),
    },
    "search": {
        "sweep": Command("strata.sweep", _sweep, "sweep"),
        "seeds": Command("strata.sweep.seeds", _seeds, "sweep"),
    },
    "after training": {
        "release": Command("strata.releases.release", _release, "report"),
        "models": Command("strata.releases.models", _models, "report"),
        "bundle": Command("strata.releases.bundle", _bundle, "release"),
        "verify-release": Command("strata.releases.bundle.verify", _verify_release, "release"),
        "predict": Command("strata.compare.predict", _predict, "report"),
        "monitor": Command("strata.monitor", _monitor, "report"),
        "retrain": Command("strata.retrain", _retrain, "report"),
    },
    "care": {
        "storage": Command("strata.guard.storage", _storage),
        "gc": Command("strata.guard.gc", _gc),
        "doctor": Command("strata.guard.doctor", _doctor),
        "hook": Command("strata.guard.hook", _hook),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def installed() -> dict[str, Command]:
    """All commands, with those that other packages bring in the place of ABSENT.

    They name them by an entry point in the group ``strata.commands``.
    """
    from importlib.metadata import entry_points  # slower than all else of a help

    brought = {point.name: point for point in entry_points(group="strata.commands")}
    return {
        name: brought[name].load() if command is ABSENT and name in brought else command
        for name, command in COMMANDS.items()
    }
