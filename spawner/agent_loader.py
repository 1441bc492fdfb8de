"""Loads what a job needs: its call, registered if nobody did so before, with the agent and the bearers of its servers."""

import asyncio
import re
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
PATIENCE_SECONDS = 0.5
"""How long a tool call waits for a fresh token while the old one is still good."""
NUMBER = re.compile(r"\+?[0-9]{3,18}")
KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
WITHHELD = {
    word.translate(KEYPAD) for word in ("anonymous", "blocked", "private", "restricted", "unavailable", "unknown")
}
"""What some carriers put in the place of a number that is withheld: the word, spelled on the keypad."""


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
        """The caller as calls name it; None for one who withholds their number: they are not all the same person."""
        known = self.number and NUMBER.fullmatch(self.number) and self.number.removeprefix("+") not in WITHHELD
        return f"tel:{self.number}" if known else None


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
        patience: seconds that a call waits for a fresh bearer while the old one is still good.
    """

    def __init__(
        self,
        servers: Sequence[ServerAccess],
        renew: Callable[[], Awaitable[RenewedAccess]],
        *,
        now: Callable[[], datetime],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._access = {server.name: server for server in servers}
        self._renew = renew
        self._now = now
        self._patience = patience
        self._renewing: asyncio.Task[None] | None = None

    def source(self, server: str) -> TokenSource:
        """What gives the bearer of one server."""

        async def bearer(refused: str | None) -> str:
            if self._is_stale(server, refused):
                await self._renewed(within=self._patience if self._is_good(server, refused) else None)
            return _bearer_of(self._access[server])

        return bearer

    async def aclose(self) -> None:
        """Give up what is asked for."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

    def _is_stale(self, server: str, refused: str | None) -> bool:
        access = self._access[server]
        expires = access.token_expires_at
        if expires is None:
            return False
        before = FOREIGN_BEFORE if access.foreign else RENEW_BEFORE
        return refused == _bearer_of(access) or expires - self._now() < before

    def _is_good(self, server: str, refused: str | None) -> bool:
        """Whether a stale bearer may still be used."""
        access = self._access[server]
        return refused is None and access.token_expires_at is not None and access.token_expires_at > self._now()

    async def _renewed(self, *, within: float | None) -> None:
        """Wait for fresh bearers, asked for once by all who wait.

        Args:
            within: seconds; as long as it takes when None.

        Raises:
            BackendError: they were refused.
        """
        if self._renewing is None or self._renewing.done():
            # In a task of its own: one call that is given up does not take the answer from the others.
            self._renewing = asyncio.create_task(self._renew_all())
            self._renewing.add_done_callback(_read)
        done, _ = await asyncio.wait([self._renewing], timeout=within)
        for task in done:
            task.result()

    async def _renew_all(self) -> None:
        try:
            renewed = await self._renew()
        except BackendAway:
            # The old one may well hold until the backend is back.
            return
        self._access |= {server.name: server for server in renewed.servers}


def _read(task: asyncio.Task[None]) -> None:
    """Look at how it ended: those who waited may have gone on without it."""
    if not task.cancelled():
        task.exception()


def _bearer_of(access: ServerAccess) -> str:
    assert access.token is not None, "only servers with a token have a source of them"
    return access.token.get_secret_value()
