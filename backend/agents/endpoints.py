"""``/api/agents``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from backend.access.dependencies import needs
from backend.access.principal import Principal, Scope
from backend.agents.schemas import AgentSummary
from backend.agents.service import AgentService
from backend.errors import describes
from backend.pages import Cursor, Limit, Page
from backend.text import PathId
from contracts.agents import AgentSpec

router = APIRouter(
    prefix="/api/agents",
    tags=["agents"],
    responses=describes(401, 403, 422),
)


def service(request: Request) -> AgentService:
    """The service of this app."""
    return request.app.state.agents


Agents = Annotated[AgentService, Depends(service)]
Reader = Annotated[Principal, needs(Scope.AGENTS_READ)]


@router.get("")
async def list_agents(
    principal: Reader, agents: Agents, limit: Limit = 50, cursor: Cursor = None
) -> Page[AgentSummary]:
    """The agents, by name."""
    return await agents.page(principal.workspace, limit=limit, cursor=cursor)


@router.get("/{agent_id}", responses=describes(404))
async def get_agent(agent_id: PathId, principal: Reader, agents: Agents) -> AgentSpec:
    """One published agent, whole."""
    return await agents.get(principal.workspace, agent_id)
