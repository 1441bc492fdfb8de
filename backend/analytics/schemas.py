"""What the API says of what happened."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from backend.text import Sent
from contracts.events import Name, UsageItem


class TimelineEntry(BaseModel):
    """One event of a call."""

    id: str
    kind: str
    at: datetime
    data: dict[str, Any]


class ToolStats(BaseModel):
    """How a tool did."""

    server: str
    tool: str
    calls: int
    succeeded: int
    errors: Annotated[dict[str, int], Field(description="By what happens next")]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class DayStats(BaseModel):
    """Calls of an agent on a day (UTC)."""

    day: date
    agent_id: str
    calls: int
    minutes: float
    cost: Annotated[float, Field(description="In the price table's currency")]


class IntegrationStats(BaseModel):
    """Tool calls of an integration on a day (UTC)."""

    day: date
    server: str
    calls: int
    errors: int
    cost: Annotated[float, Field(description="Of calls that succeeded, in the price table's currency")]


class Prices(Sent):
    """What a million units of each item cost, in the workspace's currency."""

    prices: Annotated[dict[UsageItem, Annotated[float, Field(ge=0, le=1_000_000)]], Field(max_length=20)]
    integrations: Annotated[
        dict[Name, Annotated[float, Field(ge=0, le=1_000_000_000)]],
        Field(
            default_factory=dict[str, float],
            max_length=100,
            description="What a million successful calls of an integration's tools cost, by server",
            # Else the description would let a name of any shape pass.
            json_schema_extra={"additionalProperties": False},
        ),
    ]


class Keeping(Sent):
    """How long what was said is kept."""

    keep_text: Annotated[bool, Field(description="Whether what is said is stored at all")] = True
    text_days: Annotated[int, Field(ge=1, le=3650, description="Days after which what was said is removed")] = 30
    event_days: Annotated[int, Field(ge=1, le=3650, description="Days after which events are removed")] = 365
    summaries: Annotated[bool, Field(description="Whether a model, where one is configured, summarises calls")] = True
