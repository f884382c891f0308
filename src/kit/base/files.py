"""Small files: written whole or not at all, and YAML as DVC reads it."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kit.base.stage import Fault


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all, with the same line ends on every system."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def read_yaml(path: Path) -> Any:
    """Read YAML 1.2, as DVC writes it: ``1e-6`` is a number and ``on`` is a word.

    Raises Fault if the file is missing or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Fault(f"{path}: not found; run this from the top of the repository") from None
    except (YAMLError, ValueError) as error:  # not UTF-8, or a day that no calendar has
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise Fault(f"{path}{where}: not valid YAML: {problem.splitlines()[0]}") from None
