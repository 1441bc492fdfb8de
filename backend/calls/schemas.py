"""What the API says of calls."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from backend.text import Identifier, Line, Sent


class NewCall(Sent):
    """A call to be made."""

    agent_id: Identifier
    caller: Annotated[Line | None, Field(description="Verified number or signed-in user")] = None


class CallView(BaseModel):
    """A call."""

    id: str
    agent_id: str
    agent_version: int
    started_at: datetime
    ended_at: datetime | None
