"""Faults on demand: a status, a delay, or a line cut before or after the request had its effect."""

import asyncio
import fnmatch
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REASONS: Mapping[int, tuple[str, str]] = {
    400: ("global", "badRequest"),
    401: ("global", "authError"),
    403: ("usageLimits", "rateLimitExceeded"),
    404: ("global", "notFound"),
    409: ("global", "duplicate"),
    410: ("global", "deleted"),
    412: ("global", "conditionNotMet"),
    429: ("usageLimits", "rateLimitExceeded"),
}


class Fault(BaseModel):
    """One fault, for the next requests that match."""

    model_config = ConfigDict(extra="forbid")

    route: Annotated[
        str, Field(description='Glob over "METHOD /path", such as "POST */events*"', pattern=r"^(\*|\S+ [/*])")
    ]
    status: Annotated[int | None, Field(ge=100, le=599)] = None
    cut: Literal["before", "after"] | None = None
    """``before``: the request is not handled. ``after``: it is handled and committed, and the answer is never sent."""
    delay: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Seconds before the request is handled."""
    times: Annotated[int, Field(ge=1)] = 1
    headers: dict[str, str] = {}
    body: object | None = None
    """JSON to answer with ``status``; Google's own error shape when omitted."""

    def matches(self, scope: Scope) -> bool:
        """Whether it concerns a request."""
        return fnmatch.fnmatchcase(f"{scope['method']} {scope['path']}", self.route)


@dataclass
class Faults:
    """The faults that are waiting."""

    waiting: list[Fault] = field(default_factory=list[Fault])

    def take(self, scope: Scope) -> Fault | None:
        """The fault for a request, counted down."""
        for fault in self.waiting:
            if fault.matches(scope):
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
                return fault
        return None


class FaultMiddleware:
    """Applies faults to every path but the sandbox's own.

    Args:
        app: what is wrapped.
        faults: the waiting ones.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, with its fault if it has one."""
        own = scope["type"] != "http" or scope["path"].startswith("/_sandbox") or scope["path"] == "/healthz"
        fault = None if own else self._faults.take(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay)
        if fault.cut == "before":
            await _cut(send)
        elif fault.cut == "after":
            await self._app(scope, receive, _swallow)
            await _cut(send)
        elif fault.status is not None:
            await _answer(fault)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _swallow(_: Message) -> None:
    """Takes an answer that nobody will read."""


async def _cut(send: Send) -> None:
    """Close the socket under the server, as a broken line would: ASGI itself has no word for it.

    Uvicorn's ``send`` is a method of the object that holds the transport.
    """
    transport: asyncio.Transport = getattr(send, "__self__").transport  # noqa: B009 - no type has it
    transport.abort()
    # Let the protocol learn that the connection is lost, so that it does not try to answer.
    await asyncio.sleep(0)


def _answer(fault: Fault) -> Response:
    status = fault.status or 500
    body = fault.body
    if body is None:
        domain, reason = _REASONS.get(status, ("global", "backendError"))
        errors = [{"domain": domain, "reason": reason, "message": reason}]
        body = {"error": {"errors": errors, "code": status, "message": reason}}
    return Response(json.dumps(body), status_code=status, media_type="application/json", headers=fault.headers)


def fault_endpoint(faults: Faults) -> Callable[[Request], Awaitable[Response]]:
    """``/_sandbox/faults``: add one (POST), see them (GET), drop them all (DELETE)."""

    async def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            faults.waiting.clear()
        elif request.method == "POST":
            try:
                faults.waiting.append(Fault.model_validate_json(await request.body()))
            except ValidationError as error:
                return JSONResponse({"error": _wrong(error)}, status_code=400)
        return JSONResponse({"faults": [fault.model_dump(mode="json") for fault in faults.waiting]})

    return endpoint


def _wrong(error: ValidationError) -> str:
    """One line that names each field that is wrong, and what it takes."""
    said = {
        "string_pattern_mismatch": 'write a method and a path, such as "POST */events*"',
        "extra_forbidden": f"no such field; a fault takes {', '.join(Fault.model_fields)}",
    }
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'body'}: {said.get(p['type'], p['msg'])}" for p in problems)
