"""How much a client may send at once."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import ErrorBody

LARGEST_BODY = 2_000_000
"""Bytes. The largest honest body is a batch of a call's events."""
LARGEST_DISCARDED = 50_000_000
"""Bytes that are read and dropped so that the client hears why; beyond, its connection is cut."""


class BodyLimit:
    """Refuses bodies that are too large, announced or not, before anything reads them whole.

    Args:
        app: what serves the rest.
        largest: bytes.
    """

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Request(scope).headers.get("content-length", "0")
        if announced.isdigit() and int(announced) <= self._largest:
            await self._app(scope, self._counted(receive), send)
            return
        await _discard(receive)
        body = ErrorBody(code="too_large", message=_message(self._largest))
        await JSONResponse(body.model_dump(), status_code=413)(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._largest:
                await _discard(receive)
                raise HTTPException(413, _message(self._largest))
            return message

        return counted


def _message(largest: int) -> str:
    return f"send at most {largest} bytes at once"


async def _discard(receive: Receive) -> None:
    seen = 0
    while seen < LARGEST_DISCARDED:
        message = await receive()
        if not message.get("more_body"):
            return
        seen += len(message["body"])
