"""``/api/connections``, and where vendors send owners back to."""

import html
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from backend.access.dependencies import needs
from backend.access.principal import Principal, Scope
from backend.connections.oauth import CALLBACK_PATH, FLOW_LIFETIME, BackFromVendor
from backend.connections.probe import Probe
from backend.connections.schemas import (
    Connectable,
    ConnectionView,
    NewClient,
    NewHook,
    NewKey,
    OwnerSettings,
    StartedOAuth,
    StartOAuth,
)
from backend.connections.service import ConnectionService
from backend.errors import ApiError, ErrorBody
from backend.pages import Cursor, Limit, Page, page_of

BROWSER_COOKIE = "voxie_oauth"
REFUSALS = {
    401: {"model": ErrorBody},
    403: {"model": ErrorBody},
    404: {"model": ErrorBody},
    409: {"model": ErrorBody},
    422: {"model": ErrorBody},
    503: {"model": ErrorBody},
}

AS_PAGE_TOO: dict[int | str, dict[str, Any]] = {
    status: {**described, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, described in {200: {"model": ConnectionView}, 400: {"model": ErrorBody}, **REFUSALS}.items()
}
"""A browser is answered by a page."""

router = APIRouter(prefix="/api/connections", tags=["connections"], responses={**REFUSALS})
browser_router = APIRouter(tags=["connections"])


def service(request: Request) -> ConnectionService:
    """The service of this app."""
    return request.app.state.connections


def probe(request: Request) -> Probe:
    """The probe of this app."""
    return request.app.state.probe


Connections = Annotated[ConnectionService, Depends(service)]
Reader = Annotated[Principal, needs(Scope.CONNECTIONS_READ)]
Writer = Annotated[Principal, needs(Scope.CONNECTIONS_WRITE)]


@router.get("")
async def list_connections(
    principal: Reader, connections: Connections, limit: Limit = 50, cursor: Cursor = None
) -> Page[ConnectionView]:
    """What is connected, by integration, way and name."""
    return await connections.page(principal.workspace, limit=limit, cursor=cursor)


@router.get("/available")
async def list_connectable(
    _: Reader, connections: Connections, limit: Limit = 50, cursor: Cursor = None
) -> Page[Connectable]:
    """What can be connected, and how, by name."""
    return page_of(connections.connectable(), lambda found: found.server, limit=limit, cursor=cursor)


@router.post("/oauth", status_code=201)
async def start_oauth(
    new: StartOAuth, request: Request, response: Response, principal: Writer, connections: Connections
) -> StartedOAuth:
    """Begin to connect an account: send the owner's browser to ``authorize_url``.

    The answer sets a cookie; the vendor's answer is accepted from the browser that has it, and no other.
    """
    browser = secrets.token_urlsafe(32)
    started = await connections.start_oauth(principal, new.server, browser=browser)
    remember(response, request, browser)
    return started


@router.post("/hooks", status_code=201)
async def add_hook(new: NewHook, principal: Writer, connections: Connections) -> ConnectionView:
    """Connect a named hook. One test delivery is made; what it answers decides."""
    return await connections.add_hook(principal, new)


@router.post("/keys", status_code=201)
async def add_key(new: NewKey, principal: Writer, connections: Connections) -> ConnectionView:
    """Connect an API key. It is tried at the vendor first."""
    return await connections.add_key(principal, new)


@router.post("/clients", status_code=201)
async def add_client(new: NewClient, principal: Writer, connections: Connections) -> ConnectionView:
    """Connect a client id and secret. They are exchanged for a token first."""
    return await connections.add_client(principal, new)


@router.get("/{connection_id}")
async def get_connection(connection_id: str, principal: Reader, connections: Connections) -> ConnectionView:
    """One connection."""
    return await connections.get(principal.workspace, connection_id)


@router.post("/{connection_id}/check")
async def check_connection(
    connection_id: str, principal: Writer, connections: Connections, probe: Annotated[Probe, Depends(probe)]
) -> ConnectionView:
    """Try it at the vendor now; otherwise that happens every ten minutes."""
    await probe.check(await connections.row(principal.workspace, connection_id))
    return await connections.get(principal.workspace, connection_id)


@router.put("/{connection_id}/settings")
async def set_settings(
    connection_id: str, new: OwnerSettings, principal: Writer, connections: Connections
) -> ConnectionView:
    """Set what the integration's server does with the connection. Servers know it within five minutes."""
    return await connections.set_settings(principal, connection_id, new.settings)


@router.delete("/{connection_id}", status_code=204)
async def remove_connection(connection_id: str, principal: Writer, connections: Connections) -> None:
    """Forget a connection, here and at the vendor."""
    await connections.remove(principal, connection_id)


@browser_router.get(
    "/connections/{connection_id}/reconnect",
    status_code=303,
    response_class=RedirectResponse,
    responses={**REFUSALS},
)
async def reconnect(
    connection_id: str, request: Request, principal: Writer, connections: Connections
) -> RedirectResponse:
    """Send the owner's browser to the vendor's consent page, to connect an account again."""
    view = await connections.get(principal.workspace, connection_id)
    browser = secrets.token_urlsafe(32)
    started = await connections.start_oauth(principal, view.server, browser=browser)
    answer = RedirectResponse(started.authorize_url, status_code=303)
    remember(answer, request, browser)
    return answer


@browser_router.get(CALLBACK_PATH, response_model=ConnectionView, responses=AS_PAGE_TOO)
async def oauth_callback(
    request: Request,
    connections: Connections,
    state: Annotated[str, Query(max_length=256)],
    code: Annotated[str | None, Query(max_length=2048)] = None,
    error: Annotated[str | None, Query(max_length=128)] = None,
    issuer: Annotated[str | None, Query(alias="iss", max_length=2048)] = None,
    browser: Annotated[str, Cookie(alias=BROWSER_COOKIE)] = "",
) -> Response:
    """Where the vendor sends the owner back to. Answers a page to a browser, JSON to a program."""
    try:
        view = await connections.finish_oauth(state, BackFromVendor(code, error, issuer, browser))
    except ApiError as problem:
        if not _wants_page(request):
            raise
        return _page("Not connected", problem.body.message, status=problem.status)
    if _wants_page(request):
        return _page("Connected", f"{view.account or view.server} is connected. You can close this page.")
    answer = Response(view.model_dump_json(), media_type="application/json")
    answer.delete_cookie(BROWSER_COOKIE, path=CALLBACK_PATH)
    return answer


def remember(response: Response, request: Request, browser: str) -> None:
    """Give the browser the secret that must come back with the vendor's answer."""
    response.set_cookie(
        BROWSER_COOKIE,
        browser,
        max_age=int(FLOW_LIFETIME.total_seconds()),
        path=CALLBACK_PATH,
        httponly=True,
        # Lax, since the vendor's redirect is a navigation from another site.
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _page(title: str, text: str, *, status: int = 200) -> HTMLResponse:
    content = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)} · Voxie</title>'
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></body></html>"
    )
    # The address holds the code and the state: neither is kept nor told to the next page.
    headers = {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    }
    return HTMLResponse(content, status_code=status, headers=headers)
