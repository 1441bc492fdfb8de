"""One wrapper between MCP and a tool: strict arguments in, structured result or named failure out."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.meta import (
    GRANT_ARGUMENT,
    HOOK_ARGUMENTS,
    INSTANT_ARGUMENTS,
    KEY_ARGUMENTS,
    NEEDS,
    PURPOSE,
    ROLES,
    SLOTS,
    Role,
)
from contracts.results import ErrorKind, ToolFailure
from contracts.telemetry import SpanName
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import CONSEQUENCES, BadRequest, NotAllowed, OutcomeUnknown, ServerError, Unavailable
from mcp_servers.shared.schemas import compact_schema
from mcp_servers.shared.telemetry import ToolMetrics
from tracing import note_outcome, span

log = structlog.get_logger()

SHOWN_CHARACTERS = 64


class Arguments(ArgModelBase):
    """The arguments of a tool: closed and strict."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=False)


class Result(BaseModel):
    """What a tool answers when it succeeds."""

    model_config = ConfigDict(extra="forbid")

    speech: str


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class ToolSpec(Generic[A]):
    """One tool of an integration, as its folder's ``tools.py`` declares it."""

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[Result]
    run: Callable[[A, Call], Awaitable[Result]]
    effect: Literal["read", "write", "destroy"] = "read"
    idempotent: bool = True
    roles: frozenset[Role] = frozenset(Role)
    grant_argument: str | None = None
    """The argument that says what the tool acts on: a call can be granted one value of it, whatever its role."""
    hook_arguments: dict[str, str] = field(default_factory=dict[str, str])
    """``name`` and ``payload``: which argument is a named hook, and which is what it takes."""
    needs: str | None = None
    """The credential that this server lacks for it; it answers so, and agents do not offer it."""
    key_arguments: tuple[str, ...] = ()
    instants: dict[str, str] = field(default_factory=dict[str, str])
    purpose: str | None = None
    slots: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.effect == "read"

    def meta(self) -> dict[str, Any]:
        """What the tool tells a trusted client beside its schema."""
        declared = {
            ROLES: sorted(self.roles) if self.roles != frozenset(Role) else None,
            GRANT_ARGUMENT: self.grant_argument,
            HOOK_ARGUMENTS: self.hook_arguments,
            NEEDS: self.needs,
            KEY_ARGUMENTS: list(self.key_arguments),
            INSTANT_ARGUMENTS: self.instants,
            PURPOSE: self.purpose,
            SLOTS: self.slots,
        }
        return {key: value for key, value in declared.items() if value}

    def annotations(self) -> ToolAnnotations:
        """MCP's hints."""
        return ToolAnnotations(
            title=self.title,
            read_only_hint=self.reads,
            destructive_hint=self.effect == "destroy",
            idempotent_hint=self.idempotent,
            open_world_hint=True,
        )


class ReadCall(Protocol):
    """Turns a request's credentials and ``_meta`` into a ``Call``."""

    def __call__(self, request: ServerRequestContext[Any, Any], *, tool: str, reads: bool) -> Call:
        """Read who calls.

        Args:
            request: as the SDK has it.
            tool: its name; a call token must grant it.
            reads: whether it changes nothing: an answer is due sooner then.

        Raises:
            BadRequest: a ``voxie/…`` key of ``_meta`` is unknown or wrong.
            NotAllowed: the call token does not grant this tool.
        """
        ...


