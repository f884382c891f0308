"""What every stage shares: the packages it runs with, how it reports a fault of its input, and its
one closing line."""

import re
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

PINS = Path("requirements.lock")
NAMED = 5  # packages of another version that are named one by one


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""


def run(name: str, main: Callable[[], str]) -> None:
    """Run a stage's ``main``, which returns what it did in a few words, and print that line.

    A Fault ends the process with exit code 1 and its lines on standard error, and no traceback;
    Ctrl-C with 130.
    """
    start = time.perf_counter()
    try:
        refuse_other_packages()
        done = main()
    except Fault as fault:
        for line in str(fault).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)
    print(f"{name}: {done}, {time.perf_counter() - start:.1f} s")


def refuse_other_packages() -> None:
    """Raise Fault if this Python has other packages than are pinned: dvc.lock would name the pins,
    and they would not have made what it names. More packages are no matter."""
    if wrong := unmet(pins()):
        more = [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        lines = [f"{PINS} does not hold here: {line}" for line in [*wrong[:NAMED], *more]]
        said = (
            f"this is {sys.executable}. `make --always-make setup` puts what is pinned into .venv, "
            "and `make repro` uses that; `make lock` pins what pyproject.toml asks for"
        )
        raise Fault("\n".join([*lines, said]))


def pins() -> list[str]:
    """What requirements.lock asks of a Python like this, by name and version; nothing without one.

    Raises Fault if it cannot be read.
    """
    try:
        lines = PINS.read_text(encoding="utf-8").splitlines()
        bare = (re.split(r"\s+(?:\\|--|#)", line)[0] for line in lines if re.match(r"\w", line))
        asked = [Requirement(line) for line in bare]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, InvalidRequirement) as error:
        raise Fault(f"{PINS}: cannot be read: {str(error).splitlines()[0]}") from None
    here = [each for each in asked if each.marker is None or each.marker.evaluate()]
    return [f"{each.name}{each.specifier}" for each in here]


def unmet(asked: Iterable[str]) -> list[str]:
    """Those requirements that the packages here do not meet, and what there is instead.

    A package that is missing counts too, even one that nothing imports by its name: another that
    brings the same module may have taken its place.
    """
    wrong = []
    for each in map(Requirement, asked):
        there = installed(each.name)
        if there is None or not each.specifier.contains(there, prereleases=True):
            wrong.append(f"{each} is pinned, and {there or 'no ' + each.name} is installed")
    return wrong


def installed(name: str) -> Version | None:
    """The version of a package that is installed; None if it is not, or no more than its folder."""
    try:
        return Version(version(name))
    except (PackageNotFoundError, InvalidVersion, TypeError):
        return None
