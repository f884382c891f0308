"""The HTTP server, and what a client may ask of it before the application sees a request.

uvicorn's own limits hold for what is answered: it waits for ever for headers, of any size and
number, on as many connections as there are files.
"""

from asyncio import TimerHandle
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.settings import Settings


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told."""
    host, _, port = settings.address.partition(":")
    return {
        "host": host,
        "port": int(port),
        "http": partial(Connection, settings),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": int(settings.body_seconds + settings.compute_seconds) + 1,
    }


TOO_LARGE = "431 Request Header Fields Too Large"
FRAMED = 8  # bytes that one of a body takes at most, in chunks of one byte


class Connection(HttpToolsProtocol):
    """A connection whose headers have to be here in time, and are not too many.

    ``due`` is the end of that time, None while the application is at work on a request.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self.settings = settings
        self.due: TimerHandle | None = None
        self.heading = False  # whether headers have begun, and are not whole
        self.waiting = 0  # bytes of the request
        self.size = self.count = 0  # of the headers, the address of the page among them

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.settings.max_connections:
            self._refuse("503 Service Unavailable")

    def connection_lost(self, exc: Exception | None) -> None:
        self._go_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.scope
        super().data_received(data)
        if self.scope is not before or self.transport.is_closing():
            return
        self.waiting += len(data)  # a header is not seen before its end
        if self.heading and self.waiting > self.settings.max_header_bytes:
            self._refuse(TOO_LARGE)
        elif self.waiting > self.settings.max_header_bytes + FRAMED * self.settings.max_bytes:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.heading, self.waiting, self.size, self.count = True, 0, 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.size += len(name) + len(value)
        self.count += 1
        if self._is_too_large():
            return
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._go_on()
        self.heading = False
        self.app = too_large if self._is_too_large() else self.config.loaded_app
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.due:
            self._wait()

    def _is_too_large(self) -> bool:
        settings = self.settings
        return self.size > settings.max_header_bytes or self.count > settings.max_headers

    def _wait(self) -> None:
        self.due = self.loop.call_later(self.settings.header_seconds, self._end)

    def _go_on(self) -> None:
        if self.due:
            self.due.cancel()
        self.due = None

    def _end(self) -> None:
        """End a connection whose headers have not come, or whose answer nobody takes."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode())
        self.transport.close()


async def too_large(scope: Any, receive: Any, send: Any) -> None:
    """The answer to a request whose headers are too large or too many."""
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
