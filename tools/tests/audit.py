"""An audit hook for every Python process of a command: what it starts, asks, reads and writes."""

import json
from pathlib import Path

AUDIT = """
import json, os, sys
LOG = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def note(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(args[0]))
        words = "write" if args[2] & WRITE else "read", path
    elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.link"):
        words = "write", os.path.abspath(os.fsdecode(args[0]))
    elif event == "socket.connect" and isinstance(args[1], tuple):
        words = "connect", str(args[1])
    elif event == "subprocess.Popen":
        command = [args[1]] if isinstance(args[1], (str, bytes)) else args[1]
        words = "start", *map(os.fsdecode, command)
    elif event in ("os.exec", "os.posix_spawn", "os.system", "os.startfile"):
        words = "start", event, *map(str, args)
    else:
        return
    os.write(LOG, (json.dumps(words) + "\\n").encode())
sys.addaudithook(note)
"""


def audit(folder: Path) -> dict[str, str]:
    """The variables with which Python processes note in a new folder what they do."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(AUDIT)
    return {"PYTHONPATH": str(folder), "AUDIT_LOG": str(folder / "log")}


def events(env: dict[str, str], *kinds: str) -> list[list[str]]:
    """What was noted of these kinds (start, connect, read, write)."""
    lines = Path(env["AUDIT_LOG"]).read_text().splitlines()
    return [words for kind, *words in map(json.loads, lines) if kind in kinds]
