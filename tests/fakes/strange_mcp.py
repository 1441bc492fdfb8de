"""A stranger's MCP server, whose list of tools a test writes, and an authorization server that lets people in."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from mcp.server import MCPServer
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.running import running

PAGE = 50
OBJECT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def tool(name: str, description: str = "A tool.", **more: Any) -> dict[str, Any]:
    """A tool as it is listed."""
    return {"name": name, "description": description, "inputSchema": OBJECT, **more}


@dataclass
class Stranger:
    """The server, who grants access to it, and what both saw.

    Args:
        tools: what it lists, in pages.
        bearers: those it accepts; anybody when None.
        wants: further headers that must be there.
        mood: what it does instead of answering: ``hang``, ``garbage``, ``error``, ``redirect`` or ``html``.
        asks_for_oauth: whether a refusal leads to its authorization server.
    """

    url: str = ""
    tools: list[dict[str, Any]] = field(default_factory=lambda: [tool("look"), tool("book")])
    bearers: set[str] | None = None
    wants: dict[str, str] = field(default_factory=dict)
    mood: str = ""
    elsewhere: str = ""
    asks_for_oauth: bool = False
    headers: list[dict[str, str]] = field(default_factory=list)
    called: list[Any] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    # The authorization server.
    registers: bool = True
    consents: bool = True
    refreshes: bool = True
    expires_in: Any = 3600
    changes: dict[str, Any] = field(default_factory=dict)
    protected_changes: dict[str, Any] = field(default_factory=dict)
    answers_as: str | None = None
    registered: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def mcp_url(self) -> str:
        return f"{self.url}/mcp"

    def app(self) -> ASGIApp:
        server: MCPServer[Any] = MCPServer(name="stranger", middleware=[self._answer], log_level="CRITICAL")
        inner = server.streamable_http_app(json_response=True, stateless_http=True)
        routes = [
            Route("/.well-known/oauth-protected-resource/mcp", self._protected),
            Route("/.well-known/oauth-authorization-server", self._describe),
            Route("/register", self._register, methods=["POST"]),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
            Mount("/", app=self._guarded(inner)),
        ]
        return Starlette(routes=routes, lifespan=inner.router.lifespan_context)

    async def _answer(self, ctx: Any, call_next: Callable[[Any], Any]) -> Any:
        if ctx.method == "tools/call":
            self.called.append(ctx.params)
            return CallToolResult(content=[TextContent(type="text", text="")], structured_content={"a": 1})
        result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        start = int((ctx.params or {}).get("cursor") or 0)
        further = {"nextCursor": str(start + PAGE)} if start + PAGE < len(self.tools) else {}
        return {**result, "tools": self.tools[start : start + PAGE], **further}

    def _guarded(self, inner: ASGIApp) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            self.headers.append(dict(request.headers))
            answer = self._refusal(request) or await self._instead()
            await (answer or inner)(scope, receive, send)

        return app

    def _refusal(self, request: Request) -> Response | None:
        missing = [name for name, value in self.wants.items() if request.headers.get(name) != value]
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not missing and (self.bearers is None or given in self.bearers):
            return None
        metadata = f'Bearer resource_metadata="{self.url}/.well-known/oauth-protected-resource/mcp", scope="tools"'
        return JSONResponse({}, 401, headers={"www-authenticate": metadata} if self.asks_for_oauth else {})

    async def _instead(self) -> Response | None:
        match self.mood:
            case "hang":
                await self.hanging.wait()
                return Response(status_code=503)
            case "garbage":
                return Response("{what", media_type="application/json")
            case "html":
                return Response("<h1>Welcome</h1>", media_type="text/html")
            case "error":
                return Response("no", 500)
            case "redirect":
                return RedirectResponse(self.elsewhere, 307)
            case _:
                return None

    async def _protected(self, _: Request) -> Response:
        answer = {"resource": self.mcp_url, "authorization_servers": [self.url], "scopes_supported": ["tools"]}
        return JSONResponse({**answer, **self.protected_changes})

    async def _describe(self, _: Request) -> Response:
        described: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self.registers:
            described["registration_endpoint"] = f"{self.url}/register"
        described |= self.changes
        return JSONResponse({key: value for key, value in described.items() if value is not None})

    async def _register(self, request: Request) -> Response:
        wanted = await request.json()
        self.registered.append(wanted)
        client = {"client_id": f"client-{len(self.registered)}", "client_secret": self.secret("client")}
        return JSONResponse({**wanted, **client}, 201)

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.authorizations.append(query)
        back = {"state": query["state"], "iss": self.answers_as or self.url}
        if not self.consents:
            return RedirectResponse(f"{query['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}", 302)
        code = self.secret("code")
        self._codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({**back, 'code': code})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.forms.append({**form, "authorization": request.headers.get("authorization", "")})
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self.refresh_tokens.discard(form["refresh_token"])
            return JSONResponse(self._tokens())
        query = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if query is None or query["code_challenge"] != challenge or query["resource"] != form["resource"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens())

    def _tokens(self) -> dict[str, Any]:
        access = self.secret("access")
        self.bearers = {*(self.bearers or ()), access}
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": self.expires_in, "scope": "tools"}
        if self.refreshes:
            answer["refresh_token"] = self.secret("refresh")
            self.refresh_tokens.add(answer["refresh_token"])
        return answer

    def secret(self, kind: str) -> str:
        """A credential that must never be seen in clear."""
        made = f"canary-{kind}-{secrets.token_hex(12)}"
        self.secrets.add(made)
        return made

    async def _revoke(self, request: Request) -> Response:
        self.revoked.append(str((await request.form())["token"]))
        return JSONResponse({})


@asynccontextmanager
async def stranger() -> AsyncGenerator[Stranger]:
    """Serve one on a real socket within a block."""
    fake = Stranger()
    async with running(fake.app()) as served:
        fake.url = served.url
        yield fake
        fake.hanging.set()
