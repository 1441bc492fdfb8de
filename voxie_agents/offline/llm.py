"""The brain as a LiveKit LLM: no network, no key, the ordinary path of tool calls."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from livekit.agents import APIConnectOptions, NotGivenOr, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.utils import shortuuid

from voxie_agents.offline.brain import Brain
from voxie_agents.offline.moves import Move, Say
from voxie_agents.offline.tool_view import views
from voxie_agents.offline.wording import HELP

FACT_LINE = re.compile(r"^(\w[\w ]{0,30}): (.+)$", re.MULTILINE)
HOURS_LINE = re.compile(r"^Opening hours: (?P<hours>.+)$", re.MULTILINE)


class OfflineLLM(llm.LLM[Any]):
    """Decides by rules what a model would decide."""

    @property
    def model(self) -> str:
        """Its name in metrics."""
        return "offline-rules"

    @property
    def provider(self) -> str:
        """Its provider in metrics."""
        return "voxie"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """One decision."""
        del parallel_tool_calls, extra_kwargs
        offered = [] if tool_choice == "none" else (tools or [])
        return _Decision(self, chat_ctx=chat_ctx, tools=offered, conn_options=conn_options)


class _Decision(llm.LLMStream):
    async def _run(self) -> None:
        move = decide(self._chat_ctx, self._tools)
        delta = llm.ChoiceDelta(role="assistant")
        if isinstance(move, Say):
            delta.content = move.text
        else:
            arguments = json.dumps(dict(move.arguments), ensure_ascii=False)
            delta.tool_calls = [llm.FunctionToolCall(name=move.tool, arguments=arguments, call_id=shortuuid("call_"))]
        self._event_ch.send_nowait(llm.ChatChunk(id=shortuuid("offline_"), delta=delta))


def decide(chat_ctx: llm.ChatContext, tools: Sequence[llm.Tool]) -> Move:
    """What to do next, from the whole conversation."""
    brain = Brain(tools=views(tools), facts=_facts(chat_ctx))
    move: Move = Say(HELP)
    for item in chat_ctx.items:
        if item.type == "message" and item.role == "user":
            move = brain.hear(item.text_content or "")
        elif item.type == "function_call_output":
            move = brain.got(item.name, _read(item.output), is_error=item.is_error)
    return move


def _facts(chat_ctx: llm.ChatContext) -> dict[str, str]:
    """The opening hours and, in the lines after them, the business's facts as the instructions give them."""
    for item in chat_ctx.items:
        if item.type == "message" and item.role in {"system", "developer"}:
            text = item.text_content or ""
            found = HOURS_LINE.search(text)
            if found:
                told = FACT_LINE.findall(text[found.end() :])
                return {"hours": f"We're open {found['hours'].rstrip('.')}.", **dict(told)}
    return {}


def _read(output: str) -> Mapping[str, Any]:
    """A tool's output; text that is no JSON object is something to say."""
    try:
        data = json.loads(output)
    except ValueError:
        return {"speech": output}
    return cast("Mapping[str, Any]", data) if isinstance(data, dict) else {"speech": output}
