"""The agent that talks to a caller: greets at once, and has the tools that can be reached."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from livekit.agents import Agent, FlushSentinel, ModelSettings, llm

from contracts.agents import AgentSpec
from contracts.results import Receipt
from voxie_agents.business.kinds import KINDS, greeting, instructions
from voxie_agents.call_times import CallTimes
from voxie_agents.mcp_integration import McpIntegration
from voxie_agents.models import open_llm
from voxie_agents.settings import AgentSettings
from voxie_agents.silence import never_silent
from voxie_agents.truth import Proof, receipts_of, truthful_stream

MOST_TOOL_STEPS = 6
"""Check, book and cancel within one turn need more than LiveKit's default of three."""


class CallerAgent(Agent):
    """One call's agent.

    Args:
        spec: what it is.
        integration: its tools.
        times: what was said about times.
        notice: said before the greeting, such as that this is the demo brain.
        resumed: what an earlier worker of this call is known to have done, when this one takes its place.
    """

    def __init__(
        self,
        spec: AgentSpec,
        integration: McpIntegration,
        times: CallTimes,
        *,
        notice: str = "",
        resumed: Sequence[Receipt] | None = None,
    ) -> None:
        self._kind = KINDS[spec.kind]
        self._mcp = integration
        self._flow_tools = list(self._kind.flow(spec, integration, times)) if self._kind.flow else []
        integration.reserve(frozenset(tool.info.name for tool in self._flow_tools))
        integration.preload()
        self._known = [Proof(receipt.action, receipt.speech) for receipt in resumed or ()]
        first = greeting(spec) if resumed is None else _after_the_cut(self._known)
        self._greeting = f"{first} {notice}".strip()
        self._discovery: asyncio.Task[None] | None = None
        super().__init__(instructions=instructions(spec), tools=self._all_tools())

    @property
    def first_line(self) -> str:
        """What the caller hears first."""
        return self._greeting

    async def on_enter(self) -> None:
        """Greet without waiting for anything, and look for tools meanwhile."""
        self._discover()
        output = self.session.output
        # In a room, by sound or by text; a session without either shows the line by itself.
        if output.audio is not None or output.transcription is not None:
            self.session.say(self._greeting)

    async def on_exit(self) -> None:
        """Stop looking."""
        if self._discovery is not None:
            self._discovery.cancel()
            await asyncio.gather(self._discovery, return_exceptions=True)

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[llm.ChatChunk | str | FlushSentinel]:
        """What is said next, or which tools are called: true, and soon."""
        said = self._decide(chat_ctx, tools, model_settings)
        true = truthful_stream(said, [*self._known, *receipts_of(chat_ctx)])
        async for chunk in never_silent(true, chat_ctx, self._mcp.deadlines):
            yield chunk

    async def _decide(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterator[llm.ChatChunk | str | FlushSentinel]:
        """Ask the model, with the tools that can be reached now: a server that came back is used again."""
        if not self._mcp.complete:
            await asyncio.wait([self._discover()], timeout=self._mcp.deadlines.listing)
        # In place: LiveKit looks up in this very list what the model calls.
        tools[:] = [tool for tool in self._all_tools() if isinstance(tool, llm.Tool)]
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            yield chunk

    def _all_tools(self) -> list[llm.Tool | llm.Toolset]:
        return [*self._flow_tools, *self._mcp.function_tools(hidden=self._kind.hidden)]

    def _discover(self) -> asyncio.Task[None]:
        if self._discovery is None or self._discovery.done():
            self._discovery = asyncio.create_task(self._find_tools())
        return self._discovery

    async def _find_tools(self) -> None:
        await self._mcp.discover()
        await self.update_tools(self._all_tools())


def _after_the_cut(known: Sequence[Proof]) -> str:
    """What somebody hears who waited for a new worker. What was done is said in its receipts' own words."""
    done = " ".join(proof.speech for proof in known)
    return " ".join(part for part in ("I'm sorry, we were cut off.", done, "How can I help you?") if part)


def session_options(settings: AgentSettings) -> dict[str, Any]:
    """The options of an ``AgentSession`` that are the same for text and voice."""
    return {"llm": open_llm(settings), "max_tool_steps": MOST_TOOL_STEPS}
