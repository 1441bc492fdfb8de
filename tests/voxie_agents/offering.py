"""A call with one server, and what of its tools a model is offered."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mcp.server import MCPServer
from mcp.types import CallToolResult, TextContent

from contracts.meta import Role
from tests.clock import Clock
from tests.running import running
from tests.world import ZONE
from voxie_agents.call_times import CallTimes
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_integration import CallIdentity, McpIntegration
from voxie_agents.mcp_links import ServerLink

CLAIM = {
    "operation_id": "o",
    "action": "booked",
    "tool": "t",
    "resource_id": "r",
    "made_at": "2026-11-23T12:00:00Z",
    "speech": "You're booked.",
}
"""A receipt such as our own servers give."""
EMPTY: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def tool(name: str, description: str = "A tool.", schema: Any = EMPTY, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": schema, **more}


@asynccontextmanager
async def offering(
    *tools: dict[str, Any],
    result: dict[str, Any] | None = None,
    fails: bool = False,
    foreign: bool = False,
    seen: list[Any] | None = None,
    grants: frozenset[str] | None = None,
    role: Role = Role.PUBLIC,
    **link: Any,
) -> AsyncGenerator[McpIntegration]:
    """A call with one server that lists these tools as they are, whatever the protocol says of them."""

    async def answer(ctx: Any, call_next: Callable[[Any], Any]) -> Any:
        listed = await call_next(ctx) if ctx.method != "tools/call" else {}
        if ctx.method == "tools/list":
            return {**listed, "tools": list(tools)}
        if ctx.method == "tools/call":
            (seen if seen is not None else []).append(ctx.params)
            text = [TextContent(type="text", text="")]
            return CallToolResult(content=text, structured_content=result or {"a": 1}, is_error=fails)
        return listed

    server: MCPServer[Any] = MCPServer(name="odd", middleware=[answer], log_level="CRITICAL")
    async with (
        running(server.streamable_http_app(json_response=True, stateless_http=True)) as served,
        McpClient(served.url, name="odd") as client,
    ):
        integration = integration_of(ServerLink("odd", client, grants, foreign=foreign, **link), role)
        integration.preload()
        await integration.discover()
        yield integration


def integration_of(link: ServerLink, role: Role = Role.PUBLIC) -> McpIntegration:
    times = CallTimes(now=Clock().now, hours=None, duration=timedelta(hours=1), zone=ZoneInfo(ZONE))
    return McpIntegration([link], CallIdentity("w", "call-1", "tel:+1555", role), times)


def offered(integration: McpIntegration) -> dict[str, dict[str, Any]]:
    return {found.info.name: dict(found.info.raw_schema) for found in integration.function_tools()}
