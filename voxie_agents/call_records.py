"""What is told of a tool call to whoever watches."""

from dataclasses import dataclass

from contracts.results import ErrorKind, Receipt


@dataclass(frozen=True)
class CallRecord:
    """One tool call, for whoever watches: names and outcome, none of the arguments.

    Args:
        tool: as found.
        server: its name in the registry.
        ms: milliseconds that it took.
        error: None when it succeeded.
        operation: key of the operation, for a write.
        receipt: of a write.
    """

    tool: str
    server: str
    ms: int
    error: ErrorKind | None = None
    operation: str | None = None
    receipt: Receipt | None = None


def ignore_record(_: CallRecord) -> None:
    """Nobody watches."""
