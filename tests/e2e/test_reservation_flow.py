"""A caller asks the restaurant for a table, over every wire that there is."""

import asyncio

import pytest

from tests.patience import SECONDS
from tests.world import HOOK, ZONE, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOKING = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


async def test_a_caller_books_a_table_and_it_is_really_booked(world: World) -> None:
    async with world.caller() as maria:
        answer = await maria.says(*BOOKING)
    (event,) = await world.events()
    assert event["start"] == {"dateTime": "2026-11-24T19:00:00+01:00", "timeZone": ZONE}
    assert "Maria Garcia" in event["summary"]
    assert "4" in event["summary"]
    assert answer.startswith("It's booked: Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM.")


@pytest.mark.needs_zapier
async def test_the_business_is_told_of_a_booking_once(world: World) -> None:
    async with world.caller() as maria:
        await maria.says(*BOOKING)
    (delivery,) = await world.deliveries()
    body = delivery["body"]
    assert delivery["hook"] == HOOK
    assert (body["name"], body["party_size"], body["phone"]) == ("Maria Garcia", 4, "555 0100")
    assert body["start"] == "2026-11-24T19:00:00+01:00"


async def test_a_second_caller_is_refused_the_same_hour_and_offered_another(world: World) -> None:
    async with world.caller() as maria, world.caller() as tom:
        await maria.says(*BOOKING)
        answer = await tom.says("a table for two tomorrow at 7 pm please")
        assert "already taken" in answer
        assert "8:30 PM" in answer
        booked = await tom.says("8:30 then", "Tom Baker", "555 0199", "yes")
    assert booked.startswith("It's booked: Tom Baker")
    assert [event["start"]["dateTime"][11:16] for event in await world.events()] == ["19:00", "20:30"]


async def test_two_callers_who_both_heard_that_it_is_free_do_not_both_get_it(world: World) -> None:
    async with world.caller() as maria, world.caller() as tom:
        await maria.says(*BOOKING[:3])
        await tom.says("a table for two tomorrow at 7 pm", "Tom Baker", "555 0199")
        assert "It's booked" in await maria.says("yes")
        answer = await tom.says("yes")
    assert "already taken" in answer
    assert len(await world.events()) == 1


async def test_book_cancel_and_book_again_ends_with_one_event(world: World) -> None:
    async with world.caller() as maria:
        await maria.says(*BOOKING)
        assert "cancelled" in await maria.says("I need to cancel it", "yes")
        assert await world.events() == []
        assert "It's booked" in await maria.says(*BOOKING)
    assert len(await world.events()) == 1


async def test_a_caller_who_rings_back_books_anew_what_was_cancelled_by_them_and_then_by_the_owner(
    world: World,
) -> None:
    async with world.caller(caller="user:ana") as ana:
        await ana.says(*BOOKING)
        await ana.says("I need to cancel it", "yes")
        await ana.says(*BOOKING)
    (event,) = await world.events()
    await world.google("DELETE", f"/calendars/primary/events/{event['id']}")
    # A fresh promise counts longer than Google's list may lag.
    world.clock.advance(minutes=3)
    async with world.caller(caller="user:ana") as ana:
        assert "It's booked" in await ana.says(*BOOKING)
    assert len(await world.events()) == 1


async def test_a_caller_who_rings_back_does_not_book_twice(world: World) -> None:
    for _ in range(2):
        async with world.caller(caller="tel:+15550100") as maria:
            await maria.says("what are my bookings?")
            answer = await maria.says(*BOOKING)
    del answer
    assert len(await world.events()) == 1


@pytest.mark.needs_zapier
async def test_without_zapier_the_booking_stands_and_nothing_is_said_to_be_sent(own_world: World) -> None:
    assert own_world.zapier is not None
    await own_world.zapier.stop()
    async with own_world.caller() as maria:
        answer = await maria.says(*BOOKING)
    assert answer.startswith("It's booked")
    assert "has not been sent" in answer
    assert "will be" not in answer
    assert len(await own_world.events()) == 1


