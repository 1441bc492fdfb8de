"""Callers correct themselves, change their minds, and say things that answer nothing."""

import pytest

from tests.voxie_agents.talk import Talk, talking
from tests.world import World

pytestmark = [pytest.mark.needs_duckling, pytest.mark.asyncio(loop_scope="module")]

ASK = "I'd like a table for four tomorrow at 7 pm"
MARIA = (ASK, "Maria Garcia", "555 0100")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


DIALOGUES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "another number while the name is asked": (
        (ASK, "no, make it five", "how many people", "Maria Garcia", "555 0100", "yes"), "Maria Garcia, party of 5 at 19:00"),
    "the hour, by what it is not": ((ASK, "sorry, 8 not 7", *MARIA[1:], "yes"), "Maria Garcia, party of 4 at 20:00"),
    "the count, by what it is not": ((*MARIA, "no, six not four", "yes"), "Maria Garcia, party of 6 at 19:00"),
    "the hour after the read-back": ((*MARIA, "sorry, not 7, 8", "yes"), "Maria Garcia, party of 4 at 20:00"),
    "a number alone, then of what": ((*MARIA, "no, six", "the time", "yes"), "Maria Garcia, party of 4 at 18:00"),
    "the name, a question later": ((ASK, "Ana Ruiz", "sorry, Ana Diaz", "555 0100", "yes"), "Ana Diaz, party of 4 at 19:00"),
    "a wish is kept": ((*MARIA[:2], "555 0100, and we need a high chair", "yes"), "Maria Garcia, party of 4 at 19:00"),
    "spelled, with marks and escapes": (
        ("a table\x07 for four \x1b[31mtomorrow at 7 pm\x1b[0m", "J O S E", "555\t0100", "yes"), "Jose, party of 4 at 19:00"),
    "a name with a picture": ((ASK, "Maria 😀 Garcia", "555 0100", "yes"), "Maria Garcia, party of 4 at 19:00"),
    "opening hours at the read-back change nothing": (
        (*MARIA, "are you open on Sunday?", "yes"), "Maria Garcia, party of 4 at 19:00"),
    "booked, cancelled and booked again": (
        (*MARIA, "yes", "cancel my booking", "yes", "book it again", "yes"), "Maria Garcia, party of 4 at 19:00"),
    "booked again for another time": (
        (*MARIA, "yes", "cancel it", "yes, cancel it", "book it again at 8:30", "yes"), "Maria Garcia, party of 4 at 20:30"),
    "cancel it, at a read-back": ((*MARIA, "cancel it", "yes"), None),
    "forget it": ((*MARIA, "no, I changed my mind, forget it", "yes"), None),
    "nothing to change": ((*MARIA, "no", "nothing", "yes"), None),
    "a yes to the second thought": ((*MARIA, "no, I changed my mind, make it five people"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
async def test_what_is_booked_is_what_the_caller_came_to(world: World, name: str) -> None:
    turns, meant = DIALOGUES[name]
    async with talking(world) as caller:
        await caller.says(*turns)
    events = [f"{event['summary']} at {event['start']['dateTime'][11:16]}" for event in await world.events()]
    assert events == ([meant] if meant else [])


async def after(world: World, *turns: str) -> str:
    """What is said last."""
    async with talking(world) as caller:
        return await caller.says(*turns)


async def test_a_wish_is_read_back_and_stands_in_the_booking(world: World) -> None:
    async with talking(world) as caller:
        assert "with the note: a high chair" in await caller.says(
            ASK, "Jo Smith, we need a high chair", "Jo Smith", "555 0100"
        )
        await caller.says("yes")
    (event,) = await world.events()
    assert "Notes: a high chair" in event["description"]


async def test_a_party_that_is_too_large_is_refused_before_anything_else_is_asked(world: World) -> None:
    async with talking(world) as caller:
        line = await caller.says("a table for 40 tomorrow at 7 pm")
        assert line == "I'm sorry, I can only book for up to 8 people. For how many people?"
        assert "7 PM is free" in await caller.says("8 people then")


@pytest.mark.parametrize("answer", ["none of those", "no"])
async def test_who_wants_none_of_the_offers_is_asked_for_another_time(world: World, answer: str) -> None:
    await after(world, *MARIA, "yes")
    assert await after(world, ASK, answer) == "All right. Which other day or time would suit you?"


async def test_a_yes_is_no_time(world: World) -> None:
    async with talking(world) as caller:
        await caller.says("a table for two", "yes please")
        assert caller.used("check_table") == []
        assert caller.line.startswith("Sorry, I didn't get that. For which day and time?")


async def test_a_question_is_asked_again_without_what_went_before_it(world: World) -> None:
    line = await after(world, ASK, "hm hm hm hm hm hm")
    assert line == "Sorry, I didn't get that. What name should I put it under? For example: Maria Garcia."


async def test_no_to_whether_there_is_anything_else_ends_the_call(world: World) -> None:
    assert await after(world, *MARIA, "yes", "no thanks") == "Thank you for calling. Goodbye!"


async def test_who_leaves_after_one_booking_hears_that_nothing_more_is_booked(world: World) -> None:
    line = await after(world, *MARIA, "yes", "and a table for two on Saturday at 8 pm", "sorry I have to go, bye")
    assert line == "I haven't booked anything more. Thank you for calling. Goodbye!"


async def test_a_booking_is_not_said_to_be_movable(world: World) -> None:
    async with talking(world) as caller:
        assert "can't move a booking" in await caller.says(*MARIA, "yes", "can you move it to 8:30?")
        assert "Shall I cancel it?" in await caller.says("yes")
    assert len(await world.events()) == 1


@pytest.mark.parametrize("again", ["yes please", "try again", "yes"])
async def test_a_failed_check_is_tried_again_at_a_yes(world: World, again: str) -> None:
    async with talking(world) as caller:
        await caller.says("hello", "a table for four")
        await world.fault("POST */freeBusy", status=404, times=9)
        await world.fault("GET */events", status=404, times=9)
        assert "Shall I try again?" in await caller.says("tomorrow at 7 pm")
        await world.mend()
        assert "7 PM is free" in await caller.says(again)
    assert [use.arguments["when"] for use in caller.used("check_table")] == ["tomorrow at 7 pm"] * 2


async def test_a_booking_of_unknown_outcome_is_not_denied_and_can_be_settled(world: World) -> None:
    async with talking(world) as caller:
        await caller.says(*MARIA)
        await world.fault("POST */events", cut="after")
        await world.fault("GET */events/*", status=503, times=99)
        assert caller.line.endswith("Is that right?")
        assert "Shall I check whether it did?" in await caller.says("yes")
        assert "haven't booked" not in await caller.says("bye")
        await world.mend()
        assert "It's booked" in await caller.says("book it", "yes")
    assert len(await world.events()) == 1


async def test_a_surname_may_be_a_number(world: World) -> None:
    line = await after(world, "a table for two tomorrow at 7 pm, my name is Ann Seven, phone 555 0105")
    assert "under Ann Seven" in line


async def test_a_turn_of_many_thousand_characters_costs_no_silence(world: World) -> None:
    talk: Talk
    async with talking(world) as talk:
        await talk.says("a table for two tomorrow at 7 pm " + "and more " * 5000, "Jo Smith", "555 0100")
    assert talk.line.endswith("Is that right?")
