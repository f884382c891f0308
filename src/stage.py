"""What every stage shares: how it reports a fault of its input, and its one closing line."""

import sys
import time
from collections.abc import Callable


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""


def run(name: str, main: Callable[[], str]) -> None:
    """Run a stage's ``main``, which returns what it did in a few words, and print that line.

    A Fault ends the process with exit code 1 and its lines on standard error, and no traceback;
    Ctrl-C with 130.
    """
    start = time.perf_counter()
    try:
        done = main()
    except Fault as fault:
        for line in str(fault).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)
    print(f"{name}: {done}, {time.perf_counter() - start:.1f} s")
