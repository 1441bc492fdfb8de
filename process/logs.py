"""What a process of ours logs: our own lines whole, of a library's line only where it comes from."""

import logging
import sys
from typing import TextIO

import structlog


class WithoutTheirWords(logging.Formatter):
    """Writes a library's line without its text.

    URLs in request lines may be credentials, and the text of an exception may hold what somebody sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Where it comes from, and what kind of exception it has; never its message, arguments or traceback."""
        error = record.exc_info[0] if record.exc_info else None
        kind = f" error_type={error.__name__}" if error else ""
        where = f"{record.module}:{record.lineno}"
        return f"{record.levelname.lower()} library message logger={record.name} where={where}{kind}"


def configure_logging(stream: TextIO = sys.stderr) -> None:
    """Set up this process's log. Call it before anything is served.

    Args:
        stream: where libraries' lines go.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(WithoutTheirWords())
    # In place of Python's own last resort, which prints texts and tracebacks as they are.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
