"""The shell of a warm pipeline (see __init__.py): it asks the server to run a stage's command.

It starts for every command, so it imports next to nothing and takes about 15 ms.
"""

import contextlib
import os
import signal
import socket
import sys

SYNTAX = set("\"'\\$`*?[]{}();<>|&~#!=\n")  # what only a shell understands

command = sys.argv[-1]
server = socket.socket(socket.AF_UNIX)
address = os.environ.pop("STRATA_WARM")
os.environ["SHELL"] = shell = os.environ.pop("STRATA_SHELL")
words = [*command.split(), "", ""]
module = words[1] == "-m" and words[2]
script = words[1].endswith(".py") and os.path.isfile(words[1])
warm = words[0] == "python" and (module or script) and not SYNTAX & set(command)
if warm:
    folder = os.getcwd()
    try:
        os.chdir(address)
        server.connect("socket")
    except OSError:
        warm = False
    os.chdir(folder)
if not warm:
    os.execv(shell, [shell, *sys.argv[1:]])
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stage gets it too, and what it says counts
environment = [f"{name}={value}" for name, value in os.environ.items()]
request = os.fsencode("\0".join([folder, command, *environment]) + "\0\0")
answer = b""  # the process of the stage, and in a second line how it ended
with contextlib.suppress(OSError):  # the server has died
    sent = socket.send_fds(server, [request], [0, 1, 2])
    if rest := request[sent:]:  # an empty one fails if the answer is already there
        server.sendall(rest)
    while part := server.recv(64):
        answer += part
process, _, code = answer.partition(b"\n")
if code:
    sys.exit(int(code))
if process:
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(process), signal.SIGKILL)  # it would write beside its own repetition
sys.exit("The Python that the stages are forks of has died. Run it again")
