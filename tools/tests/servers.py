"""The HTTP server that fakes in the tests stand on."""

import sys
from http.server import ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server to which a client that hangs up is no event: the default prints a traceback, which
    lands in the output of the command under test."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
