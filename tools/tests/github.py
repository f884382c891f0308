"""A small GitHub for tests: pull requests and their comments, over TLS on loopback.

It knows the few paths of the REST API that `gh api` and CML ask for a comment, under /api/v3 as
on a GitHub Enterprise server, and refuses any other.
"""

import json
import re
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-the-test"


@dataclass
class GitHub:
    """The state of one repository: pull requests by number, with their head, and comments."""

    folder: Path
    port: int = 0
    heads: dict[int, str] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What makes gh, CML and the stand-in of gh talk to this server and trust it."""
        certificate = str(self.folder / "ca.pem")
        return {
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_TOKEN": TOKEN,
            "SSL_CERT_FILE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
            "CML_REPO": f"{self.url}/owner/name",
        }

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the JSON that GitHub would give."""
        self.log.append(f"{method} {path}")
        if found := re.fullmatch(r"/api/v3/repos/owner/name/pulls/(\d+)", path):
            number = int(found[1])
            if method == "GET" and number in self.heads:
                return 200, {"number": number, "head": {"sha": self.heads[number]}}
        if found := re.fullmatch(r"/api/v3/repos/owner/name/issues/(\d+)/comments", path):
            number = int(found[1])
            if method == "GET":
                return 200, [c for c in self.comments if c["number"] == number]
            if method == "POST" and len(body["body"]) <= 65_536:
                comment = {
                    "id": 100 + len(self.comments),
                    "number": number,
                    "body": body["body"],
                    "html_url": f"{self.url}/owner/name/pull/{number}#issuecomment",
                    "user": {"login": "github-actions[bot]", "type": "Bot"},
                }
                self.comments.append(comment)
                return 201, comment
        if found := re.fullmatch(r"/api/v3/repos/owner/name/issues/comments/(\d+)", path):
            for comment in self.comments:
                if method == "PATCH" and comment["id"] == int(found[1]):
                    comment["body"] = body["body"]
                    return 200, comment
        return 404, {"message": "Not Found"}


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
            if self.headers.get("Transfer-Encoding") == "chunked":  # as gh sends its input
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
            body = json.loads(data) if data else None
            path = self.path.split("?")[0]
            if TOKEN in (self.headers.get("Authorization") or ""):
                status, content = github.answer(self.command, path, body)
            else:
                status, content = 401, {"message": "Bad credentials"}
            data = json.dumps(content).encode()
            self.send_response(status)
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
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


GH = '''#!{python}
"""A stand-in for gh: the part of `gh api` that .github/comment.py uses."""
import argparse, json, os, ssl, sys, urllib.request, urllib.error

parser = argparse.ArgumentParser()
parser.add_argument("api", choices=["api"])
parser.add_argument("path")
parser.add_argument("--method", required=True)
parser.add_argument("--input", choices=["-"])
parser.add_argument("--paginate", action="store_true")
parser.add_argument("--slurp", action="store_true")
args = parser.parse_args()
request = urllib.request.Request(
    "https://" + os.environ["GH_HOST"] + "/api/v3/" + args.path,
    method=args.method,
    data=sys.stdin.buffer.read() if args.input else None,
    headers={{"Authorization": "token " + os.environ["GH_ENTERPRISE_TOKEN"]}},
)
try:
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    answer = json.load(urllib.request.urlopen(request, context=context))
except urllib.error.HTTPError as error:
    sys.exit("gh: " + str(error))
json.dump([answer] if args.slurp else answer, sys.stdout)
'''

CML = """#!{python}
import json, pathlib, sys
record = pathlib.Path(__file__).with_name("cml.json")
record.write_text(json.dumps([*sys.argv[1:-1], pathlib.Path(sys.argv[-1]).read_text("utf-8")]))
sys.exit({code})
"""


def program(folder: Path, name: str, text: str, **values: object) -> None:
    """Write an executable Python program, a stand-in for a real one."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text.format(python=sys.executable, **values), encoding="utf-8")
    path.chmod(0o755)
