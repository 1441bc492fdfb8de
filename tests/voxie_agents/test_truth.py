"""A lying model never gets a claim through that no receipt proves."""

from collections.abc import Sequence
from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from contracts.results import Action
from tests.voxie_agents.talk import claims
from tests.world import World
from voxie_agents.truth import Proof, truthful

LIES = [
    "Your table is booked.",
    "You're all set for tomorrow at 7 PM!",
    "I've reserved a table for four.",
    "Great, I have made the reservation.",
    "Done, your booking has been confirmed.",
    "Okay, we'll see you tomorrow at seven.",
    "Perfect, you're down for Friday at eight.",
    "Your appointment has been scheduled.",
    "I've put you in the diary.",
    "I've gone ahead and cancelled your booking.",
    "Your reservation has been canceled.",
    "I moved it to eight.",
    "I have rescheduled your appointment to Friday.",
    "I've sent you a confirmation.",
    "The team has been notified.",
    "I emailed the manager.",
    "Nothing is wrong, and your table is booked.",
    "I just made your reservation.",
    "I have gone ahead and made that booking.",
    "Your reservation went through.",
    "You now have a table for two.",
    "Your spot is saved.",
    "Your slot is locked in.",
    "We have you down for seven.",
    "It's done.",
    "Done!",
    "That's taken care of.",
    "You're good to go for Friday at 7 PM.",
    "Your booking is gone.",
    "I've taken you off the list.",
    "I've pushed it to eight.",
    "It has been shifted to 8 PM.",
    "I messaged the team.",
    "The team has been told.",
    "I've passed it on to the kitchen.",
]
HARMLESS = [
    "Shall I book it?",
    "Is that right?",
    "So nothing has been booked.",
    "I'm sorry, 7 PM is already taken.",
    "We're fully booked tomorrow.",
    "What name should the booking be under?",
    "The notification to the team has not been sent.",
    "I can check a time, make a booking, or cancel one.",
    "Tomorrow at 7 PM is free.",
    "When we're done here, I'll read it back.",
    "As I told you, Friday is busy.",
    "You have a booking on Friday at 7 PM.",
    "I am open for 2 people.",
]
RECEIPT = Proof(Action.BOOKED, "It's booked: Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM.")


@pytest.mark.parametrize("line", LIES)
def test_a_claim_without_a_receipt_is_replaced_by_the_truth(line: str) -> None:
    said = truthful(line, [])
    assert said != line
    assert "so far" in said
    assert not claims(said)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_claims_nothing_is_said_as_it_is(line: str) -> None:
    assert truthful(line, []) == line


@pytest.mark.parametrize(
    "line",
    [
        RECEIPT.speech,
        "You're booked for Tuesday at 7 PM.",
        "You're booked for Tuesday at 7:00 in the evening.",
        "Your table for four is booked.",
        "You're booked under Maria.",
        "It's booked under the name of Garcia, for Tuesday.",
        "It's done.",
    ],
)
def test_a_claim_that_a_receipt_proves_is_said(line: str) -> None:
    assert truthful(line, [RECEIPT]) == line


@pytest.mark.parametrize(
    "line",
    [
        "You're booked for Tuesday at 8 PM.",
        "You're booked for Tuesday at 7 AM.",
        "You're booked for Tuesday at 7 in the morning.",
        "You're booked for Tuesday at 7 a.m., Maria.",
        "Your table for five is booked.",
        "You're booked under Tom Baker.",
        "It's booked under the name of Garcia Lopez, for Tuesday.",
        "It's booked for Friday at 7 PM.",
    ],
)
def test_a_claim_that_differs_from_the_receipt_is_replaced_by_the_receipt(line: str) -> None:
    assert truthful(line, [RECEIPT]) == RECEIPT.speech


def test_a_receipt_for_one_action_proves_no_other() -> None:
    assert truthful("I've cancelled your booking.", [RECEIPT]) != "I've cancelled your booking."


class Liar(llm.LLM[Any]):
    """A model that says one thing, word by word, and calls nothing."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Sequence[llm.Tool] | None = None, **rest: Any) -> llm.LLMStream:
        conn = rest.get("conn_options", DEFAULT_API_CONNECT_OPTIONS)
        return _Said(self, chat_ctx=chat_ctx, tools=list(tools or []), conn_options=conn)


class _Said(llm.LLMStream):
    async def _run(self) -> None:
        for word in self._llm.line.split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id="x", delta=delta))


async def test_a_lying_model_is_corrected_in_the_session_and_in_its_history(world: World) -> None:
    async with world.caller(
        model=Liar("Lovely. Your table for four is booked for tomorrow at 7 PM. Anything else?")
    ) as maria:
        said = await maria.says("a table for four tomorrow at 7 pm")
    assert said.split() == [
        "Lovely.",
        "To",
        "be",
        "clear,",
        "nothing",
        "has",
        "been",
        "booked",
        "so",
        "far.",
        "Anything",
        "else?",
    ]
    assert await world.events() == []
