"""``/api/agents``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from backend.access import require_service
from backend.agents.schemas import AgentList, AgentSummary
from backend.agents.seed import DEMO_WORKSPACE
from backend.agents.service import AgentService
from backend.errors import ErrorBody
from contracts.agents import AgentSpec

router = APIRouter(
    prefix="/api/agents",
    tags=["agents"],
    dependencies=[Depends(require_service)],
    responses={401: {"model": ErrorBody}},
)


def service(request: Request) -> AgentService:
    """The service of this app."""
    return request.app.state.agents


Agents = Annotated[AgentService, Depends(service)]


@router.get("")
async def list_agents(agents: Agents) -> AgentList:
    """The published agents."""
    return AgentList(
        agents=[
            AgentSummary(id=spec.id, name=spec.name, kind=spec.kind, version=spec.version)
            for spec in await agents.list(DEMO_WORKSPACE)
        ]
    )


@router.get("/{agent_id}", responses={404: {"model": ErrorBody}})
async def get_agent(agent_id: str, agents: Agents) -> AgentSpec:
    """One published agent, whole."""
    return await agents.get(DEMO_WORKSPACE, agent_id)
