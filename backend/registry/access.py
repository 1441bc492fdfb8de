"""How a worker reaches the servers of its agent during one call."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from backend.connections import repository as connections
from backend.db import Database
from backend.registry import repository
from backend.registry.doors import ServerDoor, TokenIssuer
from backend.registry.health import state_of
from backend.registry.schemas import ServerState
from backend.registry.tables import OPERATOR, ServerRow
from backend.registry.targets import CredentialGone, CredentialLater, Targets
from backend.tokens.service import TokenGrant
from contracts.agents import AgentSpec
from contracts.calls import CatalogueTool, ServerAccess
from contracts.grants import granted
from contracts.hooks import DescribedHook
from contracts.meta import Role
from voxie_agents.mcp_offers import qualified_name

log = structlog.get_logger()

BrokenServers = Callable[[str], Awaitable[Collection[str]]]
HooksOf = Callable[[str], Awaitable[Mapping[str, tuple[DescribedHook, ...]]]]
CREDENTIAL_SECONDS = 2.5
"""What a call's beginning waits for a foreign server's fresh token; nobody is greeted meanwhile."""
OFFERED = {ServerState.UP, ServerState.FAILING}


async def none_broken(_: str) -> Collection[str]:
    """For servers with credentials of their own (``MCP_AUTH=static``)."""
    return ()


async def no_hooks(_: str) -> Mapping[str, tuple[DescribedHook, ...]]:
    """For servers with hooks of their own (``MCP_AUTH=static``), which they describe themselves."""
    return {}


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call is made.

    Args:
        call: the call's id.
        caller: the verified number or signed-in user, if any.
        role: what they may do.
    """

    call: str
    caller: str | None
    role: Role


@dataclass(frozen=True)
class _Known:
    """A server as the registry knows it."""

    row: ServerRow
    state: ServerState
    tools: tuple[CatalogueTool, ...]


class ServerAccessGiver:
    """Gives each call the addresses, tokens and approved tools of its agent's servers.

    A call token goes to no server but the operator's; a foreign one gets what its owner gave for it.

    Args:
        database: the registry's.
        targets: how servers are reached.
        issue: gives the token of a grant.
        broken: the operator's servers that a workspace's calls cannot use now, since the owner must connect again.
        hooks: what a workspace has connected, by the operator's servers that take hooks.
    """

    def __init__(
        self, database: Database, targets: Targets, issue: TokenIssuer, *, broken: BrokenServers, hooks: HooksOf
    ) -> None:
        self._database = database
        self._targets = targets
        self._issue = issue
        self._broken = broken
        self._hooks = hooks

    async def for_call(self, spec: AgentSpec, caller: Caller) -> tuple[ServerAccess, ...]:
        """The servers that the agent may use in this call, in the agent's own order.

        One that is down, or whose connection broke, is left out: a caller is not offered what cannot be done.
        """
        broken, hooks = await self._broken(spec.workspace), await self._hooks(spec.workspace)
        own = await self._known(OPERATOR, [name for name in spec.servers if name in self._targets.doors])
        foreign = await self._known(spec.workspace, [name for name in spec.servers if name not in self._targets.doors])
        access = [
            self._own(self._targets.doors[name], own.get(name), spec, caller, hooks.get(name))
            if name in self._targets.doors
            else self._foreign(foreign[name], spec)
            for name in spec.servers
            if name not in broken and (name in self._targets.doors or name in foreign)
        ]
        return tuple(given for given in await asyncio.gather(*access) if given is not None)

    async def _known(self, workspace: str, names: Collection[str]) -> dict[str, _Known]:
        if not names:
            return {}
        async with self._database.scoped(workspace) as session:
            rows = await repository.servers(session, names)
            ids = [row.id for row in rows]
            tools = await repository.approved(session, ids)
            granted = await connections.of_foreign(session, ids)
        return {row.name: _Known(row, state_of(row, granted.get(row.id)), tuple(tools.get(row.id, ()))) for row in rows}

    async def _own(
        self,
        door: ServerDoor,
        known: _Known | None,
        spec: AgentSpec,
        caller: Caller,
        hooks: tuple[DescribedHook, ...] | None,
    ) -> ServerAccess | None:
        tools: tuple[CatalogueTool, ...] | None = None
        if known is not None and known.state is not ServerState.NEW:
            if known.state not in OFFERED:
                return None
            tools = tuple(tool for tool in known.tools if granted(tool.name, spec.tools))
        grant = TokenGrant(
            workspace=spec.workspace,
            agent=spec.id,
            call=caller.call,
            caller=caller.caller,
            role=caller.role,
            resource=door.resource,
            tools=spec.tools,
        )
        token, expires_at = self._issue(grant)
        return ServerAccess(
            name=door.name, url=door.url, token=token, token_expires_at=expires_at, tools=tools, hooks=hooks
        )

    async def _foreign(self, known: _Known, spec: AgentSpec) -> ServerAccess | None:
        row = known.row
        tools = tuple(tool for tool in known.tools if qualified_name(row.name, tool.name) in spec.tools)
        if known.state not in OFFERED or not tools:
            return None
        try:
            async with asyncio.timeout(CREDENTIAL_SECONDS):
                reach = await self._targets.reach(row)
        except (CredentialGone, CredentialLater, TimeoutError) as problem:
            log.warning("a call goes without a server", server=row.name, problem=type(problem).__name__)
            return None
        return ServerAccess(
            name=row.name,
            url=reach.url,
            token=reach.token,
            token_expires_at=reach.expires_at,
            headers=dict(reach.headers or {}),
            foreign=True,
            private=self._targets.is_private(reach.url),
            tools=tools,
        )