class WrappedTool(Tool):
    """A ``ToolSpec`` as the MCP SDK registers it."""

    spec: Any
    read_call: Any
    metrics: Any

    @classmethod
    def of(cls, spec: ToolSpec[Any], read_call: ReadCall, metrics: ToolMetrics) -> "WrappedTool":
        """Wrap one tool."""
        return cls(
            fn=spec.run,
            name=spec.name,
            title=spec.title,
            description=spec.description,
            parameters=compact_schema(spec.arguments),
            fn_metadata=FuncMetadata(
                arg_model=spec.arguments, output_schema=compact_schema(spec.result, mode="serialization")
            ),
            is_async=True,
            context_kwarg=None,
            annotations=spec.annotations(),
            meta=spec.meta() or None,
            spec=spec,
            read_call=read_call,
            metrics=metrics,
        )

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: FBT001, FBT002 - the SDK's signature
    ) -> CallToolResult:
        """Check the arguments, run the tool within its deadline, and give the outcome its wire form."""
        del convert_result
        with span(SpanName.SERVER_TOOL, tool=self.name) as told, self.metrics.measure(self.name) as outcome:
            try:
                result = await self._run_checked(arguments, context)
            except ServerError as error:
                outcome.kind = error.kind.value
                note_outcome(told, outcome.kind)
                _log_failure(self.spec, error)
                return failure_result(error.to_failure())
            note_outcome(told, outcome.kind)
            return _success_result(result)

    async def _run_checked(self, arguments: dict[str, Any], context: Context[Any, Any]) -> Result:
        spec: ToolSpec[Any] = self.spec
        call: Call = self.read_call(context.request_context, tool=spec.name, reads=spec.reads)
        if not _within_role(spec, call) and not _grantable(spec, call):
            raise NotAllowed(f"{spec.name} needs role {' or '.join(sorted(spec.roles))}; this call has {call.role}")
        checked = _check(spec.arguments, arguments)
        _check_grant(spec, checked, call)
        try:
            async with asyncio.timeout(call.remaining()):
                return await spec.run(checked, call)
        except TimeoutError:
            if spec.reads:
                raise Unavailable("no answer within the deadline") from None
            raise OutcomeUnknown("no answer within the deadline; the outcome will be settled by reading") from None
        except ServerError:
            raise
        except Exception as error:
            # The outermost boundary of a tool: only the type is logged, since a message may hold what a caller said.
            log.error("tool crashed", tool=spec.name, error_type=type(error).__name__)  # noqa: TRY400
            if spec.reads:
                raise Unavailable("internal error") from error
            raise OutcomeUnknown("internal error; the outcome will be settled by reading") from error


def _within_role(spec: ToolSpec[Any], call: Call) -> bool:
    return call.granted.whole and call.role in spec.roles


def _grantable(spec: ToolSpec[Any], call: Call) -> bool:
    return spec.grant_argument is not None and bool(call.granted.only)


def _check_grant(spec: ToolSpec[Any], checked: Arguments, call: Call) -> None:
    """Refuse what a call was not granted: beyond its role, only the values that were named."""
    if _within_role(spec, call):
        return
    assert spec.grant_argument is not None, "checked before the arguments were"
    wanted = getattr(checked, spec.grant_argument)
    if wanted is None or str(wanted) not in call.granted.only:
        raise NotAllowed(
            f"{spec.grant_argument}: this call is granted {spec.name} for other values only", field=spec.grant_argument
        )


def _check(model: type[A], arguments: dict[str, Any]) -> A:
    for name, value in arguments.items():
        if not (_is_sendable(name) and _is_sendable(value)):
            raise BadRequest("broken characters (half of a surrogate pair) in an argument", field=shown_name(name))
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = shown_name(".".join(str(part) for part in problem["loc"])) or "arguments"
        if problem["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "none"
            raise BadRequest(f"{where}: no such argument; this tool takes {known}", field=where) from None
        raise BadRequest(f"{where}: {problem['msg']}", field=where) from None


def _is_sendable(value: object) -> bool:
    """Whether a value can be written as UTF-8: JSON can escape halves of a character, which no vendor and no database takes."""
    try:
        _compact(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _log_failure(spec: ToolSpec[Any], error: ServerError) -> None:
    # A field that the tool does not have was named by the caller, and may hold anything.
    field_name = error.field if error.field in spec.arguments.model_fields else None
    level = CONSEQUENCES[error.kind].log_level
    getattr(log, level)("tool failed", tool=spec.name, kind=error.kind.value, field=field_name)


def _success_result(result: Result) -> CallToolResult:
    structured = result.model_dump(mode="json", by_alias=True, exclude_none=False)
    return CallToolResult(content=[TextContent(type="text", text=_compact(structured))], structured_content=structured)


def failure_result(failure: ToolFailure) -> CallToolResult:
    """The wire form of a failure."""
    structured = failure.model_dump(mode="json", exclude_none=True)
    return CallToolResult(
        content=[TextContent(type="text", text=_compact(structured))], structured_content=structured, is_error=True
    )


def unknown_tool(name: str, known: list[str]) -> CallToolResult:
    """The answer to a call of a tool that does not exist."""
    return failure_result(
        ToolFailure(
            kind=ErrorKind.NOT_FOUND,
            error=f"no tool named {shown_name(name)!r}; this server has {', '.join(known)}",
            speech=CONSEQUENCES[ErrorKind.NOT_FOUND].speech,
            field="name",
        )
    )


def shown_name(name: str) -> str:
    """A name that a client made up, fit for an error: the answer must hold no more than a name, and be sendable."""
    return name if len(name) <= SHOWN_CHARACTERS and name.isprintable() else "(a name that cannot be shown)"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
