"""The one client by which workers and the terminal reach the backend. It knows the contracts and nothing of the backend's code."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from contracts.calls import CallBootstrap, RenewedAccess
from contracts.events import Accepted, EventBatch, IntentView, NewIntent
from voxie_agents.headers import retry_seconds

ModelT = TypeVar("ModelT", bound=BaseModel)
SECONDS = 5.0
PAUSES = (0.2, 0.6)
"""Seconds before the second and third try; a caller is in the room meanwhile."""
LONGEST_PAUSE = 5.0
"""Seconds; a backend that asks for more is asked again later, by whoever can wait."""
PASSING = {429, 502, 503, 504}


class BackendError(Exception):
    """The backend did not do it. Named by what happens next; the message holds nothing that a caller said."""

    speech = "I'm sorry, I can't take your call right now. Please try again a little later."


class BackendAway(BackendError):
    """It does not answer, or asks for patience.

    Args:
        message: why.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotAuthorized(BackendError):
    """It refuses our service token: the operator mends BACKEND_SERVICE_TOKEN."""


class NoSuchCall(BackendError):
    """It knows no such call or agent: whoever dispatched it is wrong."""


class CallOver(BackendError):
    """The call has ended: there is nothing to do."""


class Refused(BackendError):
    """It will not, however often it is asked. The message is its own and names the fix."""


class BadAnswer(BackendError):
    """Its answer is none: backend and worker are of different releases."""


class BackendClient:
    """Calls, as a worker sees them. Every method raises ``BackendError``; what passes is tried again within a second.

    Each of the requests may be repeated: events and intents have ids, a call that is registered twice ends by itself.

    Args:
        base_url: of the backend.
        token: the service token.
        seconds: how long one answer may take.
        pauses: seconds between tries.
    """

    def __init__(
        self, base_url: str, token: SecretStr, *, seconds: float = SECONDS, pauses: Sequence[float] = PAUSES
    ) -> None:
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=seconds, trust_env=False)
        self._pauses = pauses

    async def __aenter__(self) -> Self:
        """Opens nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def register(self, agent_id: str, *, caller: str | None) -> str:
        """Register a call of an agent that nobody spawned, such as one in the terminal; its id.

        Args:
            agent_id: the agent.
            caller: the verified caller, such as ``tel:+15550100``.
        """
        return await self._register({"agent_id": agent_id, "caller": caller})

    async def register_phone_call(self, *, dialled: str, caller: str | None, room: str) -> str:
        """Register a phone call that came in; its id.

        Args:
            dialled: the number that was dialled, E.164.
            caller: whom the line says is calling, such as ``tel:+15550100``.
            room: the LiveKit room.
        """
        return await self._register({"dialled": dialled, "caller": caller, "room": room})

    async def _register(self, new: dict[str, Any]) -> str:
        found = (await self._post("/api/calls", new)).get("id")
        if not isinstance(found, str):
            raise BadAnswer("the backend's answer names no call")
        return found

    async def bootstrap(self, call_id: str) -> CallBootstrap:
        """Everything that starts a call."""
        return _model(CallBootstrap, await self._post(f"/api/calls/{call_id}/bootstrap"))

    async def renew(self, call_id: str) -> RenewedAccess:
        """Fresh tokens for a call that goes on; ask at half of their life."""
        return _model(RenewedAccess, await self._post(f"/api/calls/{call_id}/tokens"))

    async def end(self, call_id: str) -> None:
        """The call is over; a second time changes nothing."""
        await self._post(f"/api/calls/{call_id}/end")

    async def send(self, call_id: str, batch: EventBatch) -> Accepted:
        """Tell what happened. The same batch may be sent again until this returns."""
        return _model(Accepted, await self._post(f"/api/calls/{call_id}/events", batch.model_dump(mode="json")))

    async def open_intent(self, call_id: str, intent: NewIntent) -> IntentView:
        """Tell what a flow is going to write, before its first write."""
        return _model(IntentView, await self._post(f"/api/calls/{call_id}/intents", intent.model_dump(mode="json")))

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        for pause in (*self._pauses, None):
            try:
                answer = await self._http.post(path, json=body)
            except httpx.TransportError as error:
                problem = BackendAway(f"the backend does not answer ({type(error).__name__})")
            else:
                if answer.is_success:
                    return _json(answer)
                problem = _problem(answer)
            if pause is None or not isinstance(problem, BackendAway) or problem.retry_after > LONGEST_PAUSE:
                raise problem
            await asyncio.sleep(pause)
        raise AssertionError("the last try raises or returns")


def _problem(answer: httpx.Response) -> BackendError:
    status = answer.status_code
    if status in {401, 403}:
        return NotAuthorized(f"the backend refuses our service token (HTTP {status}); see BACKEND_SERVICE_TOKEN")
    if status == 404:
        return NoSuchCall(_message(answer, "the backend knows no such call or agent"))
    if status in PASSING or status >= 500:
        wait = retry_seconds(answer.headers.get("retry-after"))
        return BackendAway(f"the backend cannot answer now (HTTP {status})", 1.0 if wait is None else wait)
    if status == 409 and _error(answer).get("code") == "call_ended":
        return CallOver("the call has ended")
    return Refused(_message(answer, f"the backend does not take our request (HTTP {status})"))


def _error(answer: httpx.Response) -> dict[str, Any]:
    try:
        return _json(answer)
    except BadAnswer:
        return {}


def _message(answer: httpx.Response, otherwise: str) -> str:
    return str(_error(answer).get("message") or otherwise)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BadAnswer("the backend's answer is not JSON; is something else at its address?")
    return content


def _model(model: type[ModelT], content: dict[str, Any]) -> ModelT:
    try:
        return model.model_validate(content)
    except ValidationError:
        # Its text would repeat what was sent, tokens too.
        raise BadAnswer("the backend's answer does not fit; are both of the same release?") from None
