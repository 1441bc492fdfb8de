"""``/api/servers``: the MCP servers of a workspace."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from backend.access.dependencies import needs
from backend.access.principal import Principal, Scope
from backend.connections.endpoints import remember
from backend.connections.schemas import StartedOAuth
from backend.errors import describes
from backend.pages import Cursor, Limit, Page
from backend.registry.consent import ServerConsent
from backend.registry.schemas import NewCredential, NewOAuthServer, NewServer, ServerView, ToolChoice, ToolView
from backend.registry.service import RegistryService
from backend.text import PathId

router = APIRouter(prefix="/api/servers", tags=["servers"], responses=describes(401, 403, 404, 422))
browser_router = APIRouter(tags=["servers"], responses=describes(401, 403, 404, 409, 422, 503))


def service(request: Request) -> RegistryService:
    """The registry of this app."""
    return request.app.state.registry


def consent(request: Request) -> ServerConsent:
    """What connects servers by OAuth."""
    return request.app.state.server_consent


Registry = Annotated[RegistryService, Depends(service)]
OAuth = Annotated[ServerConsent, Depends(consent)]
Reader = Annotated[Principal, needs(Scope.CONNECTIONS_READ)]
Writer = Annotated[Principal, needs(Scope.CONNECTIONS_WRITE)]


@router.get("")
async def list_servers(
    principal: Reader, registry: Registry, limit: Limit = 50, cursor: Cursor = None
) -> Page[ServerView]:
    """The servers that agents can use, by name: the operator's own, and those that were added."""
    return await registry.page(principal.workspace, limit=limit, cursor=cursor)


@router.post("", status_code=201, responses=describes(409))
async def add_server(new: NewServer, principal: Writer, registry: Registry) -> ServerView:
    """Add a server. It is listed with its credential first; its tools wait for approval."""
    return await registry.add(principal, new)


@router.post("/oauth", status_code=201, responses=describes(409, 503))
async def add_server_by_oauth(
    new: NewOAuthServer, request: Request, response: Response, principal: Writer, oauth: OAuth
) -> StartedOAuth:
    """Begin to add a server whose access is granted by OAuth: send the owner's browser to ``authorize_url``.

    The answer sets a cookie; the consent is accepted from the browser that has it. The server is saved then.
    """
    browser = secrets.token_urlsafe(32)
    started = await oauth.start(principal, new, browser=browser)
    remember(response, request, browser)
    return started


@router.get("/{server_id}")
async def get_server(server_id: PathId, principal: Reader, registry: Registry) -> ServerView:
    """One server, and how it does."""
    return await registry.get(principal.workspace, server_id)


@router.delete("/{server_id}", status_code=204, responses=describes(409))
async def remove_server(server_id: PathId, principal: Writer, registry: Registry, oauth: OAuth) -> None:
    """Forget a server, its tools and its credential. Agents that name it go on without it."""
    granted = await registry.remove(principal, server_id)
    if granted is not None:
        await oauth.revoke(granted)


@router.put("/{server_id}/credential", responses=describes(409))
async def replace_credential(
    server_id: PathId, new: NewCredential, principal: Writer, registry: Registry
) -> ServerView:
    """Give a server another credential. It is listed with it first."""
    return await registry.replace_credential(principal, server_id, new.credential)


@router.post("/{server_id}/oauth", status_code=201, responses=describes(409, 503))
async def grant_again(
    server_id: PathId, request: Request, response: Response, principal: Writer, oauth: OAuth
) -> StartedOAuth:
    """Begin to grant access to a server anew: send the owner's browser to ``authorize_url``."""
    browser = secrets.token_urlsafe(32)
    started = await oauth.again(principal, server_id, browser=browser)
    remember(response, request, browser)
    return started


@router.post("/{server_id}/refresh")
async def refresh_server(server_id: PathId, principal: Writer, registry: Registry) -> ServerView:
    """List a server's tools now; otherwise that happens every ten minutes."""
    return await registry.refresh(principal.workspace, server_id)


@router.get("/{server_id}/tools")
async def list_tools(
    server_id: PathId, principal: Reader, registry: Registry, limit: Limit = 50, cursor: Cursor = None
) -> Page[ToolView]:
    """The tools of a server by name, with what waits for approval and what changed of it."""
    return await registry.tools(principal.workspace, server_id, limit=limit, cursor=cursor)


@router.post("/{server_id}/approve", responses=describes(409))
async def approve_tools(server_id: PathId, choice: ToolChoice, principal: Writer, registry: Registry) -> ServerView:
    """Let calls be offered tools as they were seen: each is named with its fingerprint."""
    return await registry.approve(principal, server_id, choice)


@browser_router.get("/servers/{server_id}/reconnect", status_code=303, response_class=RedirectResponse)
async def reconnect(server_id: PathId, request: Request, principal: Writer, oauth: OAuth) -> RedirectResponse:
    """Send the owner's browser to the consent page of a server's grantor, to grant access again."""
    browser = secrets.token_urlsafe(32)
    started = await oauth.again(principal, server_id, browser=browser)
    answer = RedirectResponse(started.authorize_url, status_code=303)
    remember(answer, request, browser)
    return answer
