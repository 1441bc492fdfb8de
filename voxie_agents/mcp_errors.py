"""What can go wrong between us and an MCP server, named by what happens next, each with a sentence that can be spoken."""

from contracts.results import ErrorKind, ToolFailure


class McpClientError(Exception):
    """A call that brought no answer from the tool itself.

    Args:
        server: the server's name.
        detail: static words about the cause; holds nothing that a caller said.
    """

    kind: ErrorKind = ErrorKind.UNAVAILABLE
    outcome_unknown: bool = False
    """Whether a write may have had its effect."""
    speech: str = "I can't reach the booking system at the moment."

    def __init__(self, server: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"{server}: {type(self).__name__}{f' ({detail})' if detail else ''}")
        self.server = server
        self.detail = detail
        self.retry_after = retry_after

    def to_failure(self, *, write: bool) -> ToolFailure:
        """In the shape of a tool's own failure.

        Args:
            write: whether the call was to change something.
        """
        unknown = write and self.outcome_unknown
        return ToolFailure(
            kind=ErrorKind.OUTCOME_UNKNOWN if unknown else self.kind,
            error=str(self),
            speech="I couldn't confirm whether that went through, so please don't count on it yet."
            if unknown
            else self.speech,
            retry_after=self.retry_after,
        )


class ServerUnreachable(McpClientError):
    """No connection; nothing was sent. The next call tries again."""


class WrongAddress(McpClientError):
    """What answers there is not this server, or does not take the call; nothing was done. The operator mends the URL."""


class AddressForbidden(WrongAddress):
    """The address is not one that we connect to; nothing was sent. Whoever gave it gives another."""


class ServerBusy(McpClientError):
    """The server asks for patience (``retry_after`` seconds, when it says); nothing was done."""

    kind = ErrorKind.TRY_LATER
    speech = "The system is busy at the moment, so that hasn't been done."


class Unauthorized(McpClientError):
    """The server refuses our credential; nothing was done."""

    kind = ErrorKind.NOT_ALLOWED
    speech = "I'm not able to do that on this call."


class DeadlineExceeded(McpClientError):
    """No answer in time."""

    outcome_unknown = True
    speech = "The booking system is taking too long to answer."


class ServerFailed(McpClientError):
    """The line was cut, or the server broke, while it had our call."""

    outcome_unknown = True


class ProtocolError(McpClientError):
    """The server's answer makes no sense."""

    outcome_unknown = True
