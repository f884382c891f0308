"""The peers' own environment, pinned by requirements.txt: made once, in .dvc/tmp/peers."""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.measure import HOME

PLACE = HOME / ".dvc/tmp/peers"
LOCK = HOME / "benchmarks/requirements.txt"
QUIET = {  # they tell nobody of their runs
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


def program(name: str) -> Path:
    """A program of the environment, which is made if it is not there or the lock has changed."""
    stamp, state = PLACE / "made-of", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        print("making the peers' environment", flush=True)
        uv("venv", "--clear", "--python", sys.executable, str(PLACE))
        pins = ["--require-hashes", "--build-constraints", "requirements-dev.lock", str(LOCK)]
        uv("pip", "sync", "--compile-bytecode", *pins)
        stamp.write_text(state)
    return PLACE / "bin" / name


def uv(*arguments: str) -> None:
    env = os.environ | {"VIRTUAL_ENV": str(PLACE)}
    subprocess.run(["uv", "--quiet", *arguments], cwd=HOME, env=env, check=True)


def versions(names: list[str]) -> dict[str, str]:
    """Which versions of these packages the peers run."""
    places = map(str, PLACE.glob("lib/python*/site-packages"))
    installed = {each.name: each.version for each in distributions(path=list(places))}
    return {name: installed[name] for name in names}
