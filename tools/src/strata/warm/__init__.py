"""A warm Python: it imports a pipeline's libraries once, and forks for each stage command.

DVC runs a stage as ``$SHELL -c COMMAND``. Here SHELL is a tiny client, shell.py, which hands a
plain ``python -m MODULE ...`` or ``python FILE.py ...`` with its folder, environment and standard
streams to server.py on a Unix socket. The server forks: the child is a Python that has done its
imports and nothing else. Any other command goes to the shell it would have gone to. Without fork,
all of them do.

Only libraries are imported beforehand, when the first stage that needs them asks, and never the
pipeline's own code, which a trial may change.
"""

import ast
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from strata.dvc.revision import Stage
from strata.git import entries

HERE = Path(__file__).parent


def libraries(root: Path, stages: Iterable[Stage]) -> dict[str, list[str]]:
    """The modules that each program of the stages imports from outside the repository, sorted.

    A program is the FILE.py or MODULE of a command. What it imports is found in the sources that
    its stages run or depend on, by itself or in a folder, at their top level: what a function
    imports it may not need.
    """
    tracked = entries("ls-files", "-z", "--", "*.py", root=root)
    inside = {part for path in tracked for part in Path(path).with_suffix("").parts}
    imports = functools.cache(_imports)  # stages share sources
    programs: dict[str, set[str]] = {}
    for stage in stages:
        folders = tuple(f"{dep}/" for dep in stage.deps)
        sources = {name for name in [*stage.cmd.split(), *stage.deps] if name.endswith(".py")}
        sources.update(path for path in tracked if path.startswith(folders))
        modules = {module for name in sources for module in imports(root / name)}
        outside = {name for name in modules if name.partition(".")[0] not in inside}
        for program in re.findall(r"\bpython (?:-m )?(\S+)", stage.cmd):
            programs.setdefault(program, set()).update(outside)
    return {program: sorted(names) for program, names in programs.items()}


def _imports(source: Path) -> list[str]:
    """What the top level of a source file imports; of ``from a import b`` both a and a.b."""
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []  # the stage will say so
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


class Warm:
    """A warm server for the stages of one repository, as a child of this process.

    ``folder`` is for it alone, and removed at its end. ``environment`` has DVC use it. The server,
    with the stage that it runs, ends when this process does, however that ends.
    """

    def __init__(self, root: Path, stages: Iterable[Stage], folder: Path) -> None:
        self.environment: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        python = shutil.which("python")
        if (
            not hasattr(os, "fork")
            or not python
            or Path(python).parent != Path(sys.executable).parent
        ):
            return  # the stages' Python is not this one
        shutil.rmtree(folder, ignore_errors=True)  # of a server that was killed
        folder.mkdir()
        words = shlex.join([sys.executable, "-ISE", str(HERE / "shell.py")])
        shell = folder / "shell"
        shell.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        shell.chmod(0o700)
        text = json.dumps(libraries(root, stages))
        (folder / "libraries.json").write_text(text, encoding="utf-8")
        self._server = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout
        self._server.stdout.readline()  # it listens, or has died
        self._server.stdout.close()
        self.environment = {
            "SHELL": str(shell),
            # Not that of a server before this one, whose environment this process has taken over.
            "STRATA_SHELL": os.environ.get("STRATA_SHELL") or os.environ.get("SHELL") or "/bin/sh",
            "STRATA_WARM": str(folder),
        }

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs; true if there is none."""
        return self._server is None or self._server.poll() is None

    def close(self) -> None:
        """End the server."""
        if self._server and self._server.stdin:
            self._server.stdin.close()
            self._server.wait()
