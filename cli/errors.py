"""What stops a command."""


class Stop(Exception):
    """One clear line that names the fix, shown instead of a traceback.

    Args:
        message: the line.
        code: exit status.
    """

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
