"""Several MCP servers as LiveKit function tools.

What the model must not choose is added here: who calls, the operation's key and epoch, the instants, the deadline. A server
that is slow or dead costs only its own tools.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from livekit.agents import RunContext, ToolError, function_tool
from livekit.agents.llm import RawFunctionTool
from mcp.types import Tool

from contracts.meta import CONSENT, INSTANT_ARGUMENTS, KEY_ARGUMENTS, PURPOSE, SLOTS, RequestMeta, Role
from contracts.operations import operation_key
from contracts.results import ErrorKind, ToolAnswer, ToolFailure
from voxie_agents.call_times import CallTimes, TimeQuestion
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_errors import McpClientError

log = structlog.get_logger()

READ_SECONDS, WRITE_SECONDS = 2.5, 5.0
DISCOVERY_SECONDS = 5.0
SAFE_NAME = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST_NAME = 64
WHEN = {
    "type": "string",
    "description": "The caller's own words for day and time, such as 'tomorrow at 7 pm'. Never a date that you worked out.",
}


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


@dataclass(frozen=True)
class ServerLink:
    """One server of this call.

    Args:
        name: in the registry.
        client: reaches it.
        tools: names that the agent may use; None for all of them.
    """

    name: str
    client: McpClient
    tools: frozenset[str] | None = None


@dataclass(frozen=True)
class CallRecord:
    """One tool call, for whoever watches: names and outcome, none of the arguments."""

    tool: str
    ok: bool
    kind: str | None = None


def ignore_record(_: CallRecord) -> None:
    """Nobody watches."""


@dataclass
class _Found:
    link: ServerLink
    tool: Tool

    @property
    def meta(self) -> Mapping[str, Any]:
        return self.tool.meta or {}

    @property
    def read_only(self) -> bool:
        return bool(self.tool.annotations and self.tool.annotations.read_only_hint)

    @property
    def destructive(self) -> bool:
        return bool(self.tool.annotations and self.tool.annotations.destructive_hint)


@dataclass
class McpIntegration:
    """The tools of one call.

    Args:
        links: the servers.
        identity: who is calling.
        times: what was said about times.
        watch: told of each tool call.
    """

    links: Sequence[ServerLink]
    identity: CallIdentity
    times: CallTimes
    watch: Callable[[CallRecord], None] = ignore_record
    _found: dict[str, _Found] = field(default_factory=dict[str, _Found])
    _listed: set[str] = field(default_factory=set[str])
    _epochs: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def complete(self) -> bool:
        """Whether every server has been listed."""
        return all(link.name in self._listed for link in self.links)

    async def discover(self) -> None:
        """List the servers that have not been listed yet, side by side; one that does not answer is left for later."""
        missing = [link for link in self.links if link.name not in self._listed]
        await asyncio.gather(*(self._discover(link) for link in missing))
        await self._learn_zone()

    async def _discover(self, link: ServerLink) -> None:
        try:
            tools = await link.client.list_tools(timeout=DISCOVERY_SECONDS)
        except McpClientError as error:
            log.warning("server not listed", server=link.name, error_type=type(error).__name__)
            return
        self._listed.add(link.name)
        for tool in tools:
            if link.tools is None or tool.name in link.tools:
                self._found[self._safe_name(link, tool)] = _Found(link, tool)

    async def _learn_zone(self) -> None:
        """A business without a zone of its own has its calendar's, which the list of bookings names."""
        if self.times.zone is not None:
            return
        listing = next((name for name, found in self._found.items() if found.meta.get(PURPOSE) == "list"), None)
        if listing is not None:
            await self.call(listing, {})

    def _safe_name(self, link: ServerLink, tool: Tool) -> str:
        """The tool's own name where it is allowed and free, else one with the server's name before it."""
        name = SAFE_NAME.sub("_", tool.name)[:LONGEST_NAME]
        taken = self._found.get(name)
        if taken is None or taken.link is link:
            return name
        return SAFE_NAME.sub("_", f"{link.name}__{tool.name}")[:LONGEST_NAME]

    def has(self, name: str) -> bool:
        """Whether a tool has been found."""
        return name in self._found

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a tool with instants already resolved.

        A write whose outcome is unknown is asked about once more under the same operation, which the server settles by
        reading. One that was undone before is repeated under the epoch that the server names, since it is meant anew.

        Args:
            name: as found.
            arguments: JSON values.
        """
        if name not in self._found:
            await self.discover()
        found = self._found.get(name)
        if found is None:
            return self._record(name, _unavailable(name))
        answer = await self._call_once(found, arguments)
        failure = answer.failure
        if failure is not None and failure.current_epoch is not None:
            self._epochs[self._key(found, arguments) or ""] = failure.current_epoch
            answer = await self._call_once(found, arguments)
        elif failure is not None and failure.kind is ErrorKind.OUTCOME_UNKNOWN and self._key(found, arguments):
            answer = await self._call_once(found, arguments)
        self.times.learn_zone(answer.data.get("zone"))
        return self._record(name, answer)

    async def _call_once(self, found: _Found, arguments: Mapping[str, Any]) -> ToolAnswer:
        seconds = READ_SECONDS if found.read_only else WRITE_SECONDS
        key = self._key(found, arguments)
        meta = RequestMeta(
            operation=key,
            epoch=self._epochs.get(key, 0) if key else None,
            deadline=seconds,
            call=self.identity.call,
            caller=self.identity.caller,
            role=self.identity.role,
            workspace=self.identity.workspace,
        )
        try:
            return await found.link.client.call(
                found.tool.name, arguments, meta=meta.to_wire(), timeout=seconds + 0.5, read_only=found.read_only
            )
        except McpClientError as error:
            log.warning("tool call failed", tool=found.tool.name, error_type=type(error).__name__)
            failure = error.to_failure(write=not found.read_only)
            return ToolAnswer(data=failure.model_dump(mode="json"), is_error=True, failure=failure)

    def _key(self, found: _Found, arguments: Mapping[str, Any]) -> str | None:
        names: Sequence[str] = found.meta.get(KEY_ARGUMENTS, ())
        if not names:
            return None
        return operation_key(
            workspace=self.identity.workspace,
            tool=found.tool.name,
            caller=self.identity.caller or f"call:{self.identity.call}",
            key_arguments={name: arguments.get(name) for name in names},
        )

    def _record(self, name: str, answer: ToolAnswer) -> ToolAnswer:
        kind = answer.failure.kind.value if answer.failure else None
        self.watch(CallRecord(tool=name, ok=not answer.is_error, kind=kind))
        return answer

    def function_tools(self, *, hidden: frozenset[str] = frozenset()) -> list[RawFunctionTool[Any, Any]]:
        """The found tools as LiveKit takes them.

        Args:
            hidden: names that a flow uses and the model must not.
        """
        return [self._function_tool(name, found) for name, found in self._found.items() if name not in hidden]

    def _function_tool(self, name: str, found: _Found) -> RawFunctionTool[Any, Any]:
        async def run(raw_arguments: dict[str, object], context: RunContext[Any]) -> str:
            if not found.read_only:
                context.disallow_interruptions()
            try:
                arguments = self._with_instants(found, raw_arguments)
            except TimeQuestion as question:
                raise tool_error(question.failure, choices=[c.isoformat() for c in question.choices]) from None
            return tool_output(await self.call(name, arguments))

        return function_tool(run, raw_schema=self._schema(name, found))

    def _with_instants(self, found: _Found, given: Mapping[str, object]) -> dict[str, object]:
        """The arguments with the caller's words turned into instants. Instants from the model itself are not taken."""
        names: Mapping[str, str] = found.meta.get(INSTANT_ARGUMENTS, {})
        if not names:
            return dict(given)
        arguments = {key: value for key, value in given.items() if key != "when" and key not in names.values()}
        words = str(given.get("when") or "")
        if not words:
            return arguments
        span = self.times.range(words) if found.meta.get(PURPOSE) == "list" else self.times.span(words)
        return {**arguments, names["start"]: span.start.isoformat(), names["end"]: span.end.isoformat()}

    def _schema(self, name: str, found: _Found) -> dict[str, Any]:
        parameters = json.loads(json.dumps(found.tool.input_schema))
        names: Mapping[str, str] = found.meta.get(INSTANT_ARGUMENTS, {})
        if names:
            _replace_instants(parameters, set(names.values()))
        kept = {key: found.meta[key] for key in (PURPOSE, SLOTS) if key in found.meta}
        return {
            "name": name,
            "description": found.tool.description or found.tool.title or name,
            "parameters": parameters,
            "meta": {**kept, CONSENT: found.destructive},
        }


