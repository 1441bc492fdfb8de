"""Zapier's OAuth: the consent page of a published integration, and the token endpoint.

The clients are a published integration (``voxie-demo``, the backend's in demo mode) and a user's client credentials
(``sandbox``). Zapier does not document PKCE, so a challenge is taken and not looked at.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.pages import html_page
from sandbox.zapier.answers import BEARER
from sandbox.zapier.store import CODE, REFRESH, TICKET, TOKEN, Store

INTEGRATION = "voxie-demo"
CLIENTS = {INTEGRATION: "voxie-demo-secret", BEARER: BEARER}
LIFE_SECONDS = 36_000
CODE_SECONDS = 120
TICKET_SECONDS = 600
AUDIENCE = "zapier.com"
AUTHORIZE_PATH = "/v2/authorize"
SCOPES = {
    "profile": "Know who you are",
    "zap": "See Zaps that use the integration",
    "zap:all": "See all of your Zaps",
    "zap:account:all": "See all Zaps of the account",
    "zap:write": "Make Zaps",
    "zap:update": "Change Zaps",
    "zap:delete": "Delete Zaps",
    "zap:runs": "See the runs of your Zaps",
    "action:run": "Run single actions",
    "authentication": "See your connections",
    "authentication:write": "Add connections",
    "connection:read": "See your connections",
    "connection:write": "Add connections",
    "external": "Use the SDK",
    "mcp:run": "Use the MCP server",
}
"""The scopes that Zapier documents."""


class OAuth:
    """``/v2/authorize`` and ``/oauth/token/``.

    Args:
        store: keeps codes and tokens.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Sequence[BaseRoute]:
        """Consent, tokens, and the SDK's telemetry, which is answered and forgotten."""
        return (
            Route(AUTHORIZE_PATH, self._ask, methods=["GET"]),
            Route(AUTHORIZE_PATH, self._decide, methods=["POST"]),
            Route("/oauth/token/", self._token, methods=["POST"]),
            Route("/api/v4/tracking/event/", self._tracked, methods=["POST"]),
        )

    # The person

    async def _ask(self, request: Request) -> Response:
        query = dict(request.query_params)
        problem = _problem(query)
        if problem is not None:
            return html_page("zapier/refused.html", status=400, detail=problem)
        ticket = await self._keep(TICKET, query, TICKET_SECONDS)
        return html_page(
            "zapier/consent.html",
            ticket=ticket,
            client=query["client_id"],
            host=urlsplit(query["redirect_uri"]).netloc,
            scopes=[(scope, SCOPES[scope]) for scope in query["scope"].split()],
        )

    async def _decide(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        query = await self._taken(TICKET, form.get("ticket", ""))
        if query is None:
            detail = "This page has expired or was answered already. Go back to the app and begin again."
            return html_page("zapier/refused.html", status=400, detail=detail)
        if form.get("decision") != "allow":
            return _back(query, error="access_denied")
        return _back(query, code=await self._keep(CODE, query, CODE_SECONDS))

    # The client

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        client, secret = _client(request, form)
        if secret is None or CLIENTS.get(client or "") != secret:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        match form.get("grant_type"):
            case "client_credentials":
                return await self._for_client(form)
            case "authorization_code":
                return await self._for_code(form)
            case "refresh_token":
                # Zapier's may or may not rotate; these do not.
                refresh = form.get("refresh_token", "")
                kept = await self._store.get(REFRESH, refresh)
                return _refused("invalid_grant") if kept is None else await self._issue(kept["scope"], refresh)
            case _:
                return _refused("unsupported_grant_type")

    async def _for_client(self, form: Mapping[str, str]) -> Response:
        if form.get("audience") != AUDIENCE:
            return JSONResponse({"error": "invalid_request", "error_description": "audience"}, status_code=400)
        return await self._issue(form.get("scope", "external"))

    async def _for_code(self, form: Mapping[str, str]) -> Response:
        query = await self._taken(CODE, form.get("code", ""))
        if query is None or query["redirect_uri"] != form.get("redirect_uri"):
            return _refused("invalid_grant")
        refresh = secrets.token_urlsafe(24)
        await self._store.put(REFRESH, refresh, {"scope": query["scope"]})
        return await self._issue(query["scope"], refresh)

    async def _issue(self, scope: str, refresh: str | None = None) -> Response:
        token = await self._keep(TOKEN, {"scope": scope}, LIFE_SECONDS)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_SECONDS, "scope": scope}
        return JSONResponse(answer if refresh is None else {**answer, "refresh_token": refresh})

    async def _keep(self, kind: str, body: Mapping[str, Any], seconds: float) -> str:
        name = secrets.token_urlsafe(24)
        await self._store.put(kind, name, {**body, "expires_at": self._store.seconds() + seconds})
        return name

    async def _taken(self, kind: str, name: str) -> dict[str, Any] | None:
        kept = await self._store.take(kind, name)
        return kept if kept is not None and kept["expires_at"] > self._store.seconds() else None

    async def _tracked(self, _: Request) -> Response:
        return Response(status_code=204)


def _problem(query: Mapping[str, str]) -> str | None:
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not query.get(name):
            return f"{name} is required."
    if query["client_id"] != INTEGRATION:
        return "There is no such integration: only a published one has an OAuth client."
    if query["response_type"] != "code" or query.get("response_mode", "query") != "query":
        return "response_type must be code, and response_mode query."
    address = urlsplit(query["redirect_uri"])
    if address.scheme not in {"http", "https"} or not address.hostname or address.fragment:
        return "redirect_uri must be an absolute http or https address without a fragment."
    unknown = [scope for scope in query["scope"].split() if scope not in SCOPES]
    return f"There is no scope {unknown[0]}." if unknown else None


def _back(query: Mapping[str, str], **answer: str) -> Response:
    """To the client, with its state."""
    if "state" in query:
        answer["state"] = query["state"]
    address = urlsplit(query["redirect_uri"])
    joined = "&".join(part for part in (address.query, urlencode(answer)) if part)
    return RedirectResponse(urlunsplit(address._replace(query=joined)), status_code=302)


def _refused(error: str) -> Response:
    return JSONResponse({"error": error}, status_code=400)


def _client(request: Request, form: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The client from the header, else from the form."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        return name, secret
    return form.get("client_id"), form.get("client_secret")
