"""Run the pipeline of a revision again, in a clone of its own that is gone afterwards."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata import repository
from strata.fault import Fault
from strata.outputs import Output

LOCKS = ("requirements-dev.lock", "requirements.lock")


@contextmanager
def rebuilt(root: Path, commit: str, outs: list[Output], force: bool) -> Iterator[Path]:
    """Reproduce a revision in a temporary clone and yield its folder.

    The clone shares the repository's objects and cache, so what it makes is in the cache; stages
    whose results are cached already are taken from there, unless ``force``. It runs in that
    revision's own environment. Raises Fault if the pipeline fails.
    """
    with tempfile.TemporaryDirectory(prefix="strata-") as parent:
        folder = Path(parent) / root.name
        repository.clone(root, commit, folder)
        sources = [out.path for out in outs if not out.made]
        if sources:
            repository.dvc("checkout", *sources, root=folder)
        python = environment(root, commit, folder)
        print(f"running the pipeline of {commit[:7]}", file=sys.stderr)
        path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            [python, "-m", "dvc", "repro", *(["--force"] if force else [])],
            cwd=folder,
            env=os.environ | {"PATH": path},
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            raise Fault(f"the pipeline of {commit[:7]} fails; its own message is above")
        yield folder


def environment(root: Path, commit: str, folder: Path) -> Path:
    """The Python that has the packages a revision pins: this one, or one made in ``folder``."""
    if same_environment(root, commit):
        return Path(sys.executable)
    print(f"making the environment of {commit[:7]}", file=sys.stderr)
    uv = [sys.executable, "-m", "uv"]
    home = folder / ".venv"
    subprocess.run([*uv, "venv", "--quiet", str(home)], check=True)
    install(folder, home)
    editable = ["--quiet", "--no-deps", "--no-build-isolation", "--editable", str(folder)]
    run_uv(home, "pip", "install", *editable)
    return next(path for path in home.glob("*/python*") if path.stem == "python")


def same_environment(root: Path, commit: str) -> bool:
    """Whether a revision pins the packages that the checked-out locks pin."""
    return all(
        (root / name).read_text(encoding="utf-8") == repository.show(commit, name)
        for name in LOCKS
        if (root / name).exists()
    )


def install(folder: Path, home: Path) -> None:
    """Install into the environment ``home`` what the locks of ``folder`` pin."""
    lock = next((folder / name for name in LOCKS if (folder / name).exists()), None)
    if lock is None:
        raise Fault("that revision pins no environment: it has no requirements.lock")
    options = ["--quiet", "--require-hashes", "--compile-bytecode", "--build-constraints"]
    run_uv(home, "pip", "install", *options, str(lock), "--requirement", str(lock))


def run_uv(home: Path, *arguments: str) -> None:
    """Run uv for one environment. Raises Fault if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        env=os.environ | {"VIRTUAL_ENV": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Fault(f"uv {' '.join(arguments[:2])}: {done.stderr.strip().splitlines()[-1]}")