@pytest.mark.needs_zapier
async def test_a_zap_that_answers_an_error_does_not_undo_the_booking(world: World) -> None:
    await world.fault("POST /hooks/*", status=400, times=5)
    async with world.caller() as maria:
        answer = await maria.says(*BOOKING)
    assert "It's booked" in answer
    assert "has not been sent" in answer
    assert await world.deliveries() == []


@pytest.mark.needs_zapier
async def test_a_zap_whose_answer_was_lost_is_neither_claimed_nor_sent_again(world: World) -> None:
    await world.fault("POST /hooks/*", cut="after")
    async with world.caller() as maria:
        answer = await maria.says(*BOOKING)
    assert "It's booked" in answer
    assert "couldn't confirm that the team has been notified" in answer
    assert len(await world.deliveries()) == 1


@pytest.mark.needs_zapier
async def test_a_zapier_server_that_is_lost_midway_casts_no_doubt_on_the_booking(own_world: World) -> None:
    assert own_world.zapier is not None
    port = own_world.zapier.port
    async with own_world.caller() as maria:
        await maria.says(*BOOKING[:3])
        await own_world.zapier.stop()
        async with await asyncio.start_server(_take_and_hang_up, "127.0.0.1", port):
            answer = await maria.says("yes")
    assert answer.startswith("It's booked")
    assert "I couldn't confirm that the team has been notified." in answer
    assert "count on it" not in answer


async def _take_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


@pytest.mark.needs_zapier
async def test_a_zap_that_is_busy_gets_the_notification_later_and_it_is_not_said_to_be_sent(world: World) -> None:
    await world.fault("POST /hooks/*", status=429, headers={"retry-after": "60"})
    async with world.caller() as maria:
        answer = await maria.says(*BOOKING)
        assert answer.startswith("It's booked")
        assert "The notification is saved, but Zapier hasn't taken it yet." in answer
        assert await world.deliveries() == []
        world.clock.advance(seconds=62)
        async with asyncio.timeout(SECONDS):
            while True:
                if arrived := await world.deliveries():
                    break
                await asyncio.sleep(0.05)
    assert len(arrived) == 1


async def test_without_the_calendar_nothing_is_booked_and_it_works_again_afterwards(own_world: World) -> None:
    assert own_world.calendar is not None
    port = own_world.calendar.port
    await own_world.calendar.stop()
    async with own_world.caller() as maria:
        answer = await maria.says(BOOKING[0])
        assert "can't book now" in answer
        assert "nothing has been booked" in answer
        await own_world.start_calendar(port=port)
        assert "is free" in await maria.says(BOOKING[0])
        assert "It's booked" in await maria.says(*BOOKING[1:])
    assert len(await own_world.events()) == 1


async def test_a_calendar_that_stops_before_the_yes_books_nothing(own_world: World) -> None:
    assert own_world.calendar is not None
    async with own_world.caller() as maria:
        await maria.says(*BOOKING[:3])
        await own_world.calendar.stop()
        answer = await maria.says("yes")
    assert "can't book" in answer
    assert await own_world.events() == []


@pytest.mark.parametrize("route", ["GET */events", "POST */events"])
async def test_a_calendar_that_answers_503_once_books_once(world: World, route: str) -> None:
    async with world.caller() as maria:
        await maria.says(*BOOKING[:3])
        await world.fault(route, status=503)
        answer = await maria.says("yes")
    assert "It's booked" in answer
    assert len(await world.events()) == 1


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_line_that_is_cut_around_the_commit_leaves_one_known_booking(world: World, cut: str) -> None:
    async with world.caller() as maria:
        await maria.says(*BOOKING[:3])
        await world.fault("POST */events", cut=cut)
        answer = await maria.says("yes")
    assert "It's booked" in answer
    assert len(await world.events()) == 1


async def test_opening_hours_are_told_when_the_wished_time_is_outside_them(world: World) -> None:
    async with world.caller() as maria:
        answer = await maria.says("a table for two tomorrow at 10 am")
    assert "from 11:30 AM to 10:30 PM" in answer
    assert await world.events() == []
