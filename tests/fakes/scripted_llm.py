"""A model that does what a script says, through LiveKit's ordinary tool calling, and remembers what it was shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import llm
from livekit.agents.llm import RawFunctionTool


@dataclass(frozen=True)
class Call:
    """One tool call of the model; ``arguments`` as JSON text when it is not even that."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


Step = str | Call | tuple[Call, ...]
"""What the model does when it is asked: say something, or call one or several tools."""


class ScriptedLLM(llm.LLM[Any]):
    """Does one step each time that it is asked; says ``…`` when the script is over."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps = list(steps)
        self.offered: list[dict[str, dict[str, Any]]] = []
        self.read: list[str] = []

    def then(self, *steps: Step) -> None:
        self.steps += steps

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The raw schemas that were offered last."""
        return self.offered[-1]

    @property
    def outputs(self) -> list[str]:
        """What the tools answered, as the model read it, in order."""
        return self.read

    def chat(self, *, chat_ctx: llm.ChatContext, tools: list[llm.Tool] | None = None, **rest: Any) -> llm.LLMStream:
        listed = [tool for tool in tools or [] if isinstance(tool, RawFunctionTool)]
        self.offered.append({tool.info.name: dict(tool.info.raw_schema) for tool in listed})
        self.read = [item.output for item in chat_ctx.items if item.type == "function_call_output"]
        step = self.steps.pop(0) if self.steps else "…"
        return _Stream(self, step, chat_ctx=chat_ctx, tools=tools or [], conn_options=rest["conn_options"])


class _Stream(llm.LLMStream):
    def __init__(self, model: ScriptedLLM, step: Step, **rest: Any) -> None:
        super().__init__(model, **rest)
        self._step = step

    async def _run(self) -> None:
        if isinstance(self._step, str):
            delta = llm.ChoiceDelta(role="assistant", content=self._step)
        else:
            calls: Sequence[Call] = (self._step,) if isinstance(self._step, Call) else self._step
            delta = llm.ChoiceDelta(
                role="assistant",
                tool_calls=[
                    llm.FunctionToolCall(name=call.name, arguments=call.text, call_id=f"call_{id(self)}_{number}")
                    for number, call in enumerate(calls)
                ],
            )
        self._event_ch.send_nowait(llm.ChatChunk(id="scripted", delta=delta))
