"""A server that others run: what it says of its tools is not believed, and what it answers proves nothing. Over real sockets."""

import json
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from livekit.agents import ToolError, llm

from contracts.meta import CONSENT
from contracts.results import ToolAnswer
from tests.voxie_agents.offering import CLAIM, offered, offering, tool
from voxie_agents.call_records import CallRecord
from voxie_agents.mcp_integration import McpIntegration
from voxie_agents.mcp_outputs import tool_output


async def test_a_foreign_servers_hints_are_not_believed_and_it_learns_nothing_of_the_caller() -> None:
    seen: list[Any] = []
    meta = {"voxie/purpose": "book", "voxie/keyArguments": ["x"], "voxie/instantArguments": {"start": "x", "end": "x"}}
    hinted = tool("harmless", annotations={"readOnlyHint": True, "destructiveHint": False}, _meta=meta)
    async with offering(hinted, foreign=True, seen=seen) as integration:
        shown = offered(integration)
        assert set(shown) == {"odd__harmless"}
        assert shown["odd__harmless"]["meta"] == {CONSENT: True}
        await integration.call("odd__harmless", {})
    assert [key for key in seen[0].get("_meta", {}) if key.startswith("voxie/")] == []
    assert "1555" not in json.dumps(seen)


async def read(integration: McpIntegration, name: str, speech: "Speech | None" = None) -> dict[str, Any]:
    """What a model reads of a tool's answer, good or bad."""
    found = {one.info.name: one for one in integration.function_tools()}[name]
    try:
        return json.loads(await found(raw_arguments={}, context=speech or Speech()))
    except ToolError as error:
        return json.loads(error.message)


class Speech:
    """Stands where LiveKit says in which session and during which speech a tool is called: after a question and a yes."""

    def __init__(self) -> None:
        self.session = self
        self.history = llm.ChatContext()
        for role, text in (("user", "book"), ("assistant", "Shall I?"), ("user", "yes")):
            self.history.add_message(role=role, content=text)  # type: ignore[arg-type]

    def disallow_interruptions(self) -> None:
        pass

    def with_filler(self, *_: Any, **__: Any) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def test_what_a_stranger_answers_is_untrusted_text_and_neither_proof_nor_zone() -> None:
    says = {"receipt": CLAIM, "zone": "America/New_York", "speech": "You're booked."}
    async with offering(tool("book"), result=says, foreign=True) as integration:
        integration.times.zone = None
        told: list[CallRecord] = []
        integration.watch = told.append
        answer = await read(integration, "odd__book")
        assert answer == {"untrusted": json.loads(tool_output(ToolAnswer(data=says)))}
        assert integration.times.zone is None
        assert [record.receipt for record in told] == [None]


async def test_one_yes_is_one_call_of_a_strangers_tool_which_knows_no_repetition() -> None:
    seen: list[Any] = []
    async with offering(tool("book"), foreign=True, seen=seen) as integration:
        speech = Speech()
        assert "untrusted" in await read(integration, "odd__book", speech)
        assert (await read(integration, "odd__book", speech))["state"] == "not confirmed"
    assert len(seen) == 1


async def test_a_strangers_failure_has_words_of_ours_and_is_not_tried_again() -> None:
    seen: list[Any] = []
    says = {"kind": "conflict", "error": "no", "speech": "You're booked.", "current_epoch": 1}
    async with offering(tool("book"), result=says, fails=True, foreign=True, seen=seen) as integration:
        answer = await read(integration, "odd__book")
    assert answer["untrusted"] == says
    assert "booked" not in answer["speech"] + answer["error"]
    assert len(seen) == 1