def _replace_instants(parameters: dict[str, Any], names: set[str]) -> None:
    properties = cast("dict[str, Any]", parameters.get("properties", {}))
    required = [item for item in cast("list[str]", parameters.get("required", [])) if item not in names]
    if len(required) != len(parameters.get("required", [])):
        required.insert(0, "when")
    parameters["required"] = required
    parameters["properties"] = {"when": WHEN, **{key: value for key, value in properties.items() if key not in names}}


def _unavailable(name: str) -> ToolAnswer:
    failure = ToolFailure(
        kind=ErrorKind.UNAVAILABLE,
        error=f"no server offers {name} now",
        speech="I can't reach the booking system at the moment.",
    )
    return ToolAnswer(data=failure.model_dump(mode="json"), is_error=True, failure=failure)


def tool_output(answer: ToolAnswer) -> str:
    """What the model reads of an answer.

    Raises:
        ToolError: the answer is a failure.
    """
    if answer.is_error:
        raise ToolError(compact(answer.data))
    return compact(answer.data)


def tool_error(failure: ToolFailure, **more: object) -> ToolError:
    """A failure as LiveKit hands it to the model."""
    return ToolError(
        compact({**failure.model_dump(mode="json", exclude_none=True), **{k: v for k, v in more.items() if v}})
    )


def compact(data: Mapping[str, Any]) -> str:
    """JSON in as few tokens as possible."""
    return json.dumps(
        {key: value for key, value in data.items() if value is not None}, ensure_ascii=False, separators=(",", ":")
    )
