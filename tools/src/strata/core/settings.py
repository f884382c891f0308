"""The settings of the tools: ``[tool.strata]`` of pyproject.toml, or strata.toml without one."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from strata.core import trust
from strata.core.errors import Fault, first_line

PLACES = (("pyproject.toml", ("tool", "strata")), ("strata.toml", ()))


def section(root: Path, name: str) -> dict[str, Any]:
    """The settings of one command in a folder, empty where there are none.

    Raises Fault if they cannot be read.
    """

    def text(path: str) -> str | None:
        return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None

    return section_of(text, name)


def section_of(text: Callable[[str], str | None], name: str) -> dict[str, Any]:
    """The settings of one command, where ``text`` gives a file's text, or None if it is absent."""
    for path, keys in PLACES:
        try:
            table: Any = tomllib.loads(text(path) or "")
        except (ValueError, RecursionError) as error:  # as of a number that is too long
            raise Fault(f"{path}: {first_line(error)}") from None
        trust.check_values(table, path)
        for key in (*keys, name):
            table = table.get(key, {})
            if not isinstance(table, dict):
                raise Fault(f"{path}: {key} must be a table")
        if table:
            return dict(table)
    return {}


def check_names(values: Iterable[str], known: Iterable[str], place: str) -> None:
    """Raise Fault, naming the place, for a setting that is not one of those known."""
    known = list(known)
    if unknown := sorted(set(values) - set(known)):
        raise Fault(f"{place}: {unknown[0]} is not known; there are {', '.join(known)}")


def names_in(settings: Mapping[str, Any], key: str, place: str) -> list[str]:
    """The names in a setting, one or a list of them; none if it is not set. Raises Fault."""
    value = settings.get(key, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Fault(f"{place}: {key} must be a name or a list of names")
    return names
