"""The settings of the tools: ``[tool.strata]`` of pyproject.toml, or strata.toml without one."""

import tomllib
from pathlib import Path
from typing import Any

from strata.errors import Fault, first_line


def section(root: Path, name: str) -> dict[str, Any]:
    """The settings of one command, empty where there are none. Raises Fault if malformed."""
    for path, keys in (("pyproject.toml", ("tool", "strata", name)), ("strata.toml", (name,))):
        if not (root / path).is_file():
            continue
        try:
            found: Any = tomllib.loads((root / path).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Fault(f"{path}: {first_line(error)}") from None
        for key in keys:
            found = found.get(key, {})
            if not isinstance(found, dict):
                raise Fault(f"{path}: {key} must be a table")
        if found:
            return dict(found)
    return {}
