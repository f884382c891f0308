"""The command ``strata``: it runs the module of one of its commands, and no other is imported."""

import argparse
import importlib
import os
import signal
import sys
import warnings
from pathlib import Path

from strata import git
from strata.arguments import ABSENT, COMMANDS, GROUPS, Command, installed
from strata.core import consent, terminal
from strata.core.errors import Ended, Fault, end, on_signals, without_secrets
from strata.dvc import cachelock


def main(argv: list[str] | None = None) -> int:
    """Run one command. A Fault ends it with exit code 1 and a line, a signal with 128 + number."""
    arguments = sys.argv[1:] if argv is None else argv
    private_site_cache()
    terminal.guard()
    if sys.warnoptions:
        warnings.simplefilter("ignore")  # what the user has them do is for the stages
    # Asking for entry points takes 40 ms, which a command of strata's own need not wait for.
    is_own = bool(arguments) and COMMANDS.get(arguments[0], ABSENT) is not ABSENT
    commands = COMMANDS if is_own else installed()
    args = parser(commands).parse_args(arguments)
    command = commands[args.command]
    try:
        if command is ABSENT:
            needed = "dvc-strata-adopt"
            raise Fault(f"needs {needed}, which is not installed: pip install {needed}")
        with on_signals(end), consent.granted(args.command, args):
            git.clear_environment()
            return int(importlib.import_module(command.module).run(args))
    except ModuleNotFoundError as error:
        if not command.extra:
            raise
        what = f"needs {error.name}, which is not installed"
        print(
            f"strata {args.command}: {what}: pip install 'dvc-strata[{command.extra}]'",
            file=sys.stderr,
        )
        return 1
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


def parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    """The parser of the command line; its help lists the commands in their groups."""
    width = max(map(len, commands)) + 2
    groups = [
        "\n".join([f"{title}:", *(f"  {name:{width}}{commands[name].summary}" for name in names)])
        for title, names in GROUPS.items()
    ]
    top = argparse.ArgumentParser(
        prog="strata",
        usage="strata COMMAND ...",
        description="Work with model versions. `strata COMMAND --help` shows what a command takes.",
        epilog="\n\n".join(groups),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsers = top.add_subparsers(
        prog="strata", dest="command", required=True, help=argparse.SUPPRESS
    )
    for name, command in commands.items():
        command.declare(parsers.add_parser(name, description=command.summary))
    return top


def private_site_cache() -> None:
    """Keep DVC's site cache, which it unpickles, where no other user may write.

    DVC's default is a folder that every user of the machine may write to (CVE-2025-69872).
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(cache).expanduser() / "dvc-site"))


if __name__ == "__main__":
    sys.exit(main())
