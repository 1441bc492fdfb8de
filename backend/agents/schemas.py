"""What the API says of agents."""

from pydantic import BaseModel


class AgentSummary(BaseModel):
    """One line of the list."""

    id: str
    name: str
    kind: str
    version: int
