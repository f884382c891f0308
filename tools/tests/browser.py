"""A real browser for tests: Chromium, where the machine has one, over its own protocol in a pipe.

It is no package of ours: it has 350 MB. GitHub's Linux machines come with one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "google-chrome", "chromium-browser")
FOUND = next((path for path in map(shutil.which, PROGRAMS) if path), None)
CHROMIUM = FOUND if sys.platform == "linux" else None  # elsewhere it takes no pipe of ours


class Browser:
    """One page of it; ``events`` are what it told since it was opened."""

    def __init__(self, reads: int, writes: int) -> None:
        self.input, self.output = os.fdopen(reads, "rb"), os.fdopen(writes, "wb")
        self.events: list[dict[str, Any]] = []
        self.session, self.count = "", 0
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol, and wait for its answer."""
        self.count += 1
        session = {"sessionId": self.session} if self.session else {}
        message = {"id": self.count, "method": method, "params": params, **session}
        self.output.write(json.dumps(message).encode() + b"\0")
        self.output.flush()
        while "id" not in (answer := self._next()):
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.input.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        return dict(json.loads(text))

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self.ask("Page.navigate", url=url)
        while not self.told("Page.loadEventFired"):
            self.events.append(self._next())

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """The events of some kinds."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key: Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            with_text = text if kind == "keyDown" else {}
            self.ask(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code},
                **with_text,
            )


@contextmanager
def browser(folder: Path, width: int, height: int, dark: bool = False) -> Iterator[Browser]:
    """A browser with a window of some size, in CSS pixels, its files in a folder."""
    assert CHROMIUM
    theirs, to_them = os.pipe()
    from_them, out = os.pipe()
    # The browser reads from 3 and writes to 4; `bash` can move what it inherits there.
    shell = f'exec "$@" 3<&{theirs} 4>&{out}'
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
    options += ["--hide-scrollbars", "--no-first-run", f"--user-data-dir={folder / 'browser'}"]
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", CHROMIUM, *options],
        pass_fds=(theirs, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(out)
    try:
        page = Browser(from_them, to_them)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.ask("Emulation.setEmulatedMedia", features=[scheme])
        yield page
    finally:
        process.kill()
        process.wait()
        page.input.close()
        page.output.close()
