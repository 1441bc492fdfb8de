"""Callers of every kind talk to the restaurant through the real session; each line of the agent is checked for false claims."""

import random

import pytest

from tests.voxie_agents.talk import talking
from tests.world import World

pytestmark = [pytest.mark.needs_duckling, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


ASK = "I'd like a table for four tomorrow at 7 pm"
MARIA = (ASK, "Maria Garcia", "555 0100")
ALL = "A table for four tomorrow at 7 pm, my name is Maria Garcia, my number is 555 0100"


async def booked(world: World) -> list[tuple[str, str]]:
    return [(event["summary"], event["start"]["dateTime"][:16]) for event in await world.events()]


SEVEN = [("Maria Garcia, party of 4", "2026-11-24T19:00")]

DIALOGUES: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "all in one sentence": ((ALL, "yes"), SEVEN),
    "one thing at a time": (("a table please", "four", "tomorrow", "seven in the evening", "Maria Garcia", "555 0100", "yes"), SEVEN),
    "the time is changed midway": (
        ("a table for four tomorrow at 6", "Maria Garcia", "actually make it tomorrow at 7 pm", "555 0100", "yes"), SEVEN),
    "the count is corrected after the read-back": ((*MARIA, "no, five people", "yes"), [("Maria Garcia, party of 5", "2026-11-24T19:00")]),
    "the time is corrected after the read-back": ((*MARIA, "no, at eight", "yes"), [("Maria Garcia, party of 4", "2026-11-24T20:00")]),
    "a yes with a change is no yes": ((*MARIA, "yes but make it five people"), []),
    "a no books nothing": ((*MARIA, "no"), []),
    "a no, and then what is wrong": ((*MARIA, "no", "five people", "yes"), [("Maria Garcia, party of 5", "2026-11-24T19:00")]),
    "what is wrong is named first": ((*MARIA, "no, the name", "Marta Lopez", "yes"), [("Marta Lopez, party of 4", "2026-11-24T19:00")]),
    "a number that may be people or hours is asked about": ((*MARIA, "no, five", "five people", "yes"), [("Maria Garcia, party of 5", "2026-11-24T19:00")]),
    "the wrong order": (("my name is Maria Garcia", "555 0100", "tomorrow at 7 pm", "four people", "yes"), SEVEN),
    "silences": (("", ASK, "", "Maria Garcia", "555 0100", "", "yes"), SEVEN),
    "gibberish": (("xqz blorp", ASK, "Maria Garcia", "blorp xqz qqq zzz www vvv", "555 0100", "yes"), SEVEN),
    "a question in between": ((ASK, "what are your opening hours?", "Maria Garcia", "555 0100", "yes"), SEVEN),
    "closed then": (("a table for two tomorrow at 10 am", "yes"), []),
    "in the past": (("a table for two yesterday at 8 pm", "yes"), []),
    "too many": (("a table for fifty tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes"), []),
    "goodbye midway": ((*MARIA, "goodbye"), []),
    "a yes to nothing": (("yes", "yes please", "book it"), []),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
async def test_a_dialogue_ends_with_the_booking_that_the_caller_meant(world: World, name: str) -> None:
    turns, events = DIALOGUES[name]
    async with talking(world) as maria:
        await maria.says(*turns)
    assert await booked(world) == events
    assert all(turn.line for turn in maria.turns)


async def test_the_first_line_says_that_it_is_the_demo_brain(world: World) -> None:
    async with world.caller() as maria:
        assert "offline demo brain" in maria.built.agent.first_line


async def test_opening_hours_are_told_and_the_open_question_is_asked_again(world: World) -> None:
    async with talking(world) as maria:
        line = await maria.says(ASK, "what are your opening hours?")
    assert "from 11:30 AM to 10:30 PM" in line
    assert line.endswith("?")


async def test_a_fact_that_nobody_knows_is_not_made_up(world: World) -> None:
    async with talking(world) as maria:
        assert "don't know that" in await maria.says("do you have a swimming pool?")


async def test_a_taken_time_is_answered_with_another_that_can_be_taken(world: World) -> None:
    async with talking(world) as maria, talking(world) as tom:
        await maria.says(*MARIA, "yes")
        assert "already taken" in await tom.says("a table for two tomorrow at 7 pm")
        await tom.says("8:30", "Tom Baker", "555 0199", "yes")
    assert len(await booked(world)) == 2


async def test_a_caller_hears_and_cancels_their_own_booking(world: World) -> None:
    async with talking(world) as maria:
        await maria.says(*MARIA, "yes")
        assert "Tuesday, November 24th" in await maria.says("what are my bookings?")
        await maria.says("cancel my booking")
        assert len(await booked(world)) == 1
        await maria.says("no")
        assert len(await booked(world)) == 1
        await maria.says("cancel my booking", "yes")
    assert await booked(world) == []


async def test_a_stranger_finds_nothing_to_cancel(world: World) -> None:
    async with talking(world, caller="tel:+15550100") as maria, talking(world, caller="tel:+15550199") as tom:
        await maria.says(*MARIA, "yes")
        assert "no booking of yours" in await tom.says("cancel Maria Garcia's booking")
        assert "Maria" not in await tom.says("what are my bookings?")
    assert await booked(world) == SEVEN


async def test_a_goodbye_before_the_yes_says_that_nothing_is_booked(world: World) -> None:
    async with talking(world) as maria:
        assert "haven't booked" in await maria.says(*MARIA, "goodbye")


async def test_the_read_back_says_everything_with_weekday_and_date(world: World) -> None:
    async with talking(world) as maria:
        line = await maria.says(*MARIA[:2], "5550100")
    for said in ("4 people", "tomorrow, Tuesday, November 24th at 7 PM", "Maria Garcia", "555 0100"):
        assert said in line


SHUFFLED = [
    ASK, "yes", "no", "Maria Garcia", "555 0100", "tomorrow at eight", "five people", "cancel it", "what are my bookings?",
    "", "asdf", "when do you open?", "the first one", "yes but make it eight", "Saturday", "goodbye", "no, five", "not tomorrow",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_nothing_is_booked_without_a_yes_to_exactly_that(world: World, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    async with talking(world) as caller:
        await caller.says(*(rng.choice(SHUFFLED) for _ in range(14)))
    for before, turn in zip(caller.turns, caller.turns[1:], strict=False):
        for use in turn.uses:
            if use.tool == "take_reservation" and use.receipt is not None:
                assert turn.words == "yes"
                assert before.line.endswith("Is that right?")
                assert use.arguments["name"] in before.line
                assert f"for {use.arguments['party_size']} people" in before.line
