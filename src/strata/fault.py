"""The one exception of the tools."""


class Fault(Exception):
    """Something in the user's hands is wrong: the message says what, where and what to do."""
