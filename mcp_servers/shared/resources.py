"""Resources: what a client reads by its URI, checked like a tool call."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.resources import Resource
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS
from pydantic import BaseModel

from contracts.meta import ROLES, Role
from contracts.results import ErrorKind
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import CONSEQUENCES, NotAllowed, ServerError, Unavailable
from mcp_servers.shared.tools import ReadCall

log = structlog.get_logger()

REFUSED = {ErrorKind.BAD_REQUEST, ErrorKind.NOT_FOUND, ErrorKind.NOT_ALLOWED}
"""What the client must do otherwise; the rest is trouble of ours or of the vendor's."""

_asking: ContextVar[ServerRequestContext[Any, Any]] = ContextVar("asking")


@dataclass(frozen=True)
class ResourceSpec:
    """One resource of an integration.

    Args:
        uri: what clients read it by.
        title: for people.
        description: for people and models.
        read: makes its content, which is sent as JSON.
        tool: a call token that grants this tool grants the resource too: they show the same.
        roles: who may read it.
    """

    uri: str
    title: str
    description: str
    read: Callable[[Call], Awaitable[BaseModel]]
    tool: str
    roles: frozenset[Role] = frozenset(Role)


class ServedResource(Resource):
    """A ``ResourceSpec`` as the MCP SDK registers it."""

    spec: Any
    read_call: Any

    @classmethod
    def of(cls, spec: ResourceSpec, read_call: ReadCall) -> "ServedResource":
        """Wrap one resource."""
        return cls(
            uri=spec.uri,
            title=spec.title,
            description=spec.description,
            mime_type="application/json",
            meta={ROLES: sorted(spec.roles)} if spec.roles != frozenset(Role) else None,
            spec=spec,
            read_call=read_call,
        )

    async def read(self) -> str:
        """Check who asks, and read within the deadline of a read.

        Raises:
            MCPError: its data is the failure, as a tool would answer it.
        """
        spec: ResourceSpec = self.spec
        try:
            return (await self._read_checked(spec)).model_dump_json()
        except ServerError as error:
            getattr(log, CONSEQUENCES[error.kind].log_level)("resource failed", uri=spec.uri, kind=error.kind.value)
            failure = error.to_failure().model_dump(mode="json", exclude_none=True)
            code = INVALID_PARAMS if error.kind in REFUSED else INTERNAL_ERROR
            raise MCPError(code=code, message=error.error, data=failure) from None

    async def _read_checked(self, spec: ResourceSpec) -> BaseModel:
        call: Call = self.read_call(_asking.get(), tool=spec.tool, reads=True)
        if call.role not in spec.roles:
            raise NotAllowed(f"{spec.uri} needs role {' or '.join(sorted(spec.roles))}; this call has {call.role}")
        try:
            async with asyncio.timeout(call.remaining()):
                return await spec.read(call)
        except TimeoutError:
            raise Unavailable("no answer within the deadline") from None


async def remember_who_asks(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """The SDK hands a resource no request, so it is kept for it here."""
    _asking.set(ctx)
    return await call_next(ctx)
