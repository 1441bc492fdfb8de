"""A caller who has stopped speaking hears something: the answer, that it goes on, or that there will be none."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import structlog
from livekit.agents import APIConnectionError, FlushSentinel, llm

from contracts.deadlines import Deadlines
from tests.fakes.scripted_llm import Call, ScriptedLLM
from tests.patience import PATIENCE
from tests.voxie_agents.talk import talking
from tests.world import World
from voxie_agents.silence import FILLERS, GIVING_UP, NOTHING_MORE, Chunk, filler, never_silent
from voxie_agents.truth import details, truthful

SECRET = "what-the-caller-said"
IMPATIENT = Deadlines(silence=0.01, answer=30.0)
SOON_OVER = Deadlines(silence=0.01, answer=0.1)
CALM = Deadlines(silence=1000.0, answer=1000.0)
IN_TIME = 30.0


def call_so_far(*, seconds_ago: float = 0.0) -> llm.ChatContext:
    """A call in which the caller fell silent some time ago."""
    said = llm.ChatMessage(role="user", content=["a table for four"])
    said.created_at -= seconds_ago
    return llm.ChatContext([said])


class Model:
    """Says lines when it is let, and remembers whether it was stopped.

    Args:
        lines: what it says.
        error: what happens instead of its end.
    """

    def __init__(self, *lines: str, error: Exception | None = None) -> None:
        self.may_go_on = asyncio.Event()
        self.stopped = False
        self._lines, self._error = lines, error

    async def __call__(self) -> AsyncIterator[Chunk]:
        try:
            await self.may_go_on.wait()
            for line in self._lines:
                yield line
            if self._error is not None:
                raise self._error
        except asyncio.CancelledError:
            self.stopped = True
            raise


async def heard(chunks: AsyncIterator[Chunk]) -> list[str]:
    async with asyncio.timeout(IN_TIME):
        return [chunk async for chunk in chunks if isinstance(chunk, str)]


async def test_what_comes_in_time_is_said_as_it_is() -> None:
    model = Model("Tomorrow is free.", " Shall I?")
    model.may_go_on.set()
    assert await heard(never_silent(model(), call_so_far(), CALM)) == ["Tomorrow is free.", " Shall I?"]


async def test_a_slow_model_is_covered_and_its_answer_follows() -> None:
    model = Model("Tomorrow is free.")
    said: list[Chunk] = []
    async with asyncio.timeout(IN_TIME):
        async for chunk in never_silent(model(), call_so_far(), IMPATIENT):
            said.append(chunk)
            model.may_go_on.set()
    assert said[0] == f"{FILLERS[0]} "
    assert isinstance(said[1], FlushSentinel), "it is spoken at once"
    assert said[-1] == "Tomorrow is free."


async def test_silence_counts_from_when_the_caller_fell_silent() -> None:
    """Listing tools, earlier steps and tools have taken their time; a filler must not wait for another full pause."""
    model = Model("Yes.")
    said = never_silent(model(), call_so_far(seconds_ago=2000.0), CALM)
    async with asyncio.timeout(IN_TIME):
        assert await anext(said) == f"{FILLERS[0]} "
    model.may_go_on.set()
    assert await heard(said) == ["Yes."]


async def test_a_model_that_never_answers_is_given_up_aloud_and_stopped() -> None:
    model = Model("Too late.")
    said = await heard(never_silent(model(), call_so_far(), SOON_OVER))
    assert said == [f"{FILLERS[0]} ", GIVING_UP]
    assert model.stopped


@pytest.mark.parametrize("lines", [(), ("Let me see.",)])
async def test_a_model_that_fails_is_told_of_and_its_words_are_in_no_log(lines: Sequence[str]) -> None:
    model = Model(*lines, error=APIConnectionError(SECRET))
    model.may_go_on.set()
    with structlog.testing.capture_logs() as logs:
        assert await heard(never_silent(model(), call_so_far(), CALM)) == [*lines, GIVING_UP]
    assert [entry["error_type"] for entry in logs] == ["APIConnectionError"]
    assert SECRET not in str(logs)


@pytest.mark.parametrize("deadlines", [CALM, SOON_OVER], ids=["fails", "hangs"])
async def test_a_booking_is_told_though_the_model_says_no_more(deadlines: Deadlines) -> None:
    history, told = call_so_far(), "It's booked: Maria Garcia, on Tuesday at 7 PM."
    receipt = json.dumps({"receipt": {"action": "booked", "speech": told}})
    history.items.append(llm.FunctionCallOutput(call_id="1", name="take_reservation", output=receipt, is_error=False))
    model = Model(error=APIConnectionError(SECRET))
    if deadlines is CALM:
        model.may_go_on.set()
    assert (await heard(never_silent(model(), history, deadlines)))[-1] == f"{told} {NOTHING_MORE}"


async def test_who_stops_listening_stops_the_model() -> None:
    model = Model("Too late.")
    said = never_silent(model(), call_so_far(), IMPATIENT)
    async with asyncio.timeout(IN_TIME):
        await anext(said)
        await said.aclose()
    assert model.stopped


def test_fillers_claim_nothing_and_hold_no_detail_that_could_be_agreed_to() -> None:
    for line in (*FILLERS, GIVING_UP, NOTHING_MORE):
        assert truthful(line, []) == line
        assert details(line) == set()
    assert [filler(number) for number in (0, 1, 7)] == [FILLERS[0], FILLERS[1], FILLERS[-1]]


@pytest.mark.parametrize("tool", ["calendar_list_events", "check_table"], ids=["found", "of a flow"])
async def test_a_slow_tool_is_covered_before_its_result_is_told(world: World, tool: str) -> None:
    model = ScriptedLLM("Hello.", Call(tool, {"when": "tomorrow at 7 pm"}), "It is free.")
    async with talking(world, model=model, deadlines=replace(PATIENCE, silence=0.01)) as talk:
        await talk.says("hello")
        await world.fault("GET */events", delay=1.0)
        assert await talk.says("is tomorrow at 7 free?") == f"{FILLERS[0]} It is free."


class Hanging(llm.LLM[Any]):
    """A model whose answer never comes."""

    def chat(self, *, chat_ctx: llm.ChatContext, tools: list[llm.Tool] | None = None, **rest: Any) -> llm.LLMStream:
        return _Never(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=rest["conn_options"])


class _Never(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.Event().wait()


async def test_in_a_call_a_model_that_hangs_is_covered_and_given_up_and_the_history_has_what_was_heard(world: World) -> None:  # fmt: skip
    async with talking(world, model=Hanging(), deadlines=replace(PATIENCE, silence=0.01, answer=0.1)) as talk:
        said = f"{FILLERS[0]} {GIVING_UP}"
        assert await talk.says("is anybody there?") == said
        assert talk.caller.session.history.messages()[-1].text_content == said
