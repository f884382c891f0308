"""A small GitHub for tests: pull requests, their comments and statuses, over TLS on loopback.

It knows the few paths of the REST API that .github/comment.py and CML ask for a comment, and
.github/attach.py for a release, under /api/v3 as on a GitHub Enterprise server, and refuses any
other. Lists come in pages, and a test
may order faults: bad answers, lost answers, slow ones, rate limits.
"""

import hashlib
import json
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-of-the-test"
API = "/api/v3/repos/owner/name"
EVE = {"login": "eve", "type": "User"}
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@dataclass
class Fault:
    """What one request gets for an answer; with ``done`` it has done its work all the same."""

    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    seconds: float = 0  # before the answer
    message: str = "Server Error"


@dataclass
class GitHub:
    """The state of one repository: pull requests by number, with their head, and comments."""

    folder: Path
    port: int = 0
    heads: dict[int, str] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)  # owner:branch of each
    comments: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)  # by commit, the last one
    releases: list[dict[str, Any]] = field(default_factory=list)
    assets: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # by release
    faults: dict[str, list[Fault]] = field(default_factory=dict)  # by "METHOD path's end"
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What makes comment.py and CML talk to this server and trust it."""
        certificate = str(self.folder / "ca.pem")
        return {
            "GITHUB_API_URL": f"{self.url}/api/v3",
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_TOKEN": TOKEN,
            "SSL_CERT_FILE": certificate,
            "CURL_CA_BUNDLE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
        }

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request, from a branch of its own unless another is known."""
        label = self.labels.get(number, f"owner:branch-{number}")
        return {"number": number, "head": {"sha": self.heads[number], "label": label}}

    def comment(
        self, body: str, user: dict[str, str] | None = None, number: int = 7
    ) -> dict[str, Any]:
        """Add a comment; the bot's, unless a ``user`` is given, by login and type."""
        comment = {
            "id": 100 + len(self.comments),
            "number": number,
            "body": body,
            "html_url": f"{self.url}/owner/name/pull/{number}#issuecomment-{len(self.comments)}",
            "user": user or BOT,
        }
        self.comments.append(comment)
        return comment

    def fault(self, method: str, path: str) -> Fault | None:
        for key, faults in self.faults.items():
            if faults and key.split()[0] == method and path.endswith(key.split()[1]):
                return faults.pop(0)
        return None

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """The status and the JSON that GitHub would give."""
        if not path.startswith(API):
            return 404, {"message": "Not Found"}
        path = path.removeprefix(API)
        if method == "GET" and (found := re.fullmatch(r"/pulls/(\d+)", path)):
            number = int(found[1])
            if number in self.heads:
                return 200, self.pull(number)
        if method == "GET" and path == "/pulls":
            pulls = [self.pull(number) for number in self.heads]
            return 200, [each for each in pulls if each["head"]["label"] == query["head"]]
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            number = int(found[1])
            if method == "GET":
                return 200, [c for c in self.comments if c["number"] == number]
            if method == "POST" and len(body["body"]) <= 65_536:
                return 201, self.comment(body["body"], number=number)
        if found := re.fullmatch(r"/issues/comments/(\d+)", path):
            for comment in self.comments:
                if method == "PATCH" and comment["id"] == int(found[1]):
                    comment["body"] = body["body"]
                    return 200, comment
        if (
            method == "POST"
            and (found := re.fullmatch(r"/statuses/([0-9a-f]{40})", path))
            and body["state"] in ("error", "failure", "pending", "success")
            and len(body["description"]) <= 140
        ):
            self.statuses[found[1]] = body
            return 201, body
        if path.startswith("/releases"):
            return self.release(method, path, query, body)
        return 404, {"message": "Not Found"}

    def release(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """The part of ``answer`` that is about releases and their files."""
        if path == "/releases" and method == "GET":
            return 200, self.releases
        if path == "/releases" and method == "POST":
            number = len(self.releases) + 1
            page = f"{self.url}/owner/name/releases/{number}"
            upload = f"{self.url}{API}/releases/{number}/assets{{?name,label}}"
            self.releases.append(body | {"id": number, "html_url": page, "upload_url": upload})
            self.assets[number] = []
            return 201, self.releases[-1]
        found = re.fullmatch(r"/releases/(\d+)(/assets)?", path)
        if found is None or int(found[1]) not in self.assets:
            return 404, {"message": "Not Found"}
        number = int(found[1])
        if not found[2] and method == "PATCH":
            self.releases[number - 1] |= body
            return 200, self.releases[number - 1]
        if method == "GET":
            return 200, self.assets[number]
        name = re.sub(r"[^A-Za-z0-9._-]", ".", query["name"])  # as GitHub renames a file
        if any(each["name"] == name for each in self.assets[number]):
            return 422, {"message": "Validation Failed"}
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.assets[number].append({"name": name, "state": "uploaded", "digest": digest})
        (self.folder / name).write_bytes(body)
        return 201, self.assets[number][-1]


@contextmanager
def serve(folder: Path) -> Iterator[GitHub]:
    """Run the server for as long as the block lasts."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    github = GitHub(folder)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            raw = self.headers.get("Content-Type") == "application/octet-stream"
            body = data if raw else json.loads(data) if data else None
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            github.log.append(f"{self.command} {url.path}")
            fault = github.fault(self.command, url.path)
            headers: dict[str, str] = {}
            if TOKEN not in (self.headers.get("Authorization") or ""):
                status, content = 401, {"message": "Bad credentials"}
            elif fault and not fault.done:
                status, content = 0, None
            else:
                status, content = github.answer(self.command, url.path, query, body)
            if isinstance(content, list):
                size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
                if content[page * size :]:
                    headers["Link"] = f'<{github.url}{url.path}?page={page + 1}>; rel="next"'
                content = content[(page - 1) * size : page * size]
            if fault:
                time.sleep(fault.seconds)
                status, content, headers = fault.status, {"message": fault.message}, fault.headers
            data = json.dumps(content).encode()
            with suppress(OSError):  # a client that did not wait so long
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    github.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CML = """#!{python}
import json, os, pathlib, subprocess, sys, time
record = pathlib.Path(__file__).with_name("cml.json")
record.write_text(json.dumps([*sys.argv[1:-1], pathlib.Path(sys.argv[-1]).read_text("utf-8")]))
{does}
"""


def program(folder: Path, name: str, text: str, **values: object) -> None:
    """Write an executable Python program, a stand-in for a real one."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text.format(python=sys.executable, **values), encoding="utf-8")
    path.chmod(0o755)
