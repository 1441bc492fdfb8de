"""What a worker tells of a call. Each event has an id of its own, so that a batch may be sent again."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.base import Contract
from contracts.results import ErrorKind, Receipt

MOST_EVENTS = 500
EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$")]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]


class Speaker(StrEnum):
    """Who said something."""

    CALLER = "caller"
    AGENT = "agent"


class _Event(Contract):
    id: EventId
    at: AwareDatetime


class Turn(_Event):
    """Something was said. Of the agent: what was heard, not what was meant to be said."""

    kind: Literal["turn"] = "turn"
    speaker: Speaker
    text: Annotated[str, Field(max_length=8000)]
    interrupted: bool = False
    latency_ms: Annotated[Milliseconds | None, Field(description="From the end of the caller's speech")] = None


class ToolCall(_Event):
    """A tool was called. Its arguments are not told: the receipt says what was done."""

    kind: Literal["tool"] = "tool"
    tool: Name
    server: Name
    ms: Milliseconds
    error: Annotated[ErrorKind | None, Field(description="None when it succeeded")] = None
    operation: Annotated[Name | None, Field(description="Key of the operation, for a write")] = None
    receipt: Receipt | None = None


class Wait(_Event):
    """The caller waited in silence or heard a filler."""

    kind: Literal["wait"] = "wait"
    ms: Milliseconds
    filled: bool = False


class Problem(_Event):
    """Something went wrong. A static name, never an exception's text."""

    kind: Literal["problem"] = "problem"
    name: Name


class UsageItem(StrEnum):
    """What is paid for."""

    LLM_INPUT_TOKENS = "llm_input_tokens"
    LLM_OUTPUT_TOKENS = "llm_output_tokens"
    TTS_CHARACTERS = "tts_characters"
    STT_SECONDS = "stt_seconds"
    CALL_SECONDS = "call_seconds"
    """Of calls that have ended; the backend counts them."""
    SUMMARY_INPUT_TOKENS = "summary_input_tokens"
    SUMMARY_OUTPUT_TOKENS = "summary_output_tokens"
    """Of the model that summarises calls; the backend counts them."""


class Usage(_Event):
    """Something that is paid for was used."""

    kind: Literal["usage"] = "usage"
    item: UsageItem
    quantity: Annotated[int, Field(ge=0, le=1_000_000_000)]


Event = Annotated[Turn | ToolCall | Wait | Problem | Usage, Field(discriminator="kind")]


class EventBatch(Contract):
    """Events of one call."""

    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=MOST_EVENTS)]


class Accepted(Contract):
    """What became of a batch."""

    new: Annotated[int, Field(description="Events that were not known before")]


class IntentStep(Contract):
    """A write that a flow is going to make."""

    operation: Annotated[Name, Field(description="Key of the operation, as in the tool call")]
    tool: Name
    server: Name


class NewIntent(Contract):
    """A flow of several writes, told before the first. Receipts close its steps."""

    id: EventId
    flow: Name
    steps: Annotated[tuple[IntentStep, ...], Field(min_length=1, max_length=10)]


class IntentState(StrEnum):
    """What is known of a flow or a step."""

    OPEN = "open"
    DONE = "done"
    """Its receipt is here."""
    FAILED = "failed"
    """It was tried and did not happen."""
    UNKNOWN = "unknown"
    """The call is over and nothing says whether it happened: a person must look."""


class IntentStepView(IntentStep):
    """A step and what is known of it."""

    state: IntentState
    settled_at: datetime | None = None


class IntentView(Contract):
    """A flow and what is known of it."""

    id: str
    call_id: str
    flow: str
    state: IntentState
    opened_at: datetime
    steps: tuple[IntentStepView, ...]
