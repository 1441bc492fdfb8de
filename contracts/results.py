"""What a tool answers: data with a speech line, a receipt for a write, or a failure named by what happens next."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Contract


class ErrorKind(StrEnum):
    """What happens next after a failure."""

    BAD_REQUEST = "bad_request"
    """The caller can fix an argument; ``field`` names it."""
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    """The slot is taken, or the thing changed meanwhile."""
    NOT_ALLOWED = "not_allowed"
    NEEDS_RECONNECT = "needs_reconnect"
    """The owner must connect the account again."""
    TRY_LATER = "try_later"
    """Passing; ``retry_after`` says when."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """A write may or may not have happened; it must not be repeated blindly."""
    UNAVAILABLE = "unavailable"


class ToolFailure(Contract):
    """The structured content of a tool result with ``isError``."""

    success: Literal[False] = False
    kind: ErrorKind
    error: str
    """For a developer or a model: names the field and the fix. Holds nothing that a caller said."""
    speech: str
    """For a caller: one sentence, ready to say."""
    field: str | None = None
    retry_after: Annotated[float | None, Field(description="Seconds to wait")] = None
    current_epoch: Annotated[
        int | None, Field(description="Set when the operation was undone: a new, deliberate one uses this epoch")
    ] = None


class Action(StrEnum):
    """What a write did. Claims in speech are compared with this."""

    BOOKED = "booked"
    MOVED = "moved"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    SENT = "sent"
    QUEUED = "queued"
    """Stored and certain to be tried, not yet accepted by the other side."""


class Receipt(Contract):
    """Proof of one write. What is spoken about the write is ``speech``."""

    operation_id: str
    action: Action
    tool: str
    resource_id: Annotated[str, Field(description="Event id, delivery id …")]
    made_at: datetime
    start: Annotated[datetime | None, Field(description="With offset, in the zone named beside it")] = None
    end: datetime | None = None
    all_day: bool = False
    zone: Annotated[str | None, Field(description="IANA name")] = None
    party: Annotated[str | None, Field(description="The name the booking is under")] = None
    recipient: Annotated[str | None, Field(description="Whom or what a message went to")] = None
    replayed: Annotated[bool, Field(description="True when an earlier receipt is repeated after a re-read")] = False
    demo: bool = False
    speech: str


class ToolAnswer(Contract):
    """A tool result as our own rooms see it."""

    data: dict[str, Any]
    is_error: bool = False
    failure: ToolFailure | None = None

    @property
    def receipt(self) -> Receipt | None:
        """The receipt of a write, if there is one."""
        raw = self.data.get("receipt")
        return Receipt.model_validate(raw) if raw else None
