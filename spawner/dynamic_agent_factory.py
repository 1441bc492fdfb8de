"""Builds an agent from what the backend stores of it."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp

from contracts.calls import CallBootstrap, ServerAccess
from contracts.deadlines import Deadlines
from voxie_agents.call_records import CallRecord, ignore_record
from voxie_agents.call_times import CallTimes
from voxie_agents.caller_agent import CallerAgent
from voxie_agents.intents import PostIntent, tell_nobody
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_guard import UrlGuard, host_and_port
from voxie_agents.mcp_integration import CallIdentity, McpIntegration
from voxie_agents.mcp_links import ServerLink
from voxie_agents.mcp_transport import TokenSource, open_pool
from voxie_agents.offline import OFFLINE_NOTICE


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class BuiltAgent:
    """An agent and what must be closed after its call."""

    agent: CallerAgent
    integration: McpIntegration
    pool: aiohttp.ClientSession

    async def aclose(self) -> None:
        """Close the connections."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.pool.close)
            for link in self.integration.links:
                stack.push_async_callback(link.client.aclose)


class DynamicAgentFactory:
    """Makes the agent of a call.

    Args:
        offline: whether the demo brain talks, which says so in its first line.
        now: the current instant, aware; injected in tests.
        watch: told of each tool call.
        intend: told of a flow's writes before the first.
        deadlines: how long a caller waits for a tool.
    """

    def __init__(
        self,
        *,
        offline: bool,
        now: Callable[[], datetime] = _utc_now,
        watch: Callable[[CallRecord], None] = ignore_record,
        intend: PostIntent = tell_nobody,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._offline = offline
        self._now = now
        self._watch = watch
        self._intend = intend
        self._deadlines = deadlines

    def build(self, bootstrap: CallBootstrap, *, tokens: Callable[[str], TokenSource] | None = None) -> BuiltAgent:
        """Make the agent. Nothing is connected yet: the greeting waits for no server.

        Args:
            bootstrap: from the backend.
            tokens: what renews the bearer of a server, by its name; those of the bootstrap when None.
        """
        spec, business = bootstrap.agent, bootstrap.agent.business
        times = CallTimes(
            now=self._now,
            hours=business.hours,
            duration=timedelta(minutes=business.booking_minutes),
            zone=ZoneInfo(business.zone) if business.zone else None,
        )
        pool = open_pool()
        identity = CallIdentity(
            workspace=spec.workspace, call=bootstrap.call_id, caller=bootstrap.caller, role=bootstrap.role
        )
        integration = McpIntegration(
            links=[_link(server, pool, frozenset(spec.tools), tokens) for server in bootstrap.servers],
            identity=identity,
            times=times,
            watch=self._watch,
            intend=self._intend,
            deadlines=self._deadlines,
        )
        notice = OFFLINE_NOTICE if self._offline else ""
        resumed = bootstrap.receipts if bootstrap.resumed else None
        return BuiltAgent(CallerAgent(spec, integration, times, notice=notice, resumed=resumed), integration, pool)


def _link(
    server: ServerAccess,
    pool: aiohttp.ClientSession,
    tools: frozenset[str],
    tokens: Callable[[str], TokenSource] | None,
) -> ServerLink:
    token = tokens(server.name) if tokens and server.token is not None else server.token
    if not server.foreign:
        client = McpClient(server.url, token=token, name=server.name, pool=pool)
        return ServerLink(name=server.name, client=client, tools=tools, approved=server.tools, hooks=server.hooks)
    client = McpClient(
        server.url, token=token, name=server.name, protocol="auto", headers=server.headers, guard=_guard(server)
    )
    # Of a stranger's tools nothing is offered that nobody approved.
    return ServerLink(name=server.name, client=client, tools=tools, foreign=True, approved=server.tools or ())


def _guard(server: ServerAccess) -> UrlGuard:
    return UrlGuard(private=frozenset({host_and_port(server.url)} if server.private else ()))
