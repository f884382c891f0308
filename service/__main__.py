"""Start the service: PYTHONPATH=src python -m service; its settings are in settings.py."""

import os
import sys
import tempfile

import uvicorn

from service.app import Service, create
from service.figures import SHARED
from service.server import options
from service.settings import Refused, Settings, load


def main() -> None:
    try:
        settings = load()
        if settings.workers > 1:
            Service(settings).close()  # so that it is this process that refuses
            run_workers(settings)
        else:
            uvicorn.run(create(settings), **options(settings))
    except Refused as refused:
        for line in str(refused).splitlines():
            print(f"serve: {line}", file=sys.stderr)
        sys.exit(1)


def run_workers(settings: Settings) -> None:
    """Run processes behind one socket, with a folder in which their figures are summed."""
    with tempfile.TemporaryDirectory(prefix="serve-") as folder:
        os.environ[SHARED] = folder
        uvicorn.run(
            "service.app:of_environment",
            factory=True,
            workers=settings.workers,
            **options(settings),
        )


if __name__ == "__main__":
    main()
