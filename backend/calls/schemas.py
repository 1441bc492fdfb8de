"""What the API says of calls."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class NewCall(BaseModel):
    """A call to be made."""

    model_config = ConfigDict(extra="forbid")

    agent_id: Annotated[str, Field(min_length=1, max_length=64)]
    caller: Annotated[str | None, Field(max_length=256, description="Verified number or signed-in user")] = None


class CallView(BaseModel):
    """A call."""

    id: str
    agent_id: str
    agent_version: int
    started_at: datetime
    ended_at: datetime | None
