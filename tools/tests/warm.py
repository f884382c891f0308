"""A warm Python for the tests: dvc, strata and the stages' libraries are imported once a run.

Programs of the same names stand first on the PATH of what a test runs: each asks a server, which
forks. Folder, environment, streams, exit codes, signals and process groups are those of a process
of its own; where a fork could not be one (another network, a terminal, more than three files, a
variable that a Python reads as it starts), the real program runs. What a test starts without
``Project.run`` is always the real one. STRATA_TESTS_COLD=1 in the environment, of one command too,
turns it all off.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

HERE = Path(__file__).parent
PROGRAMS = ("python", "dvc", "strata", "pre-commit")
PLACE = "STRATA_TESTS_WARM"  # the variable that names the environment with these programs


@contextmanager
def serving(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """A server for what this process starts in the time of a block, where there is fork."""
    if sys.platform != "linux":
        yield
        return
    place = folder / "venv"
    create(place)
    server = [str(place / "bin/python"), str(HERE / "warm_server.py"), str(place)]
    with subprocess.Popen(
        server, executable=sys.executable, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the server of the warm Python does not start"
        with mock.patch.dict(os.environ, {PLACE: str(place)}):
            yield
        process.communicate()  # it ends with its standard input


def create(place: Path) -> None:
    """Make an environment that is this one, but for the warm programs in its ``bin``."""
    (place / "bin").mkdir(parents=True)
    for path in (*Path(sys.prefix).iterdir(), *Path(sys.prefix, "bin").iterdir()):
        if path.name not in ("bin", ".ready", "activate", *PROGRAMS):
            (place / path.relative_to(sys.prefix)).symlink_to(path)
    if (activate := Path(sys.prefix, "bin/activate")).is_file():
        text = activate.read_text(encoding="utf-8").replace(sys.prefix, str(place))
        (place / "bin/activate").write_text(text, encoding="utf-8")
    real = Path(sys.executable)
    for name in PROGRAMS:
        program = real if name == "python" else real.with_name(name)
        client = [sys.executable, "-ISE", str(HERE / "warm_client.py"), str(place), str(program)]
        path = place / "bin" / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def is_on(env: Mapping[str, str]) -> bool:
    """Whether a command with these variables is to find the warm programs."""
    return PLACE in os.environ and "STRATA_TESTS_COLD" not in os.environ | env


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """What to change in these variables, so that a command finds the warm programs."""
    if not is_on(env):
        return {}
    return {"PATH": os.pathsep.join([str(Path(os.environ[PLACE], "bin")), env["PATH"]])}


def place() -> str:
    """The environment that stands for the one `make setup` makes."""
    return os.environ[PLACE] if is_on({}) else sys.prefix


def python(env: Mapping[str, str]) -> str:
    """The Python that ``sys.executable`` is to name."""
    return str(Path(os.environ[PLACE], "bin/python")) if is_on(env) else sys.executable


def set_up(project: Path) -> None:
    """Give a project the .venv that `make setup` would make, as if it had."""
    (project / ".venv").symlink_to(place())
    (project / ".venv/.ready").touch()
