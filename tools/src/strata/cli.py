"""The command ``strata``: each of its commands is a module.

A command module has ``configure(parser)``, which declares its arguments, and ``run(args)``, which
does the work and returns the exit code. Only the module of the command in use is imported.
"""

import argparse
import importlib
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from strata import cachelock, consent, git, terminal
from strata.errors import Ended, Fault, end, on_signals, require, without_secrets

COMMANDS = {  # name, module, what it does
    "status": ("status", "tell how the workspace stands, and the next step"),
    "repro": ("repro", "run the pipeline as `dvc repro` does, with one Python for all stages"),
    "restore": ("restore", "bring a revision's code, data and model into the workspace, proven"),
    "get": ("restore.get", "take one output of a revision, without touching the workspace"),
    "verify": ("restore.verify", "run a revision's pipeline from scratch and compare every hash"),
    "doctor": ("doctor", "tell whether the project is set up as its docs have it"),
    "gc": ("gc", "free space in the cache without losing any model"),
    "adopt": ("adopt", "put a table of your own in the place of the demo's"),
    "storage": ("storage", "set where data and models are stored"),
    "look": ("look", "show a table, of the workspace or a revision, and what may spoil it"),
    "hook": ("hook", "what the Git hooks run"),
    "compare": ("compare", "tell whether one model is better than another, or that nobody can"),
    "predict": ("predict", "score a file of rows with the model of any revision"),
    "monitor": ("monitor", "tell whether the model in use is stale on the data since"),
    "release": ("release", "name this commit's model, once it is proven and no worse"),
    "bundle": ("bundle", "write what is attached to a release: model, card, bill of materials"),
    "verify-release": ("bundle.verify", "prove such a folder, without a network"),
    "models": ("models", "list the releases of the models, with their metrics"),
    "retrain": ("retrain", "take new data, run the pipeline, and propose what comes of it"),
    "report": ("report", "say what a change does to data, params and metrics, for its reviewer"),
    "seeds": ("sweep.seeds", "measure how far the metrics move by the training's seed alone"),
    "sweep": ("sweep", "search over parameters: many experiments, none lost"),
}
EXTRAS = {  # of the commands that need another's
    "seeds": "sweep",
    **dict.fromkeys(("compare", "monitor", "predict", "release", "retrain"), "report"),
}
NEEDS = {  # the extra of a command's name, and what it imports
    "adopt": ("jinja2", "openpyxl", "pyarrow", "ruff", "skrub", "sqlalchemy", "tomlkit"),
    "look": ("matplotlib", "pyarrow", "skrub"),
    "report": ("numpy", "pandas", "pyarrow", "sklearn"),
    "sweep": ("hydra", "joblib", "optuna", "pandas", "pyarrow", "zc.lockfile"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command. A Fault ends it with exit code 1 and a line, a signal with 128 + number."""
    arguments = sys.argv[1:] if argv is None else argv
    private_site_cache()
    terminal.guard()
    if sys.warnoptions:
        warnings.simplefilter("ignore")  # what the user has them do is for the stages
    parser = argparse.ArgumentParser(prog="strata", description="Work with model versions.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    module: Any = None
    for name, (path, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if arguments[:1] == [name]:
            try:
                extra = EXTRAS.get(name, name)
                require(extra, *NEEDS.get(extra, ()))
            except Fault as fault:
                print(f"strata {name}: {fault}", file=sys.stderr)
                return 1
            module = importlib.import_module(f"strata.{path}")
            module.configure(command)
    args = parser.parse_args(arguments)
    try:
        with on_signals(end), consent.granted(args.command, args):
            git.stand_alone()
            return int(module.run(args))
    except Fault as fault:
        for line in str(fault).splitlines():
            print(f"strata {args.command}: {line}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a file that may not be written
        print(f"strata {args.command}: {without_secrets(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"strata {args.command}: interrupted", file=sys.stderr)
        return 128 + (interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)
    finally:
        cachelock.release()


def private_site_cache() -> None:
    """Keep DVC's site cache, which it unpickles, where no other user may write.

    DVC's default is a folder that every user of the machine may write to (CVE-2025-69872).
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(cache).expanduser() / "dvc-site"))


if __name__ == "__main__":
    sys.exit(main())
