"""Builds one ASGI app from a manifest, settings and an integration."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Protocol

from mcp.server import CacheHint, MCPServer
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.manifest import Manifest
from mcp_servers.shared.auth import CallReader, StaticVerifier
from mcp_servers.shared.bearer import static_token
from mcp_servers.shared.call_tokens import CallTokenVerifier, TokenRefusals
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.resources import ResourceSpec, ServedResource, remember_who_asks
from mcp_servers.shared.settings import ServerSettings
from mcp_servers.shared.telemetry import ToolMetrics
from mcp_servers.shared.tools import ToolSpec, WrappedTool, unknown_tool

BODY_LIMIT = 4 * 1024 * 1024
LISTS = ("tools/list", "resources/list", "prompts/list")


class Integration(Protocol):
    """What an integration's ``server.py`` gives."""

    instructions: str

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        """Its tools."""
        ...

    async def start(self) -> None:
        """Open what it needs. Must not wait for the vendor: a slow vendor must not delay the start."""
        ...

    async def problem(self) -> str | None:
        """Why it is not ready to serve, in one sentence; None when it is."""
        ...

    async def aclose(self) -> None:
        """Release everything."""
        ...


def create_app(
    manifest: Manifest,
    settings: ServerSettings,
    integration: Integration,
    *,
    resources: Sequence[ResourceSpec] = (),
    prompts: Sequence[Prompt] = (),
    verifier: TokenVerifier | None = None,
    now: Callable[[], float] = time.time,
) -> Starlette:
    """The server's app: ``/mcp``, ``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        manifest: names the server, its resource id and how long lists may be cached.
        settings: who may call and under which Host names.
        integration: tools and lifetime.
        resources: what it lets clients read by URI.
        prompts: MCP prompts.
        verifier: checks bearers; by default what ``settings`` say: one static bearer, or the backend's call tokens.
        now: seconds since 1970, for the time of call tokens.
    """
    verifier = verifier or _verifier(manifest, settings, now)
    auth = _auth_settings(manifest, settings)
    metrics = ToolMetrics(CollectorRegistry())
    read_call = CallReader(settings)
    tools = [WrappedTool.of(spec, read_call, metrics) for spec in integration.tools]
    server: MCPServer[Any] = MCPServer(
        name=f"voxie-{manifest.name}",
        title=manifest.title,
        # Without one the SDK leaves out of its answers whose they are.
        version=version("voxie"),
        instructions=integration.instructions,
        tools=list(tools),
        resources=[ServedResource.of(spec, read_call) for spec in resources],
        token_verifier=verifier,
        auth=auth,
        cache_hints=dict.fromkeys(LISTS, CacheHint(ttl_ms=int(manifest.cache.tools * 1000), scope="public")),
        middleware=[_answer_unknown_tools(tools), _refuse_unrenderable_prompts(prompts), remember_who_asks],
        log_level="WARNING",
    )
    for prompt in prompts:
        server.add_prompt(prompt)
    _add_plain_routes(server, integration, metrics)
    app = _over_http(server, auth, _transport_security(manifest, settings))
    _run_integration_within(app, integration, verifier)
    return app


def _over_http(server: MCPServer[Any], auth: AuthSettings, security: TransportSecuritySettings) -> Starlette:
    app = server.streamable_http_app(
        json_response=True, stateless_http=True, max_request_body_size=BODY_LIMIT, transport_security=security
    )
    if auth.resource_server_url is not None:
        app.add_middleware(TokenRefusals, metadata_url=str(build_resource_metadata_url(auth.resource_server_url)))
    return app


def _verifier(manifest: Manifest, settings: ServerSettings, now: Callable[[], float]) -> TokenVerifier:
    if settings.auth == "static":
        return StaticVerifier(static_token(settings, server=manifest.name)[0])
    return CallTokenVerifier(
        Outbound.open(settings.deadlines),
        issuer=settings.issuer_url or "",
        resource=settings.resource or manifest.service.resource,
        now=now,
    )


def _auth_settings(manifest: Manifest, settings: ServerSettings) -> AuthSettings:
    if settings.auth == "static":
        # No authorization server stands behind a static bearer, so no metadata points to one.
        return AuthSettings(issuer_url=AnyHttpUrl("http://localhost"), resource_server_url=None)
    return AuthSettings(
        issuer_url=AnyHttpUrl(settings.issuer_url or ""),
        resource_server_url=AnyHttpUrl(settings.resource or manifest.service.resource),
        # The verifier itself compares the audience, exactly.
        validate_token_resource=False,
    )


def _transport_security(manifest: Manifest, settings: ServerSettings) -> TransportSecuritySettings:
    names = ["127.0.0.1", "localhost", "[::1]", manifest.name]
    further = [host.strip() for host in settings.allowed_hosts.split(",") if host.strip()]
    return TransportSecuritySettings(
        allowed_hosts=[f"{name}:*" for name in names] + further,
        allowed_origins=[f"http://{name}:*" for name in names[:3]],
    )


def _answer_unknown_tools(tools: Sequence[WrappedTool]) -> ServerMiddleware[Any]:
    """The SDK answers an unknown tool with text alone; ours has the structure of every other failure."""
    known = [tool.name for tool in tools]

    async def middleware(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        name = (ctx.params or {}).get("name") if ctx.method == "tools/call" else None
        if isinstance(name, str) and name not in known:
            return unknown_tool(name, known)
        return await call_next(ctx)

    return middleware


def _refuse_unrenderable_prompts(prompts: Sequence[Prompt]) -> ServerMiddleware[Any]:
    """The SDK takes an unknown prompt or a missing argument for a failure of ours: status 500, and a traceback that names it."""
    required = {p.name: {a.name for a in p.arguments or [] if a.required} for p in prompts}

    async def middleware(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        params = ctx.params or {}
        name = params.get("name") if ctx.method == "prompts/get" else None
        if not isinstance(name, str):
            return await call_next(ctx)
        if name not in required:
            raise MCPError(INVALID_PARAMS, f"There is no such prompt; there are: {', '.join(required) or 'none'}")
        given = params.get("arguments")
        missing = required[name] - set(given if isinstance(given, dict) else ())
        if missing:
            raise MCPError(INVALID_PARAMS, f"This prompt needs {', '.join(sorted(missing))}")
        return await call_next(ctx)

    return middleware


def _add_plain_routes(server: MCPServer[Any], integration: Integration, metrics: ToolMetrics) -> None:
    @server.custom_route("/healthz", methods=["GET"])
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    @server.custom_route("/readyz", methods=["GET"])
    async def readyz(_: Request) -> Response:
        problem = await integration.problem()
        return JSONResponse(
            {"status": "ok"} if problem is None else {"status": "unready", "problem": problem},
            200 if problem is None else 503,
        )

    @server.custom_route("/metrics", methods=["GET"])
    async def prometheus(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _run_integration_within(app: Starlette, integration: Integration, verifier: TokenVerifier) -> None:
    run_sessions = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(scope_app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            # Also when the start fails: what was opened is closed.
            if isinstance(verifier, CallTokenVerifier):
                stack.push_async_callback(verifier.aclose)
            stack.push_async_callback(integration.aclose)
            await integration.start()
            await stack.enter_async_context(run_sessions(scope_app))
            yield

    app.router.lifespan_context = lifespan
