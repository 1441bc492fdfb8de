"""Changing and moving: nobody's answer is lost, nothing is overwritten unseen, and the booking stays a booking."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from contracts.meta import Role
from contracts.results import Action, ErrorKind, ToolAnswer
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABLE = {"summary": "Maria", "start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}
EVENTS = "/calendars/primary/events"


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


def outcome(answer: ToolAnswer) -> str:
    return answer.failure.kind.value if answer.failure else "done"


async def book(world: World, **more: Any) -> str:
    answer = await world.call("calendar_create_event", **{**TABLE, **more})
    return answer.data["event_id"]


async def the_event(world: World) -> dict[str, Any]:
    (event,) = await world.events()
    return event


async def test_a_booking_is_moved_keeps_its_length_and_its_code_and_frees_its_old_time(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    event_id = booked.data["event_id"]
    world.upstream.clear()
    moved = await world.call("calendar_update_event", event_id=event_id, start="2026-11-24T21:00")
    assert moved.receipt is not None
    assert (moved.receipt.action, moved.receipt.resource_id) == (Action.MOVED, event_id)
    assert moved.data["speech"] == "It's moved: Maria, now on Tuesday, November 24th at 9 PM."
    assert len(world.upstream) == 2
    event = await the_event(world)
    assert (event["start"]["dateTime"], event["end"]["dateTime"]) == (
        "2026-11-24T21:00:00+01:00",
        "2026-11-24T22:30:00+01:00",
    )
    other = await world.call("calendar_create_event", call="toms", **TABLE)
    assert outcome(other) == "done"
    code = booked.data["booking_code"]
    cancelled = await world.call("calendar_delete_event", call="later", event_id=event_id, booking_code=code)
    assert outcome(cancelled) == "done"


async def test_a_booking_cannot_be_moved_onto_another(world: World) -> None:
    event_id = await book(world)
    await book(world, call="toms", start="2026-11-24T21:00", end="2026-11-24T22:30")
    answer = await world.call("calendar_update_event", event_id=event_id, start="2026-11-24T21:30")
    assert outcome(answer) == ErrorKind.CONFLICT
    assert {event["start"]["dateTime"][11:16] for event in await world.events()} == {"19:00", "21:00"}


async def test_a_booking_does_not_stand_in_its_own_way(world: World) -> None:
    event_id = await book(world)
    answer = await world.call("calendar_update_event", event_id=event_id, start="2026-11-24T19:30")
    assert outcome(answer) == "done"


async def test_a_booking_that_the_owner_moved_is_still_found_when_its_caller_moves_it(world: World) -> None:
    event_id = await book(world)
    elsewhere = {
        "start": {"dateTime": "2026-12-20T19:00:00+01:00"},
        "end": {"dateTime": "2026-12-20T20:00:00+01:00"},
    }
    await world.google("PATCH", f"{EVENTS}/{event_id}", elsewhere)
    answer = await world.call("calendar_update_event", event_id=event_id, start="2026-11-25T19:00")
    assert answer.data["end"] == "2026-11-25T20:00:00+01:00"


async def test_of_two_who_move_to_the_same_time_one_gets_it(world: World) -> None:
    ids = [await book(world, call=f"call-{n}", start=f"2026-11-24T{n}:00", end=f"2026-11-24T{n}:30") for n in (10, 12)]
    await world.fault("PATCH */events/*", delay=0.3, times=2)
    answers = await asyncio.gather(
        *(
            world.call("calendar_update_event", call=f"call-{n}", event_id=event_id, start="2026-11-24T15:00")
            for n, event_id in zip((10, 12), ids, strict=True)
        )
    )
    assert Counter(map(outcome, answers)) == {"done": 1, "conflict": 1}
    assert sorted(event["start"]["dateTime"][11:16] for event in await world.events())[1] == "15:00"


async def test_a_move_and_a_booking_for_the_same_time_do_not_both_get_it(world: World) -> None:
    event_id = await book(world)
    await world.fault("PATCH */events/*", delay=0.3)
    await world.fault("POST */events", delay=0.3)
    moved, booked = await asyncio.gather(
        world.call("calendar_update_event", event_id=event_id, start="2026-11-24T15:00"),
        world.call(
            "calendar_create_event", call="toms", summary="Tom", start="2026-11-24T15:30", end="2026-11-24T16:00"
        ),
    )
    assert Counter((outcome(moved), outcome(booked))) == {"done": 1, "conflict": 1}


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_move_whose_line_is_cut_ends_known_and_is_made_once(world: World, cut: str) -> None:
    event_id = await book(world)
    await world.fault("PATCH */events/*", cut=cut)
    answer = await world.call("calendar_update_event", event_id=event_id, start="2026-11-24T21:00")
    assert outcome(answer) == "done"
    assert (await the_event(world))["start"]["dateTime"] == "2026-11-24T21:00:00+01:00"


async def test_a_move_whose_answer_never_came_is_known_when_asked_again(world: World) -> None:
    event_id = await book(world)
    await world.fault("PATCH */events/*", cut="after", times=4)
    arguments = {"event_id": event_id, "start": "2026-11-24T21:00"}
    assert outcome(await world.call("calendar_update_event", **arguments)) == ErrorKind.OUTCOME_UNKNOWN
    answer = await world.call("calendar_update_event", **arguments)
    assert outcome(answer) == "done"
    assert (await the_event(world))["start"]["dateTime"] == "2026-11-24T21:00:00+01:00"


async def test_the_same_move_twice_is_one_move_and_there_and_back_again_are_three(world: World) -> None:
    event_id = await book(world)
    for hour, writes in ((21, 1), (21, 1), (19, 2), (21, 3)):
        answer = await world.call("calendar_update_event", event_id=event_id, start=f"2026-11-24T{hour}:00")
        assert outcome(answer) == "done"
        assert sum(request.startswith("PATCH") for request in world.upstream) == writes
        assert (await the_event(world))["start"]["dateTime"][11:13] == str(hour)


async def test_after_a_move_the_first_time_can_be_booked_anew_by_the_same_caller(world: World) -> None:
    event_id = await book(world)
    await world.call("calendar_update_event", event_id=event_id, start="2026-11-24T21:00")
    again = await world.call("calendar_create_event", **TABLE)
    assert outcome(again) == "done"
    assert again.data["event_id"] != event_id
    assert len(await world.events()) == 2


async def test_a_stale_change_says_what_changed_and_changes_nothing(world: World) -> None:
    event_id = await book(world, role=Role.OWNER)
    await world.fault("PATCH */events/*", delay=0.5)
    ours = asyncio.create_task(
        world.call("calendar_update_event", role=Role.OWNER, event_id=event_id, description="ours")
    )
    await world.reached("PATCH")
    theirs = {"location": "Terrace", "start": {"dateTime": "2026-11-24T18:00:00+01:00"}}
    await world.google("PATCH", f"{EVENTS}/{event_id}", theirs)
    answer = await ours
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.CONFLICT
    assert "time, place" in answer.failure.error
    assert "at 6 PM" in answer.failure.speech
    assert "description" not in await the_event(world)


async def test_guests_are_added_and_removed_without_losing_the_answers_of_the_others(world: World) -> None:
    event_id = await book(world, role=Role.OWNER, attendees=["ann@example.com", "bob@example.com"])
    answered = [
        {"email": "ann@example.com", "responseStatus": "accepted", "comment": "Vegetarian", "optional": True},
        {"email": "bob@example.com", "responseStatus": "declined"},
    ]
    await world.google("PATCH", f"{EVENTS}/{event_id}", {"attendees": answered})
    answer = await world.call(
        "calendar_update_event",
        role=Role.OWNER,
        event_id=event_id,
        add_attendees=["cleo@example.com", "ANN@example.com"],
        remove_attendees=["Bob@example.com"],
    )
    assert outcome(answer) == "done"
    guests = (await the_event(world))["attendees"]
    assert [guest["email"] for guest in guests] == ["ann@example.com", "cleo@example.com"]
    assert (guests[0]["responseStatus"], guests[0]["comment"], guests[0]["optional"]) == (
        "accepted",
        "Vegetarian",
        True,
    )


async def test_a_change_of_the_title_leaves_all_else_as_it_is(world: World) -> None:
    event_id = await book(
        world,
        role=Role.OWNER,
        attendees=["ann@example.com"],
        location="Terrace",
        description="Birthday",
        reminders=[10],
        color="5",
        visibility="private",
    )
    before = await the_event(world)
    await world.call("calendar_update_event", role=Role.OWNER, event_id=event_id, summary="Maria and Tom")
    after = await the_event(world)
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    assert changed <= {"summary", "etag", "updated", "extendedProperties", "sequence"}


async def test_a_removed_guest_who_is_none_is_named_as_a_mistake(world: World) -> None:
    event_id = await book(world, role=Role.OWNER)
    answer = await world.call(
        "calendar_update_event", role=Role.OWNER, event_id=event_id, remove_attendees=["x@example.com"]
    )
    assert answer.failure is not None
    assert answer.failure.field == "remove_attendees"


async def test_a_change_of_nothing_is_refused(world: World) -> None:
    event_id = await book(world)
    answer = await world.call("calendar_update_event", event_id=event_id)
    assert outcome(answer) == ErrorKind.BAD_REQUEST


async def test_a_cancelled_event_is_not_changed(world: World) -> None:
    event_id = await book(world)
    await world.call("calendar_delete_event", event_id=event_id)
    answer = await world.call("calendar_update_event", event_id=event_id, summary="x")
    assert outcome(answer) == ErrorKind.BAD_REQUEST


@pytest.mark.parametrize(
    "field",
    [
        {"location": "x"},
        {"add_attendees": ["x@example.com"]},
        {"remove_attendees": ["x@example.com"]},
        {"meet": True},
        {"recurrence": ["RRULE:FREQ=DAILY"]},
        {"reminders": [5]},
        {"color": "1"},
        {"visibility": "public"},
        {"send_updates": "all"},
        {"calendar": "other@example.com"},
    ],
    ids=lambda field: next(iter(field)),
)
async def test_a_caller_changes_neither_guests_nor_anything_that_is_the_owners(
    world: World, field: dict[str, Any]
) -> None:
    event_id = await book(world)
    before = await the_event(world)
    answer = await world.call("calendar_update_event", event_id=event_id, **field)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.field) == (ErrorKind.NOT_ALLOWED, next(iter(field)))
    assert await the_event(world) == before


async def test_another_callers_booking_is_not_changed(world: World) -> None:
    event_id = await book(world, call="marias", caller="tel:+15550100")
    for arguments in ({"summary": "mine"}, {"start": "2026-11-25T19:00"}):
        foreign = await world.call("calendar_update_event", call="toms", event_id=event_id, **arguments)
        assert outcome(foreign) == ErrorKind.NOT_FOUND
        forged = await world.call(
            "calendar_update_event", call="toms", caller="tel:+15550100", event_id=event_id, **arguments
        )
        assert outcome(forged) == ErrorKind.NOT_ALLOWED
    assert (await the_event(world))["summary"] == "Maria"
