"""What a call needs from the backend: registered, bootstrapped, its tokens renewed, ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import SecretStr, ValidationError

from contracts.calls import CallBootstrap, RenewedAccess, ServerAccess
from voxie_agents.mcp_transport import TokenSource

SECONDS = 5.0
PAUSES = (0.2, 0.6)
"""Seconds before the second and third try; a caller is in the room meanwhile."""
PASSING = {429, 502, 503, 504}
RENEW_BEFORE = timedelta(minutes=5)
"""Half of a call token's life."""


T = TypeVar("T", CallBootstrap, RenewedAccess)


class LoaderError(Exception):
    """The backend does not give what the call needs. The message holds nothing that a caller said."""

    speech = "I'm sorry, I can't take your call right now. Please try again a little later."


class BackendAway(LoaderError):
    """It does not answer, or asks for patience: the call may be tried again."""


class NotAuthorized(LoaderError):
    """It refuses our service token: the operator mends BACKEND_SERVICE_TOKEN."""


class NoSuchCall(LoaderError):
    """It knows no such call or agent: whoever dispatched it is wrong."""


class CallOver(LoaderError):
    """The call has ended: there is nothing to do."""


class BadAnswer(LoaderError):
    """Its answer is none: backend and worker are of different releases."""


class AgentLoader:
    """The backend's API as a worker uses it.

    Args:
        url: the backend's.
        token: the service token.
        pauses: seconds between tries.
    """

    def __init__(self, url: str, token: SecretStr, *, pauses: Sequence[float] = PAUSES) -> None:
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS, trust_env=False)
        self._pauses = pauses

    async def __aenter__(self) -> Self:
        """Opens nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self._http.aclose()

    async def register(self, agent_id: str, *, caller: str | None) -> str:
        """Register a call that did not come through the backend, such as an inbound phone call.

        Returns:
            Its id.

        Raises:
            LoaderError: it cannot be.
        """
        answer = await self._post("/api/calls", {"agent_id": agent_id, "caller": caller})
        try:
            return str(answer.json()["id"])
        except (ValueError, KeyError, TypeError):
            raise BadAnswer("the backend's answer names no call") from None

    async def bootstrap(self, call_id: str) -> CallBootstrap:
        """Everything that a call needs.

        Raises:
            LoaderError: it cannot be had.
        """
        return _read(CallBootstrap, await self._post(f"/api/calls/{call_id}/bootstrap"))

    async def renew(self, call_id: str) -> RenewedAccess:
        """Fresh tokens for a call that goes on.

        Raises:
            LoaderError: there are none.
        """
        return _read(RenewedAccess, await self._post(f"/api/calls/{call_id}/tokens"))

    async def end(self, call_id: str) -> None:
        """Say that a call has ended; once more does no harm.

        Raises:
            LoaderError: it was not heard.
        """
        await self._post(f"/api/calls/{call_id}/end")

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Each of these requests may be repeated; registering twice leaves an unused call, which ends by itself."""
        for pause in (*self._pauses, None):
            try:
                answer = await self._http.post(path, json=body)
            except httpx.TransportError as error:
                problem = BackendAway(f"the backend does not answer ({type(error).__name__})")
            else:
                if answer.is_success:
                    return answer
                problem = _problem(answer)
            if pause is None or not isinstance(problem, BackendAway):
                raise problem
            await asyncio.sleep(pause)
        raise AssertionError("the last try raises or returns")


def _problem(answer: httpx.Response) -> LoaderError:
    status = answer.status_code
    if status in {401, 403}:
        return NotAuthorized(f"the backend refuses our service token (HTTP {status}); see BACKEND_SERVICE_TOKEN")
    if status == 404:
        return NoSuchCall("the backend knows no such call or agent")
    if status == 409:
        return CallOver("the call has ended")
    if status in PASSING or status >= 500:
        return BackendAway(f"the backend cannot answer now (HTTP {status})")
    return BadAnswer(f"the backend does not take our request (HTTP {status})")


def _read(kind: type[T], answer: httpx.Response) -> T:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError:
        raise BadAnswer("the backend's answer does not fit; are both of the same release?") from None


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
            return self._access[server].token.get_secret_value()

        return bearer

    def _is_stale(self, server: str, refused: str | None) -> bool:
        access = self._access[server]
        expires = access.token_expires_at
        if expires is None:
            return False
        return refused == access.token.get_secret_value() or expires - self._now() < RENEW_BEFORE

    async def _renew_all(self) -> None:
        try:
            renewed = await self._renew()
        except BackendAway:
            # The old one may well hold until the backend is back.
            return
        self._access |= {server.name: server for server in renewed.servers}
