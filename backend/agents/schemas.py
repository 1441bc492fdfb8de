"""What the API says of agents."""

from pydantic import BaseModel

from contracts.agents import AgentSpec


class AgentSummary(BaseModel):
    """One line of the list."""

    id: str
    name: str
    kind: str
    version: int


class AgentList(BaseModel):
    """The agents of a workspace."""

    agents: list[AgentSummary]


__all__ = ["AgentList", "AgentSpec", "AgentSummary"]
