"""The one exception of the tools."""


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""


def first_line(error: BaseException) -> str:
    """What an error says, in a line; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
