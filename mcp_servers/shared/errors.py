"""Failures, named by what happens next, and the one table that maps each to its consequences."""

from dataclasses import dataclass
from typing import Literal

from contracts.results import ErrorKind, ToolFailure


class ServerError(Exception):
    """A failure that a tool raises on purpose.

    Args:
        error: for a developer or a model; names the field and the fix; holds nothing that a caller said.
        speech: one sentence for a caller; the kind's own sentence when omitted.
        field: the argument concerned.
        retry_after: seconds to wait.
        current_epoch: the epoch that a new, deliberate operation uses.
    """

    kind: ErrorKind

    def __init__(
        self,
        error: str,
        *,
        speech: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        current_epoch: int | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.speech = speech or CONSEQUENCES[self.kind].speech
        self.field = field
        self.retry_after = retry_after
        self.current_epoch = current_epoch

    def to_failure(self) -> ToolFailure:
        """The structured content that crosses the wire."""
        return ToolFailure(
            kind=self.kind,
            error=self.error,
            speech=self.speech,
            field=self.field,
            retry_after=self.retry_after,
            current_epoch=self.current_epoch,
        )


class BadRequest(ServerError):
    """The caller can fix an argument."""

    kind = ErrorKind.BAD_REQUEST


class NotFound(ServerError):
    """There is no such thing, or it is not this caller's."""

    kind = ErrorKind.NOT_FOUND


class Conflict(ServerError):
    """The slot is taken, or the thing changed meanwhile."""

    kind = ErrorKind.CONFLICT


class NotAllowed(ServerError):
    """The role may not do this."""

    kind = ErrorKind.NOT_ALLOWED


class NeedsReconnect(ServerError):
    """The owner must connect the account again."""

    kind = ErrorKind.NEEDS_RECONNECT


class TryLater(ServerError):
    """The vendor asks for patience."""

    kind = ErrorKind.TRY_LATER


class OutcomeUnknown(ServerError):
    """A write may or may not have happened."""

    kind = ErrorKind.OUTCOME_UNKNOWN


class Unavailable(ServerError):
    """The vendor or this server cannot answer now."""

    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True)
class Consequence:
    """What follows from a kind of failure."""

    http_status: int
    retry: Literal["never", "after_wait", "after_fix"]
    log_level: Literal["debug", "info", "warning", "error"]
    speech: str


CONSEQUENCES: dict[ErrorKind, Consequence] = {
    ErrorKind.BAD_REQUEST: Consequence(400, "after_fix", "info", "I didn't get that right. Could you say it again?"),
    ErrorKind.NOT_FOUND: Consequence(404, "never", "info", "I couldn't find that."),
    ErrorKind.CONFLICT: Consequence(409, "after_fix", "info", "That time is already taken."),
    ErrorKind.NOT_ALLOWED: Consequence(403, "never", "warning", "I'm not able to do that on this call."),
    ErrorKind.NEEDS_RECONNECT: Consequence(
        503, "never", "error", "I can't reach the booking system at the moment, so I can't do that now."
    ),
    ErrorKind.TRY_LATER: Consequence(
        429, "after_wait", "warning", "The system is busy at the moment, so that hasn't been done."
    ),
    ErrorKind.OUTCOME_UNKNOWN: Consequence(
        504, "never", "error", "I couldn't confirm whether that went through, so please don't count on it yet."
    ),
    ErrorKind.UNAVAILABLE: Consequence(
        503, "after_wait", "error", "I can't reach the booking system at the moment, so I can't do that now."
    ),
}
