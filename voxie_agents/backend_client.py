"""The one client by which workers reach the backend. It knows the contracts and nothing of the backend's code."""

from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from contracts.calls import CallBootstrap, RenewedAccess
from contracts.events import Accepted, EventBatch, IntentView, NewIntent

ModelT = TypeVar("ModelT", bound=BaseModel)
SECONDS = 5.0


class BackendError(Exception):
    """The backend did not do it. Named by what happens next."""


class BackendRefused(BackendError):
    """It will not, however often it is asked.

    Args:
        status: HTTP status.
        code: the stable code of the error.
        message: names the fix.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BackendTryLater(BackendError):
    """It cannot now.

    Args:
        retry_after: seconds after which another try makes sense.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("the backend cannot answer now; try again later")
        self.retry_after = retry_after


class BackendClient:
    """Calls, as a worker sees them. Every method raises ``BackendRefused`` or ``BackendTryLater``.

    Args:
        base_url: of the backend.
        token: the service token.
        seconds: how long one answer may take.
    """

    def __init__(self, base_url: str, token: SecretStr, *, seconds: float = SECONDS) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"authorization": f"Bearer {token.get_secret_value()}"},
            timeout=seconds,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def register_phone_call(self, *, dialled: str, caller: str | None, room: str) -> str:
        """Register a phone call that came in; its id.

        Args:
            dialled: the number that was dialled, E.164.
            caller: whom the line says is calling, such as ``tel:+15550100``.
            room: the LiveKit room.
        """
        body = {"dialled": dialled, "caller": caller, "room": room}
        return str((await self._post("/api/calls", body))["id"])

    async def bootstrap(self, call_id: str) -> CallBootstrap:
        """Everything that starts a call."""
        return _model(CallBootstrap, await self._post(f"/api/calls/{call_id}/bootstrap"))

    async def renew(self, call_id: str) -> RenewedAccess:
        """Fresh tokens; ask at half of their life."""
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
        try:
            answer = await self._http.post(path, json=body)
        except httpx.TransportError:
            raise BackendTryLater(1.0) from None
        if answer.is_success:
            return _json(answer)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise BackendTryLater(_seconds(answer.headers.get("retry-after")))
        problem = _json(answer)
        raise BackendRefused(
            answer.status_code, str(problem.get("code", "unknown")), str(problem.get("message", "refused"))
        )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BackendTryLater(1.0)
    return content


def _model(model: type[ModelT], content: dict[str, Any]) -> ModelT:
    try:
        return model.model_validate(content)
    except ValidationError:
        # Its text would repeat what was sent, tokens too.
        raise BackendRefused(200, "bad_answer", "the backend's answer does not fit: versions differ") from None


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdigit() else 1.0
