"""A tool that asks first runs only after the caller's yes, and a yes is good for one exact call, whichever model talks."""

from typing import Any

import pytest

from contracts.results import ErrorKind
from tests.fakes.scripted_llm import Call
from tests.voxie_agents.talk import Model, scripted
from tests.world import World

pytestmark = [pytest.mark.needs_duckling, pytest.mark.asyncio(loop_scope="module")]

BOOK = {"start": "2026-11-24T19:00", "end": "2026-11-24T20:00", "summary": "Maria"}
MARIA = "user:maria"
SHALL_I = "That is tomorrow at 7 PM. Shall I cancel it?"
OTHER = Call("calendar_delete_event", {"event_id": "vo0123"})


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


async def booked(world: World, *, caller: str = MARIA) -> dict[str, Any]:
    """The booking that somebody made in an earlier call."""
    async with world.caller(caller=caller) as before:
        return (await before.built.integration.call("calendar_create_event", BOOK)).data


def cancelling(booking: dict[str, Any], **more: str) -> Call:
    return Call("calendar_delete_event", {"event_id": booking["event_id"], **more})


async def cancelled(world: World, model: Model, words: str, *steps: Any) -> dict[str, Any]:
    """What the last tool call of a turn brought, and that the booking is there as long as it brought no receipt."""
    output = (await model.hears(words, *steps))[-1]
    assert bool(await world.events()) is not (output.get("receipt") is not None)
    return output


@pytest.mark.parametrize(
    "words", ["cancel my booking", "yes but not today", "hm", "no", "what is it called?", "how about tomorrow"]
)
async def test_without_a_yes_nothing_is_cancelled(world: World, words: str) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel my booking", SHALL_I)
        answer = await cancelled(world, model, words, cancel, "Right.")
    assert (answer["success"], answer["state"]) == (False, "not confirmed")


@pytest.mark.parametrize("words", ["yes", "yes please", "yes, cancel it"])
async def test_a_yes_to_a_question_cancels_once_however_often_the_model_calls(world: World, words: str) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel my booking", SHALL_I)
        first, second = await model.hears(words, cancel, cancel, "Right.")
    assert first["receipt"]["action"] == "cancelled"
    assert second["event_id"] == first["event_id"]


async def test_a_yes_to_no_question_is_none(world: World) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel my booking", "One moment.")
        assert (await cancelled(world, model, "okay", cancel, "Right."))["state"] == "not confirmed"


async def test_a_yes_is_to_one_call_and_not_to_another(world: World) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel my booking", SHALL_I)
        _, answer = await model.hears("yes", OTHER, cancel, "Right.")
    assert answer["state"] == "not confirmed"
    assert len(await world.events()) == 1


async def test_what_was_proposed_is_what_the_yes_is_to(world: World) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel something", OTHER, "Shall I cancel that?")
        assert (await cancelled(world, model, "yes", cancel, "Right."))["state"] == "not confirmed"


async def test_a_no_ends_what_was_agreed(world: World) -> None:
    cancel = cancelling(await booked(world))
    async with scripted(world, caller=MARIA) as model:
        await model.hears("cancel my booking", cancel, SHALL_I)
        await model.hears("no", "All right. Anything else?")
        assert (await cancelled(world, model, "hm", cancel, "Right."))["state"] == "not confirmed"


async def test_what_was_agreed_may_be_completed_by_the_code_that_proves_who_calls(world: World) -> None:
    booking = await booked(world, caller="tel:+15550100")
    async with scripted(world, caller="tel:+15550100") as model:
        await model.hears("cancel my booking", SHALL_I)
        refused = await cancelled(world, model, "yes", cancelling(booking), "Which code?")
        assert (refused["kind"], refused["field"]) == (ErrorKind.NOT_ALLOWED, "booking_code")
        code = booking["booking_code"]
        answer = await cancelled(world, model, code, cancelling(booking, booking_code=code), "Right.")
    assert answer["receipt"]["action"] == "cancelled"
