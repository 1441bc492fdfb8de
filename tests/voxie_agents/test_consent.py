"""No model books without the caller's yes to exactly what was read back."""

from typing import Any

import pytest

from tests.fakes.scripted_llm import Call
from tests.voxie_agents.talk import scripted
from tests.world import World

pytestmark = [pytest.mark.needs_duckling, pytest.mark.asyncio(loop_scope="module")]

GIVEN: dict[str, Any] = {"party_size": 4, "when": "tomorrow at 7 pm", "name": "Maria Garcia", "phone": "555 0100"}
TAKE = Call("take_reservation", GIVEN)
READ_BACK = (
    "So that's for 4 people, tomorrow, Tuesday, November 24th at 7 PM, under Maria Garcia, phone number 555 0100. "
    "Is that right?"
)


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


async def test_the_first_call_answers_with_what_to_read_back_and_books_nothing(world: World) -> None:
    async with scripted(world) as model:
        (answer,) = await model.hears("book it, yes, yes!", TAKE, "Right.")
    assert answer == {"success": False, "state": "not confirmed", "speech": READ_BACK}
    assert await world.events() == []


async def test_a_yes_to_the_read_back_books_once_however_often_the_model_calls(world: World) -> None:
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, READ_BACK)
        first, second = await model.hears("yes please", TAKE, TAKE, "Right.")
    assert first["success"]
    assert second["event_id"] == first["event_id"]
    assert len(await world.events()) == 1


@pytest.mark.parametrize("words", ["hm", "yes but make it five", "no", "how far is it?", "tomorrow", "cancel it"])
async def test_what_is_no_yes_books_nothing(world: World, words: str) -> None:
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, READ_BACK)
        (answer,) = await model.hears(words, TAKE, "Right.")
    assert answer["state"] == "not confirmed"
    assert await world.events() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"party_size": 5},
        {"when": "tomorrow at 8 pm"},
        {"name": "Marta Garcia"},
        {"phone": "555 0199"},
        {"notes": "a cake"},
    ],
)
async def test_a_changed_argument_voids_the_yes(world: World, changed: dict[str, Any]) -> None:
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, READ_BACK)
        other, same = await model.hears("yes", Call("take_reservation", {**GIVEN, **changed}), TAKE, "Right.")
    assert other["state"] == "not confirmed"
    assert same["state"] == "not confirmed", "the yes was to something that has been replaced"
    assert await world.events() == []


@pytest.mark.parametrize(
    "said", ["Shall I book it?", READ_BACK.replace("4 people", "3 people"), READ_BACK.replace("7 PM", "8 PM"), READ_BACK.replace("7 PM", "7 AM"),
             READ_BACK.replace("555 0100", "555 0199"), READ_BACK[:60]],
)  # fmt: skip
async def test_a_yes_to_something_else_than_the_read_back_books_nothing(world: World, said: str) -> None:
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, said)
        (answer,) = await model.hears("yes", TAKE, "Right.")
    assert answer["state"] == "not confirmed"
    assert await world.events() == []


@pytest.mark.parametrize("seven", ["7 PM", "7 p.m.", "seven in the evening"])
async def test_a_read_back_in_other_words_will_do_if_it_says_everything(world: World, seven: str) -> None:
    said = (
        f"A table for four tomorrow, Tuesday, November 24th, at {seven} for Maria Garcia, on 555-0100. Shall I book it?"
    )
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, said)
        (answer,) = await model.hears("yes", TAKE, "Right.")
    assert answer["success"]


async def test_an_old_yes_serves_no_second_time(world: World) -> None:
    async with scripted(world) as model:
        await model.hears("tomorrow at 7 pm please", TAKE, READ_BACK)
        (booked,) = await model.hears("yes", TAKE, "Right.")
        cancel = Call("calendar_delete_event", {"event_id": booked["event_id"]})
        await model.hears("cancel it", "Shall I cancel it?")
        await model.hears("yes", cancel, "Right.")
        (again,) = await model.hears("yes", TAKE, "Right.")
    assert again["state"] == "not confirmed"
    assert await world.events() == []
