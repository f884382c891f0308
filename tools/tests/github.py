"""A small GitHub for tests: a repository, pull requests, issues, comments, over TLS on loopback.

It knows the few paths of the REST API that the programs in .github and CML ask, under /api/v3 as on
a GitHub Enterprise server, and refuses any other. Lists come in pages, and a test may order faults:
bad answers, lost answers, slow ones, rate limits. The repository is Git's own, served by Git.
"""

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers import Server

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
    opened: dict[int, dict[str, Any]] = field(default_factory=dict)  # pull requests of this API
    issues: list[dict[str, Any]] = field(default_factory=list)
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
            "GIT_SSL_CAINFO": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
        }

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request, from a branch of its own unless another is known."""
        label = self.labels.get(number, f"owner:branch-{number}")
        if number in self.opened and self.opened[number]["state"] == "open":
            self.heads[number] = self.tip(label.partition(":")[2]) or self.heads[number]
        plain = {"state": "open", "merged_at": None}
        head = {"sha": self.heads[number], "label": label}
        return plain | self.opened.get(number, {}) | {"number": number, "head": head}

    @property
    def repository(self) -> Path:
        """The repository, bare, as `git clone` gets it; a test makes it."""
        return self.folder / "served/owner/name"

    def tip(self, branch: str) -> str:
        """The commit of a branch; empty if there is no such branch."""
        command = ["git", "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"]
        done = subprocess.run(
            command, cwd=self.repository, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def open(self, title: str, body: str, head: str, base: str) -> tuple[int, Any]:
        """A new pull request of a branch, unless it has one or there is no such branch."""
        label = f"owner:{head}"
        known = [n for n in self.heads if self.labels.get(n) == label]
        if any(self.pull(number)["state"] == "open" for number in known):
            return 422, {"message": f"A pull request already exists for {label}."}
        if not self.tip(head) or not self.tip(base):
            return 422, {"message": "Validation Failed"}
        number = 1 + max([0, *self.heads, *(issue["number"] for issue in self.issues)])
        self.heads[number], self.labels[number] = self.tip(head), label
        url = f"{self.url}/owner/name/pull/{number}"
        self.opened[number] = {"title": title, "body": body, "state": "open", "html_url": url}
        return 201, self.pull(number)

    def merge(self, number: int, sha: str) -> tuple[int, Any]:
        """Move main forward to the head of a pull request, if that is what was asked for."""
        if self.pull(number)["head"]["sha"] != sha:
            return 409, {"message": "Head branch was modified"}
        command = ["git", "update-ref", "refs/heads/main", sha, f"{sha}^"]
        if subprocess.run(command, cwd=self.repository, check=False).returncode:
            return 405, {"message": "Pull Request is not mergeable"}
        self.opened[number] |= {"state": "closed", "merged_at": "2026-01-01T00:00:00Z"}
        return 200, {"merged": True}

    def issue(self, title: str, body: str, user: dict[str, str] | None = None) -> dict[str, Any]:
        """Add an issue; the bot's, unless a ``user`` is given."""
        number = 1 + max([0, *self.heads, *(issue["number"] for issue in self.issues)])
        url = f"{self.url}/owner/name/issues/{number}"
        issue = {"number": number, "title": title, "body": body, "html_url": url}
        self.issues.append(issue | {"state": "open", "user": user or BOT})
        return self.issues[-1]

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
            pulls = [self.pull(number) for number in sorted(self.heads, reverse=True)]
            pulls = [each for each in pulls if each["head"]["label"] == query["head"]]
            state = query.get("state", "open")
            return 200, [each for each in pulls if state in ("all", each["state"])]
        if method == "POST" and path == "/pulls":
            return self.open(**body)
        if method == "PATCH" and (found := re.fullmatch(r"/pulls/(\d+)", path)):
            self.opened[int(found[1])] |= body
            return 200, self.pull(int(found[1]))
        if method == "PUT" and (found := re.fullmatch(r"/pulls/(\d+)/merge", path)):
            return self.merge(int(found[1]), body["sha"])
        if method == "GET" and not path:
            return 200, {"allow_merge_commit": False, "allow_squash_merge": True}
        if method == "GET" and path == "/issues":
            state, creator = query.get("state", "open"), query["creator"]
            issues = [each for each in self.issues if each["user"]["login"] == creator]
            return 200, [each for each in issues if state in ("all", each["state"])][::-1]
        if method == "POST" and path == "/issues":
            return 201, self.issue(**body)
        if method == "PATCH" and (found := re.fullmatch(r"/issues/(\d+)", path)):
            (issue,) = (each for each in self.issues if each["number"] == int(found[1]))
            issue |= body
            return 200, issue
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
    github, one_at_a_time = GitHub(folder), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def handle_git(self, path: str, query: str, data: bytes) -> None:
            """Let Git answer as it does behind a web server."""
            word = (self.headers.get("Authorization") or "").removeprefix("Basic ")
            if base64.b64decode(word).decode() != f"x-access-token:{TOKEN}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.send_header("Content-Length", "0")  # or the end looks like one cut off
                self.end_headers()
                return
            given = {
                "GIT_PROJECT_ROOT": str(github.folder / "served"),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "bot",  # who may push
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(len(data)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            }
            done = subprocess.run(
                ["git", "http-backend"],
                env=os.environ | given,
                input=data,
                capture_output=True,
                check=True,
            )
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in (lines | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            if url.path.startswith("/owner/name/"):
                self.handle_git(url.path, url.query, data)
                return
            raw = self.headers.get("Content-Type") == "application/octet-stream"
            body = data if raw else json.loads(data) if data else None
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            github.log.append(f"{self.command} {url.path}")
            fault = github.fault(self.command, url.path)
            headers: dict[str, str] = {}
            if TOKEN not in (self.headers.get("Authorization") or ""):
                status, content = 401, {"message": "Bad credentials"}
            elif fault and not fault.done:
                status, content = 0, None
            else:
                with one_at_a_time:  # as GitHub sees to it that a branch has one pull request
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

        do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
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
