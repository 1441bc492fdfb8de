"""Several MCP servers as LiveKit function tools.

What the model must not choose is added here: who calls, the operation's key and epoch, the instants, the deadline. A server
that is slow or dead costs only its own tools.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from livekit.agents import RunContext, function_tool
from livekit.agents.llm import RawFunctionTool
from mcp.types import Tool
from pydantic import ValidationError

from contracts.deadlines import Deadlines
from contracts.events import IntentStep
from contracts.meta import (
    CONSENT,
    HOOK_ARGUMENTS,
    KEY_ARGUMENTS,
    PURPOSE,
    SLOTS,
    RequestMeta,
    Role,
)
from contracts.operations import canonical_json, operation_key
from contracts.results import ErrorKind, ToolAnswer, ToolFailure
from contracts.telemetry import SpanName
from tracing import note_outcome, span
from voxie_agents.call_records import CallRecord, ignore_record
from voxie_agents.call_times import CallTimes, TimeQuestion
from voxie_agents.intents import PostIntent, tell_nobody
from voxie_agents.mcp_catalogue import as_listed, unchanged
from voxie_agents.mcp_consent import ASKS_FIRST, NOT_CONFIRMED, CallerConsent
from voxie_agents.mcp_errors import McpClientError, ProtocolError
from voxie_agents.mcp_found import Found
from voxie_agents.mcp_links import ServerLink
from voxie_agents.mcp_offers import WHEN as WHEN
from voxie_agents.mcp_offers import (
    OutputCheck,
    ToolNames,
    bind,
    extent_for,
    offerable,
    plain_schema,
    plain_text,
    replace_instants,
    show_hooks,
)
from voxie_agents.mcp_outputs import compact, tool_error, tool_output, untrusted
from voxie_agents.silence import audible

log = structlog.get_logger()

ANSWER_SECONDS = 0.5
"""What an answer may take on its way, beyond the deadline that the server keeps."""
MOST_EPOCHS = 3
"""One that the ledger knows to be undone, one that turns out to be when it is looked at, and one to spare."""
NO_SERVER = "none"
"""In a record: no server offers the tool."""
ASK_WHEN = "For which day and time?"


@dataclass(frozen=True)
class CallIdentity:
    """Who is calling, as far as it is known.

    Args:
        workspace: whose agent it is.
        call: the call's id.
        caller: verified number or signed-in user.
        role: what the caller may do.
    """

    workspace: str
    call: str
    caller: str | None = None
    role: Role = Role.PUBLIC


@dataclass
class McpIntegration:
    """The tools of one call.

    Args:
        links: the servers.
        identity: who is calling.
        times: what was said about times.
        watch: told of each tool call.
        intend: told of a flow's writes before the first.
        deadlines: how long a caller waits for a tool.
    """

    links: Sequence[ServerLink]
    identity: CallIdentity
    times: CallTimes
    watch: Callable[[CallRecord], None] = ignore_record
    intend: PostIntent = tell_nobody
    deadlines: Deadlines = Deadlines()
    _found: dict[str, Found] = field(default_factory=dict[str, Found])
    _listed: dict[str, list[Tool]] = field(default_factory=dict[str, list[Tool]])
    _known: set[str] = field(default_factory=set[str])
    """Servers whose tools are offered as the catalogue has them, until they are listed."""
    _names: ToolNames = field(default_factory=ToolNames)
    _epochs: dict[str, int] = field(default_factory=dict[str, int])
    _learning: asyncio.Lock = field(default_factory=asyncio.Lock)
    _consent: CallerConsent = field(default_factory=CallerConsent)

    @property
    def complete(self) -> bool:
        """Whether the tools of every server are known, and the zone where one of them tells it."""
        listed = all(link.name in self._listed or link.name in self._known for link in self.links)
        return listed and (self.times.zone is not None or self._listing is None)

    def reserve(self, names: frozenset[str]) -> None:
        """Keep names for the agent's own tools; to be called before ``discover``."""
        self._names.reserve(names)

    def preload(self) -> None:
        """Offer what the catalogue has, before any server is asked."""
        for link in self.links:
            if link.approved is not None and link.name not in self._listed:
                self._known.add(link.name)
                self._register(link, offerable(link.name, [as_listed(tool) for tool in link.approved]))

    async def discover(self) -> None:
        """List the servers that have not been listed yet, side by side; one that does not answer is left for later."""
        missing = [link for link in self.links if link.name not in self._listed]
        await asyncio.gather(*(self._list(link) for link in missing))
        # In the order of the links, so that who gets a name does not depend on who answered first.
        for link in missing:
            self._register(link, self._listed.get(link.name, ()))
        await self._learn_zone()

    async def _list(self, link: ServerLink) -> None:
        try:
            tools = await link.client.list_tools(timeout=self.deadlines.discovery)
        except McpClientError as error:
            log.warning("server not listed", server=link.name, error_type=type(error).__name__)
            # It is not there: what the catalogue said of it is offered no more.
            self._known.discard(link.name)
            return
        kept = offerable(link.name, tools)
        if link.approved is not None:
            approved = {tool.name: tool for tool in link.approved}
            kept = unchanged(link.name, kept, approved, foreign=link.foreign)
        self._listed[link.name] = kept

    def _register(self, link: ServerLink, tools: Sequence[Tool]) -> None:
        """Offer these tools of a server, and no others of it."""
        self._found = {name: found for name, found in self._found.items() if found.link is not link}
        for tool in tools:
            extent = link.extent(tool.name)
            if not link.foreign:
                extent = extent_for(self.identity.role, tool.meta or {}, extent)
            if extent:
                name = self._names.name(link.name, tool.name, qualified=link.foreign)
                self._found[name] = Found(link, tool, OutputCheck(tool.output_schema), extent)

    async def _learn_zone(self) -> None:
        """A business without a zone of its own has its calendar's, which the list of bookings names."""
        async with self._learning:
            if self.times.zone is None and self._listing is not None:
                await self.call(self._listing, {})

    @property
    def _listing(self) -> str | None:
        return next((name for name, found in self._found.items() if found.meta.get(PURPOSE) == "list"), None)

    def has(self, name: str) -> bool:
        """Whether a tool has been found."""
        return name in self._found

    def step(self, name: str, arguments: Mapping[str, Any]) -> IntentStep | None:
        """A write as an intent names it; None when no server offers it, or nothing makes it the same write again."""
        key = self._key(found, arguments) if (found := self._found.get(name)) else None
        return IntentStep(operation=key, tool=name, server=found.link.name) if found and key else None

    def server_of(self, name: str) -> str:
        """Which server offers a tool."""
        return self._found[name].link.name if name in self._found else NO_SERVER

    async def call(self, name: str, arguments: Mapping[str, Any], *, step: str | None = None) -> ToolAnswer:
        """Call a tool with instants already resolved.

        A write whose outcome is unknown is asked about once more under the same operation, which the server settles by
        reading. One that was undone before is repeated under the epoch that the server names, since it is meant anew.

        Args:
            name: as found.
            arguments: JSON values.
            step: of a told intent that this is, when its operation is the server's to name.
        """
        started = time.monotonic()
        found = self._found.get(name) or await self._find(name)
        with span(SpanName.AGENT_TOOL, tool=_told_name(found)) as told:
            answer = await self._call_found(found, arguments) if found else _unavailable(name)
            failure = answer.failure
            note_outcome(told, failure.kind.value if failure else "ok")
        record = CallRecord(
            tool=name,
            server=found.link.name if found else NO_SERVER,
            ms=round((time.monotonic() - started) * 1000),
            error=failure.kind if failure else None,
            operation=step or (self._key(found, arguments) if found else None),
            receipt=None if answer.is_error else answer.receipt,
        )
        self.watch(record)
        return answer

    async def _call_found(self, found: Found, arguments: Mapping[str, Any]) -> ToolAnswer:
        key, seconds = self._key(found, arguments), self.deadlines.of(reads=found.read_only)
        answer = await self._call_once(found, arguments, seconds)
        for _ in range(MOST_EPOCHS):
            if key is None or answer.failure is None or answer.failure.current_epoch is None:
                break
            self._epochs[key] = answer.failure.current_epoch
            answer = await self._call_once(found, arguments, seconds)
        if key is not None and answer.failure is not None and answer.failure.kind is ErrorKind.OUTCOME_UNKNOWN:
            # It is settled by reading, so it need not take as long again.
            answer = await self._call_once(found, arguments, self.deadlines.read)
        self.times.learn_zone(answer.data.get("zone"))
        return answer

    async def _find(self, name: str) -> Found | None:
        """A tool that was not there before; the caller is waiting, so a server that hangs is not waited for long."""
        try:
            async with asyncio.timeout(self.deadlines.read):
                await self.discover()
        except TimeoutError:
            log.warning("servers not listed in time")
        return self._found.get(name)

    async def _call_once(self, found: Found, arguments: Mapping[str, Any], seconds: float) -> ToolAnswer:
        meta = {} if found.link.foreign else self._meta(found, arguments, seconds).to_wire()
        try:
            answer = await found.link.client.call(
                found.tool.name, arguments, meta=meta, timeout=seconds + ANSWER_SECONDS, read_only=found.read_only
            )
            _check(found, answer)
        except McpClientError as error:
            log.warning("tool call failed", tool=found.tool.name, error_type=type(error).__name__)
            failure = error.to_failure(write=not found.read_only)
            return ToolAnswer(data=failure.model_dump(mode="json"), is_error=True, failure=failure)
        return untrusted(answer) if found.link.foreign else answer

    def _meta(self, found: Found, arguments: Mapping[str, Any], seconds: float) -> RequestMeta:
        key = self._key(found, arguments)
        return RequestMeta(
            operation=key,
            epoch=self._epochs.get(key, 0) if key else None,
            deadline=seconds,
            call=self.identity.call,
            caller=self.identity.caller,
            role=self.identity.role,
            grants=tuple(sorted(found.extent.only)) if found.only else (),
            workspace=self.identity.workspace,
        )

    def _key(self, found: Found, arguments: Mapping[str, Any]) -> str | None:
        names: Sequence[str] = found.meta.get(KEY_ARGUMENTS, ())
        if not names:
            return None
        return operation_key(
            workspace=self.identity.workspace,
            tool=found.tool.name,
            caller=self.identity.caller or f"call:{self.identity.call}",
            key_arguments={name: arguments.get(name) for name in names},
        )

    def function_tools(self, *, hidden: frozenset[str] = frozenset()) -> list[RawFunctionTool[Any, Any]]:
        """The found tools as LiveKit takes them.

        Args:
            hidden: names that a flow uses and the model must not.
        """
        return [self._function_tool(name, found) for name, found in self._found.items() if name not in hidden]

    def _function_tool(self, name: str, found: Found) -> RawFunctionTool[Any, Any]:
        async def run(raw_arguments: dict[str, object], context: RunContext[Any]) -> str:
            if not found.read_only:
                context.disallow_interruptions()
            if found.instants:
                # The servers may just have been found: without the zone no words mean an instant.
                await self._learn_zone()
            try:
                arguments = self._with_instants(found, raw_arguments)
            except TimeQuestion as question:
                raise tool_error(question.failure, choices=[c.isoformat() for c in question.choices]) from None
            if found.destructive and not self._agreed(name, found, arguments, context):
                return compact(NOT_CONFIRMED)
            answer = await self.call(name, arguments)
            if found.destructive:
                self._consent.came_of_it(answer)
            return tool_output(answer)

        return function_tool(audible(run, self.deadlines), raw_schema=self._schema(name, found))

    def _agreed(self, name: str, found: Found, arguments: Mapping[str, object], context: RunContext[Any]) -> bool:
        """Whether the caller has said yes to exactly this call."""
        key: Sequence[str] = found.meta.get(KEY_ARGUMENTS, ())
        wanted = canonical_json([name, {each: arguments.get(each) for each in key} if key else arguments])
        return self._consent.given(
            wanted,
            context.session.history,
            cancels=found.meta.get(PURPOSE) == "cancel",
            repeatable=not found.link.foreign,
        )

    def _with_instants(self, found: Found, given: Mapping[str, object]) -> dict[str, object]:
        """The arguments with the caller's words turned into instants. Instants from the model itself are not taken."""
        names = found.instants
        if not names:
            return dict(given)
        arguments = {key: value for key, value in given.items() if key != "when" and key not in names.values()}
        words = given.get("when")
        if not isinstance(words, str) or not words.strip():
            if found.needs_when:
                raise TimeQuestion(
                    ToolFailure(
                        kind=ErrorKind.BAD_REQUEST, field="when", error="when: the caller's words", speech=ASK_WHEN
                    )
                )
            return arguments
        span = self.times.range(words) if found.meta.get(PURPOSE) == "list" else self.times.span(words)
        return {**arguments, names["start"]: span.start.isoformat(), names["end"]: span.end.isoformat()}

    def _schema(self, name: str, found: Found) -> dict[str, Any]:
        parameters = plain_schema(found.tool.input_schema)
        if found.instants:
            replace_instants(parameters, set(found.instants.values()))
        if found.hooks is not None:
            show_hooks(parameters, found.meta[HOOK_ARGUMENTS], found.hooks)
        if found.only is not None:
            bind(parameters, *found.only)
        described = plain_text(found.tool.description or found.tool.title or name)
        kept = {key: found.meta[key] for key in (PURPOSE, SLOTS) if key in found.meta}
        return {
            "name": name,
            "description": f"{described} {ASKS_FIRST}" if found.destructive else described,
            "parameters": parameters,
            "meta": {**kept, CONSENT: found.destructive},
        }


def _told_name(found: Found | None) -> str:
    """A tool as traces name it: what others run may be named by anybody."""
    return "none" if found is None else "foreign" if found.link.foreign else found.tool.name


def _check(found: Found, answer: ToolAnswer) -> None:
    """Refuse a result that is not what its tool publishes, and a receipt that is none.

    Raises:
        ProtocolError: it is refused; what a write did is not known.
    """
    if answer.is_error:
        return
    if not found.output.fits(answer.data):
        raise ProtocolError(found.link.name, "the result does not fit the tool's own schema")
    try:
        _ = None if found.link.foreign else answer.receipt
    except ValidationError:
        raise ProtocolError(found.link.name, "the receipt cannot be read") from None


def _unavailable(name: str) -> ToolAnswer:
    failure = ToolFailure(
        kind=ErrorKind.UNAVAILABLE,
        error=f"no server offers {name} now",
        speech="I can't reach the booking system at the moment.",
    )
    return ToolAnswer(data=failure.model_dump(mode="json"), is_error=True, failure=failure)
