"""What the API says of calls."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.text import PHONE_PATTERN, Identifier, Line, Sent

PhoneNumber = Annotated[str, Field(pattern=PHONE_PATTERN, description="E.164, such as +15550100")]


class Channel(StrEnum):
    """How a caller reaches an agent."""

    TEXT = "text"
    BROWSER = "browser"
    EMBED = "embed"
    PHONE = "phone"


class Outcome(StrEnum):
    """How a call ended."""

    ENDED = "ended"
    LOST = "lost"
    """Its worker was heard of no more."""


class NewCall(Sent):
    """A call to be registered: of an agent, or by the number that was dialled."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["agent_id"], "properties": {"agent_id": {"type": "string"}, "dialled": {"type": "null"}}},
                {"required": ["dialled"], "properties": {"dialled": {"type": "string"}, "agent_id": {"type": "null"}}},
            ]
        }
    )

    agent_id: Identifier | None = None
    dialled: PhoneNumber | None = None
    caller: Annotated[Line | None, Field(description="Verified number or signed-in user")] = None
    room: Annotated[Identifier | None, Field(description="The LiveKit room, when there is one already")] = None

    @model_validator(mode="after")
    def _names_whom(self) -> Self:
        if (self.agent_id is None) == (self.dialled is None):
            msg = "give either agent_id, or dialled for a phone call"
            raise ValueError(msg)
        return self


class CallView(BaseModel):
    """A call."""

    id: str
    agent_id: str
    agent_version: int
    channel: Channel
    caller: str | None
    room: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    seconds: int
    cost: Annotated[float, Field(description="In the price table's currency")]
    unknown_steps: Annotated[
        int, Field(description="Writes of which nobody knows whether they happened: look at /api/intents?call_id=…")
    ]


class CallSummary(BaseModel):
    """What a model made of a call."""

    text: str
    model: str
    made_at: datetime


class CallDetail(CallView):
    """A call, and its summary once there is one."""

    summary: Annotated[CallSummary | None, Field(description="By a model; None where none is configured or due")] = None


class Spawn(Sent):
    """LiveKit's standard token request. The room, the identity and the agents are the server's to choose."""

    participant_name: Line | None = None
    participant_identity: Annotated[Line | None, Field(description="Not used: who asks is who joins")] = None
    participant_metadata: Annotated[str | None, Field(max_length=2000, description="Not used")] = None
    participant_attributes: Annotated[dict[str, str] | None, Field(max_length=20, description="Not used")] = None
    room_config: Annotated[dict[str, Any] | None, Field(description="Not used: the server sets the agents")] = None


class Spawned(BaseModel):
    """LiveKit's standard token answer, and which call it is."""

    server_url: str
    participant_token: str
    room_name: str
    call_id: Annotated[str | None, Field(description="None for a room of the creator agent")] = None
