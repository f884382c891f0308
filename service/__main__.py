"""Start the service: PYTHONPATH=src python -m service; its settings are in settings.py."""

import sys

import uvicorn

from service.app import create
from service.settings import Refused, load


def main() -> None:
    try:
        settings = load()
        app = create(settings)
    except Refused as refused:
        for line in str(refused).splitlines():
            print(f"serve: {line}", file=sys.stderr)
        sys.exit(1)
    host, _, port = settings.address.partition(":")
    uvicorn.run(
        app, host=host, port=int(port), access_log=False, server_header=False,
        timeout_graceful_shutdown=int(settings.body_seconds + settings.compute_seconds) + 1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
