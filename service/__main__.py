"""Start the service: PYTHONPATH=src python -m service; its settings are in settings.py."""

import sys

import uvicorn

from service.app import create
from service.server import options
from service.settings import Refused, load


def main() -> None:
    try:
        settings = load()
        app = create(settings)
    except Refused as refused:
        for line in str(refused).splitlines():
            print(f"serve: {line}", file=sys.stderr)
        sys.exit(1)
    uvicorn.run(app, **options(settings))


if __name__ == "__main__":
    main()
