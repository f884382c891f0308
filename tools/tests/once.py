"""What several tests start from is built once in a run, for all its processes; each gets a copy."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

SHARED = "STRATA_TESTS_SHARED"  # the variable that names the folder of a run's builds


def build(what: object, path: Path, make: Callable[[Path], object]) -> None:
    """Have at ``path`` the folder that ``make`` makes of its argument, and beside it its siblings.

    ``what`` says all that the result depends on: the same text, the same result.
    """
    place = Path(os.environ[SHARED], hashlib.sha256(repr(what).encode()).hexdigest()[:16])
    ready = place.with_suffix(".ready")
    with FileLock(place.with_suffix(".lock")):
        if not ready.exists():
            shutil.rmtree(place, ignore_errors=True)  # of a build that failed
            make(place / "project")
            ready.touch()
    for made in place.iterdir():
        to = path if made.name == "project" else path.parent / made.name
        if made.is_dir():
            shutil.copytree(made, to, symlinks=True)
        else:
            shutil.copy2(made, to)
