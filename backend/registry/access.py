"""How a worker reaches the servers of its agent during one call."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from backend.tokens.service import TokenGrant
from contracts.agents import AgentSpec
from contracts.calls import ServerAccess
from contracts.meta import Role

TokenIssuer = Callable[[TokenGrant], tuple[SecretStr, datetime | None]]
"""Gives a bearer and when it expires; None for never."""

BrokenServers = Callable[[str], Awaitable[Collection[str]]]


async def none_broken(_: str) -> Collection[str]:
    """For servers with credentials of their own (``MCP_AUTH=static``)."""
    return ()


def static_issuer(token: SecretStr) -> TokenIssuer:
    """One bearer for every grant, for servers that run with ``MCP_AUTH=static``."""
    return lambda _: (token, None)


@dataclass(frozen=True)
class ServerDoor:
    """Where an operator's own server is.

    Args:
        name: as in its manifest.
        url: where agents find it.
        resource: its resource id, the audience of its call tokens.
    """

    name: str
    url: str
    resource: str


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


class ServerAccessGiver:
    """Gives each call the addresses and tokens of its agent's servers. Tokens go to no server but the operator's.

    Args:
        doors: the operator's servers by name.
        issue: gives the token of a grant.
        broken: the servers that a workspace's calls cannot use now, since the owner must connect again.
    """

    def __init__(self, doors: Mapping[str, ServerDoor], issue: TokenIssuer, broken: BrokenServers) -> None:
        self._doors = doors
        self._issue = issue
        self._broken = broken

    async def for_call(self, spec: AgentSpec, caller: Caller) -> tuple[ServerAccess, ...]:
        """The servers that the agent may use in this call, in the agent's own order.

        One whose connection broke is left out: a caller is not offered what cannot be done.
        """
        usable = self._doors.keys() - await self._broken(spec.workspace)
        doors = [self._doors[name] for name in spec.servers if name in usable]
        return tuple(self._access(door, spec, caller) for door in doors)

    def _access(self, door: ServerDoor, spec: AgentSpec, caller: Caller) -> ServerAccess:
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
        return ServerAccess(name=door.name, url=door.url, token=token, token_expires_at=expires_at)
