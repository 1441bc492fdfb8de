"""What the API says of agents."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from backend.text import Identifier, Line, Prose, Sent
from contracts.agents import AgentKind, AgentSpec
from contracts.grants import TOOL_GRANT
from contracts.hours import OpeningHours

MOST_TOOLS = 12
MOST_SERVERS = 8


class VersionState(StrEnum):
    """What a version is."""

    DRAFT = "draft"
    """May still change; no call uses it."""
    PUBLISHED = "published"
    """What new calls use."""
    ARCHIVED = "archived"
    """Was published; calls that began with it keep it, and one can go back to it."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        msg = "not an IANA zone; write it like Europe/Madrid"
        raise ValueError(msg)
    return name


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{', '.join(twice)} stands there twice"
        raise ValueError(msg)
    return names


Zone = Annotated[Line, AfterValidator(_zone)]


class Business(Sent):
    """What the agent knows about the business it answers for."""

    name: Line
    zone: Annotated[Zone | None, Field(description="IANA name; None means its calendar's zone")] = None
    hours: OpeningHours
    booking_minutes: Annotated[int, Field(gt=0, le=24 * 60)] = 60
    largest_party: Annotated[int, Field(gt=0, le=10_000)] = 12
    facts: dict[Line, Line] = Field(
        default_factory=dict, max_length=100, description="Question keyword → answer the agent may give"
    )


Names = Annotated[tuple[Identifier, ...], AfterValidator(_once)]
ToolGrants = Annotated[tuple[Annotated[str, StringConstraints(pattern=TOOL_GRANT)], ...], AfterValidator(_once)]


class AgentDraft(Sent):
    """An agent as its owner writes it."""

    name: Line
    kind: AgentKind
    business: Business
    greeting: Annotated[Line | None, Field(description="First sentence; None means the kind's own")] = None
    instructions: Prose = ""
    servers: Annotated[Names, Field(max_length=MOST_SERVERS)] = ()
    tools: Annotated[
        ToolGrants,
        Field(
            max_length=MOST_TOOLS,
            description="Names of tools; name:value grants a tool for that one thing alone, to any caller",
        ),
    ] = ()
    notify_hook: Identifier | None = None
    language: Literal["en"] = "en"


class NewAgent(AgentDraft):
    """An agent to be made."""

    publish: Annotated[bool, Field(description="Whether calls may use it at once")] = False


class AgentSummary(BaseModel):
    """One line of the list."""

    id: str
    name: str
    kind: str
    version: Annotated[int | None, Field(description="The published one; None when nothing is published")]
    archived: bool = False


class VersionView(BaseModel):
    """One version."""

    version: int
    state: VersionState
    created_by: str
    created_at: datetime
    spec: AgentSpec


class VersionChoice(Sent):
    """A version to go back to."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]


class Limits(Sent):
    """How much an agent may be used; None means not limited."""

    simultaneous_calls: Annotated[int | None, Field(ge=0, le=100_000)] = None
    minutes_a_day: Annotated[int | None, Field(ge=0, le=10_000_000)] = None
    spend_a_day: Annotated[float | None, Field(ge=0, le=1_000_000, description="In the price table's currency")] = None


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        msg = "write an origin like https://www.example.com, without a path"
        raise ValueError(msg)
    return text.lower()


Origin = Annotated[Line, AfterValidator(_origin)]


class NewPublishableKey(Sent):
    """A key for a public page."""

    origins: Annotated[list[Origin], Field(min_length=1, max_length=20, description="Pages that may use it")]


class PublishableKeyView(BaseModel):
    """A key for a public page."""

    id: str
    agent_id: str
    key: str
    origins: list[str]
    created_at: datetime


class PhoneNumberChoice(Sent):
    """Who answers a number."""

    agent_id: Identifier


class PhoneNumberView(BaseModel):
    """A number and who answers it."""

    number: str
    agent_id: str
