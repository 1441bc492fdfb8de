"""What an agent is, as the backend stores it and the spawner builds it."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract
from contracts.hours import OpeningHours

AgentKind = Literal["restaurant", "dental", "medical", "business"]


class BusinessProfile(Contract):
    """What the agent knows about the business it answers for."""

    name: str
    zone: Annotated[str | None, Field(description="IANA name; None means the zone of its calendar")] = None
    hours: OpeningHours
    booking_minutes: Annotated[int, Field(gt=0, le=24 * 60)] = 60
    largest_party: Annotated[int, Field(gt=0)] = 12
    facts: dict[str, str] = Field(default_factory=dict, description="Question keyword → answer the agent may give")


class AgentSpec(Contract):
    """A version of an agent. Everything needed to run it, apart from credentials."""

    id: str
    version: Annotated[int, Field(ge=1)]
    workspace: str
    name: str
    kind: AgentKind
    business: BusinessProfile
    greeting: Annotated[str | None, Field(description="First sentence; None means the kind's own")] = None
    instructions: Annotated[str, Field(description="The owner's own words, added to the kind's instructions")] = ""
    servers: Annotated[tuple[str, ...], Field(description="Names of MCP servers in the registry")] = ()
    tools: Annotated[
        tuple[str, ...],
        Field(description="Tools this agent may use; name:value grants that one thing alone (contracts.grants)"),
    ] = ()
    notify_hook: Annotated[str | None, Field(description="Named Zapier hook told of each booking")] = None
    language: Literal["en"] = "en"
