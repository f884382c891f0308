"""The errors that the tools raise on purpose, and what turns others into a line."""

from importlib.util import find_spec


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""


def first_line(error: BaseException) -> str:
    """What an error says, in a line; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def require(extra: str, *modules: str) -> None:
    """Raise Fault, naming the extra that brings it, for the first module not installed."""
    for name in modules:
        try:
            found = find_spec(name)
        except ModuleNotFoundError:  # not even the package that it is in
            found = None
        if found is None:
            raise Fault(f"needs {name}, which is not installed: pip install 'dvc-strata[{extra}]'")
