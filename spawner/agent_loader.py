"""Loads what a job needs: its call, registered if nobody did so before, with the agent and the bearers of its servers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import BaseModel, ConfigDict

from contracts.calls import CallBootstrap, RenewedAccess, ServerAccess
from voxie_agents.backend_client import BackendAway, BackendClient, NoSuchCall
from voxie_agents.mcp_transport import TokenSource

log = structlog.get_logger()

RENEW_BEFORE = timedelta(minutes=5)
"""Half of a call token's life."""
FOREIGN_BEFORE = timedelta(seconds=30)
"""Others' tokens may be short-lived; the backend gives none that ends within a minute."""


class CallJob(BaseModel):
    """A job's metadata: which call. One that came by phone has none of it, or the agent alone, and is registered here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: str | None = None
    agent_version: int | None = None
    call_id: str | None = None


@dataclass(frozen=True)
class PhoneLine:
    """A phone call as the line tells of it.

    Args:
        dialled: the number that was dialled, E.164; it says whose agent answers.
        number: the one that calls, which can be forged.
        room: the LiveKit room.
    """

    dialled: str | None
    number: str | None
    room: str

    @property
    def caller(self) -> str | None:
        """The caller as calls name it."""
        return f"tel:{self.number}" if self.number else None


async def load_call(
    backend: BackendClient, job: CallJob, phone_line: Callable[[], Awaitable[PhoneLine]]
) -> CallBootstrap:
    """Everything that a job needs.

    Args:
        backend: gives it.
        job: which call.
        phone_line: waits for the caller's line; asked only when nobody registered the call.

    Raises:
        BackendError: it cannot be had.
    """
    bootstrap = await backend.bootstrap(job.call_id or await _register(backend, job, await phone_line()))
    if job.agent_version not in {None, bootstrap.agent.version}:
        log.warning("another version than dispatched", agent=bootstrap.agent.id, version=bootstrap.agent.version)
    return bootstrap


async def _register(backend: BackendClient, job: CallJob, line: PhoneLine) -> str:
    if job.agent_id is not None:
        return await backend.register(job.agent_id, caller=line.caller)
    if line.dialled is None:
        raise NoSuchCall("the job names no agent, and the line no dialled number")
    return await backend.register_phone_call(dialled=line.dialled, caller=line.caller, room=line.room)


class CallTokens:
    """The bearers of one call, renewed before they end and when a server refuses one.

    Args:
        servers: from the bootstrap.
        renew: asks the backend.
        now: the current instant, aware.
    """

    def __init__(
        self,
        servers: Sequence[ServerAccess],
        renew: Callable[[], Awaitable[RenewedAccess]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._access = {server.name: server for server in servers}
        self._renew = renew
        self._now = now
        self._lock = asyncio.Lock()

    def source(self, server: str) -> TokenSource:
        """What gives the bearer of one server."""

        async def bearer(refused: str | None) -> str:
            if self._is_stale(server, refused):
                async with self._lock:
                    # Another call may have renewed it while this one waited.
                    if self._is_stale(server, refused):
                        await self._renew_all()
            return _bearer_of(self._access[server])

        return bearer

    def _is_stale(self, server: str, refused: str | None) -> bool:
        access = self._access[server]
        expires = access.token_expires_at
        if expires is None:
            return False
        before = FOREIGN_BEFORE if access.foreign else RENEW_BEFORE
        return refused == _bearer_of(access) or expires - self._now() < before

    async def _renew_all(self) -> None:
        try:
            renewed = await self._renew()
        except BackendAway:
            # The old one may well hold until the backend is back.
            return
        self._access |= {server.name: server for server in renewed.servers}


def _bearer_of(access: ServerAccess) -> str:
    assert access.token is not None, "only servers with a token have a source of them"
    return access.token.get_secret_value()
