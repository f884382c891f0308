"""The command ``strata``: each of its commands is a module of the same name.

A command module has ``configure(parser)``, which declares its arguments, and ``run(args)``, which
does the work and returns the exit code. Only the module of the command in use is imported.
"""

import argparse
import importlib
import sys

from strata.fault import Fault

COMMANDS = {
    "status": "tell how the workspace stands, and the next step",
    "restore": "bring a revision's code, data and model into the workspace, and prove them",
    "get": "take one output of a revision, without touching the workspace",
    "verify": "run a revision's pipeline from scratch and compare every hash",
    "gc": "free space in the cache without losing any model",
    "storage": "set where data and models are stored",
    "hook": "what the Git hooks run",
    "report": "say what a change does to data, params and metrics, for its reviewer",
    "sweep": "search over parameters: many experiments, none lost",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command. A Fault ends it with exit code 1 and one line, Ctrl-C with 130."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="strata", description="Work with model versions.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if arguments[:1] == [name]:
            importlib.import_module(f"strata.{name}").configure(command)
    args = parser.parse_args(arguments)
    try:
        return int(importlib.import_module(f"strata.{args.command}").run(args))
    except Fault as fault:
        for line in str(fault).splitlines():
            print(f"strata {args.command}: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"strata {args.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
