"""``/api/agents`` and ``/api/templates``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from backend.access.dependencies import needs
from backend.access.principal import Principal, Scope
from backend.agents.schemas import AgentDraft, AgentSummary, NewAgent, VersionChoice, VersionView
from backend.agents.service import AgentService
from backend.agents.templates import TEMPLATES, Template
from backend.errors import describes
from backend.pages import Cursor, Limit, Page, page_of
from backend.text import PathId
from contracts.agents import AgentSpec

router = APIRouter(prefix="/api", tags=["agents"], responses=describes(401, 403, 404, 422))


def service(request: Request) -> AgentService:
    """The service of this app."""
    return request.app.state.agents


Agents = Annotated[AgentService, Depends(service)]
Reader = Annotated[Principal, needs(Scope.AGENTS_READ)]
Writer = Annotated[Principal, needs(Scope.AGENTS_WRITE)]


@router.get("/templates")
async def list_templates(_: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[Template]:
    """Agents to begin with, one for each kind of business, by kind."""
    return page_of(TEMPLATES, lambda template: template.kind, limit=limit, cursor=cursor)


@router.get("/agents")
async def list_agents(
    principal: Reader, agents: Agents, limit: Limit = 50, cursor: Cursor = None
) -> Page[AgentSummary]:
    """The agents, by name."""
    return await agents.page(principal.workspace, limit=limit, cursor=cursor)


@router.post("/agents", status_code=201)
async def make_agent(new: NewAgent, principal: Writer, agents: Agents) -> VersionView:
    """Make an agent: a draft, unless ``publish`` says that calls may use it at once."""
    return await agents.make(principal, new)


@router.get("/agents/{agent_id}", responses=describes(409))
async def get_agent(agent_id: PathId, principal: Reader, agents: Agents) -> AgentSpec:
    """The published version of an agent, whole."""
    return await agents.get(principal.workspace, agent_id)


@router.delete("/agents/{agent_id}", status_code=204)
async def archive_agent(agent_id: PathId, principal: Writer, agents: Agents) -> None:
    """Take an agent out of use. Its calls stay readable."""
    await agents.archive(principal, agent_id)


@router.put("/agents/{agent_id}/draft")
async def write_draft(agent_id: PathId, draft: AgentDraft, principal: Writer, agents: Agents) -> VersionView:
    """Write what the next version will be; a draft that is there is replaced."""
    return await agents.write_draft(principal, agent_id, draft)


@router.post("/agents/{agent_id}/publish", responses=describes(409))
async def publish_draft(agent_id: PathId, principal: Writer, agents: Agents) -> VersionView:
    """Let new calls use the draft."""
    return await agents.publish(principal, agent_id)


@router.post("/agents/{agent_id}/rollback", responses=describes(409))
async def roll_back(agent_id: PathId, choice: VersionChoice, principal: Writer, agents: Agents) -> VersionView:
    """Let new calls use an earlier version again."""
    return await agents.roll_back(principal, agent_id, choice.version)


@router.get("/agents/{agent_id}/versions")
async def list_versions(
    agent_id: PathId, principal: Reader, agents: Agents, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionView]:
    """The versions of an agent, the newest first."""
    return await agents.versions(principal.workspace, agent_id, limit=limit, cursor=cursor)
