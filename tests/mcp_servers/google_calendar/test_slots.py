"""Offering, choosing and taking slots, by the rules of the connection."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.hours import OpeningHours, OpenPeriod
from contracts.meta import Role
from contracts.results import ErrorKind, ToolAnswer
from tests.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY = {"start": "2026-11-24T09:00", "end": "2026-11-24T21:00"}
TEN = {"start": "2026-11-24T10:00", "end": "2026-11-24T10:30"}


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


def outcome(answer: ToolAnswer) -> str:
    return answer.failure.kind.value if answer.failure else answer.data.get("state", "done")


async def offered(world: World, **arguments: Any) -> list[str]:
    answer = await world.call("calendar_find_slots", **{**DAY, "minutes": 30, **arguments})
    return [slot["start"][11:16] for slot in answer.data["slots"]]


async def test_a_chosen_slot_is_kept_for_the_call_and_nobody_else_gets_it(world: World) -> None:
    held = await world.call("calendar_book_slot", **TEN)
    assert outcome(held) == "held"
    assert held.data["held_until"] is not None
    assert (held.data["event_id"], held.data["receipt"]) == (None, None)
    assert await world.events() == []
    other = await world.call("calendar_book_slot", call="toms", summary="Tom", **TEN)
    assert outcome(other) == ErrorKind.CONFLICT
    free = await world.call("calendar_check_availability", call="toms", **TEN)
    assert free.data["available"] is False


async def test_who_holds_a_slot_sees_it_free_and_books_it_with_a_code(world: World) -> None:
    await world.call("calendar_book_slot", **TEN)
    assert (await world.call("calendar_check_availability", **TEN)).data["available"] is True
    world.upstream.clear()
    booked = await world.call("calendar_book_slot", summary="Maria", **TEN)
    assert outcome(booked) == "booked"
    assert booked.receipt is not None
    assert booked.data["booking_code"].replace("", " ").strip() in booked.data["speech"]
    assert len(world.upstream) == 2
    assert len(await world.events()) == 1


async def test_a_held_slot_is_free_again_after_90_seconds(world: World) -> None:
    await world.call("calendar_book_slot", **TEN)
    world.clock.advance(seconds=91)
    assert outcome(await world.call("calendar_book_slot", call="toms", summary="Tom", **TEN)) == "booked"
    assert outcome(await world.call("calendar_book_slot", summary="Maria", **TEN)) == ErrorKind.CONFLICT


async def test_a_call_keeps_one_slot_so_another_choice_lets_the_first_go(world: World) -> None:
    eleven = {"start": "2026-11-24T11:00", "end": "2026-11-24T11:30"}
    await world.call("calendar_book_slot", **TEN)
    await world.call("calendar_book_slot", **eleven)
    assert outcome(await world.call("calendar_book_slot", call="toms", **TEN)) == "held"
    assert outcome(await world.call("calendar_book_slot", call="anns", **eleven)) == ErrorKind.CONFLICT


async def test_a_slot_that_is_taken_in_google_cannot_be_held(world: World) -> None:
    body = {"start": {"dateTime": "2026-11-24T10:15:00+01:00"}, "end": {"dateTime": "2026-11-24T10:20:00+01:00"}}
    await world.google("POST", "/calendars/primary/events", body)
    assert outcome(await world.call("calendar_book_slot", **TEN)) == ErrorKind.CONFLICT
    await world.google("DELETE", f"/calendars/primary/events/{(await world.events())[0]['id']}")
    assert outcome(await world.call("calendar_book_slot", call="toms", **TEN)) == "held"


async def test_of_many_who_choose_the_same_slot_one_holds_it(world: World) -> None:
    answers = await asyncio.gather(*(world.call("calendar_book_slot", call=f"call-{n}", **TEN) for n in range(8)))
    assert Counter(map(outcome, answers)) == {"held": 1, "conflict": 7}


@pytest.mark.parametrize(
    "event",
    [
        {"transparency": "transparent"},
        {"attendees": [{"email": "demo@sandbox.example", "self": True, "responseStatus": "declined"}]},
    ],
    ids=["transparent", "declined"],
)
async def test_what_does_not_block_the_owner_does_not_block_a_caller(world: World, event: dict[str, Any]) -> None:
    times = {"start": {"dateTime": "2026-11-24T10:00:00+01:00"}, "end": {"dateTime": "2026-11-24T10:30:00+01:00"}}
    await world.google("POST", "/calendars/primary/events", {**times, **event})
    assert (await world.call("calendar_check_availability", **TEN)).data["available"] is True


async def test_an_all_day_event_takes_the_whole_local_day(world: World) -> None:
    body = {"start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}}
    await world.google("POST", "/calendars/primary/events", body)
    assert await offered(world, start="2026-11-23T22:00", end="2026-11-25T01:00") == ["22:00", "22:30", "23:00"]
    assert await offered(world, start="2026-11-24T00:00", end="2026-11-25T00:00") == []


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-11-24T19:00", "2026-11-24T20:30", "I could offer tomorrow at 7, 7:30 or 8 PM."),
        ("2026-11-23T19:00", "2026-11-23T20:00", "I could offer today at 7 or 7:30 PM."),
        ("2026-11-24T11:30", "2026-11-24T13:00", "I could offer tomorrow at 11:30 AM, 12 or 12:30 PM."),
        ("2026-11-27T19:00", "2026-11-27T19:30", "I could offer Friday, November 27th at 7 PM."),
        (
            "2026-11-24T23:00",
            "2026-11-25T00:30",
            "I could offer tomorrow at 11 or 11:30 PM, or Wednesday, November 25th at 12 AM.",
        ),
    ],
)
async def test_each_day_of_an_offer_is_said_once(world: World, start: str, end: str, said: str) -> None:
    answer = await world.call("calendar_find_slots", start=start, end=end, minutes=30)
    assert answer.data["speech"] == said


async def test_more_events_than_one_page_are_unknown_and_never_free(world: World) -> None:
    page = {"timeZone": "Europe/Madrid", "items": [], "nextPageToken": "more"}
    # The zone is known then, and no read of it takes the fault.
    await world.call("calendar_check_availability", **TEN)
    for tool, arguments in (
        ("calendar_check_availability", TEN),
        ("calendar_find_slots", {**DAY, "minutes": 30}),
        ("calendar_book_slot", TEN),
        ("calendar_book_slot", {**TEN, "summary": "Maria"}),
        ("calendar_create_event", {**TEN, "summary": "Maria"}),
    ):
        await world.fault("GET */events", status=200, body=page)
        answer = await world.call(tool, **arguments)
        assert outcome(answer) == ErrorKind.UNAVAILABLE
    assert await world.events() == []


async def test_what_comes_after_the_first_250_events_of_a_window_is_taken_all_the_same(world: World) -> None:
    """250 is what Google lists unless it is asked for more; here they are notes that block nothing, and a booking is last."""
    morning = [datetime.fromisoformat("2026-11-24T00:01") + timedelta(minutes=n) for n in range(1, 255)]
    notes = "RDATE;TZID=Europe/Madrid:" + ",".join(f"{minute:%Y%m%dT%H%M%S}" for minute in morning)
    for event in (
        {**_span("00:01", "00:02"), "transparency": "transparent", "recurrence": [notes]},
        _span("10:00", "10:30"),
    ):
        made = await world.google("POST", "/calendars/primary/events", event)
        assert made.status_code == 200, made.text
    whole_day = {"start": "2026-11-24T00:00", "end": "2026-11-24T11:00"}
    assert (await world.call("calendar_check_availability", **whole_day)).data["available"] is False
    assert outcome(await world.call("calendar_create_event", summary="Maria", **whole_day)) == ErrorKind.CONFLICT


def _span(start: str, end: str) -> dict[str, Any]:
    def at(clock: str) -> dict[str, str]:
        return {"dateTime": f"2026-11-24T{clock}:00+01:00", "timeZone": "Europe/Madrid"}

    return {"start": at(start), "end": at(end)}


@pytest.mark.parametrize("status", [404, 403, 500])
async def test_a_calendar_that_cannot_be_read_is_not_free(world: World, status: int) -> None:
    await world.call("calendar_check_availability", **TEN)
    body = {"error": {"errors": [{"domain": "global", "reason": "forbidden"}], "code": status}}
    await world.fault("GET */events", status=status, body=body, times=8)
    for tool, arguments in (
        ("calendar_check_availability", TEN),
        ("calendar_create_event", {**TEN, "summary": "Maria"}),
    ):
        answer = await world.call(tool, **arguments)
        assert answer.failure is not None
    await world.mend()
    assert await world.events() == []


@asynccontextmanager
async def ruled(state: Path, **rules: Any) -> AsyncGenerator[World]:
    async with open_world(state, **{f"GOOGLE_CALENDAR_{name}": value for name, value in rules.items()}) as world:
        yield world


async def test_outside_its_hours_nothing_is_offered_or_booked_for_callers(tmp_path: Path) -> None:
    lunch_and_late = (
        OpenPeriod.model_validate({"opens": "12:00", "closes": "14:00"}),
        OpenPeriod.model_validate({"opens": "22:00", "closes": "01:00"}),
    )
    hours = OpeningHours(week={"tuesday": lunch_and_late})
    async with ruled(tmp_path, HOURS=hours.model_dump(mode="json")) as world:
        window = {"start": "2026-11-24T00:00", "end": "2026-11-25T12:00", "minutes": 60}
        assert await offered(world, **window) == ["12:00", "13:00", "22:00"]
        assert await offered(world, **window, near="2026-11-25T00:00") == ["22:00", "23:00", "00:00"]
        for start, end, wanted in (
            ("2026-11-24T13:30", "2026-11-24T14:30", ErrorKind.BAD_REQUEST),
            ("2026-11-24T10:00", "2026-11-24T11:00", ErrorKind.BAD_REQUEST),
            ("2026-11-26T12:00", "2026-11-26T13:00", ErrorKind.BAD_REQUEST),
            ("2026-11-25T00:00", "2026-11-25T01:00", "done"),
        ):
            answer = await world.call("calendar_create_event", summary="Maria", start=start, end=end)
            assert outcome(answer) == wanted


async def test_the_buffer_stays_free_before_and_after_each_booking(tmp_path: Path) -> None:
    async with ruled(tmp_path, BUFFER_MINUTES="15") as world:
        await world.call("calendar_create_event", summary="Maria", **TEN)
        window = {"start": "2026-11-24T09:00", "end": "2026-11-24T12:00"}
        assert await offered(world, **window, near="2026-11-24T10:00") == ["09:15", "10:45", "11:15"]
        for start, end, wanted in (
            ("10:30", "10:45", "conflict"),
            ("09:50", "09:55", "conflict"),
            ("10:45", "11:00", "done"),
            ("09:30", "09:45", "done"),
        ):
            answer = await world.call(
                "calendar_create_event",
                call=f"call-{start}",
                summary="Tom",
                start=f"2026-11-24T{start}",
                end=f"2026-11-24T{end}",
            )
            assert outcome(answer) == wanted, start


async def test_racers_within_the_buffer_do_not_both_get_a_time(tmp_path: Path) -> None:
    async with ruled(tmp_path, BUFFER_MINUTES="15") as world:
        await world.fault("POST */events", delay=0.3, times=2)
        answers = await asyncio.gather(
            world.call("calendar_create_event", call="a", summary="A", **TEN),
            world.call(
                "calendar_create_event", call="b", summary="B", start="2026-11-24T10:40", end="2026-11-24T11:00"
            ),
        )
        assert Counter(map(outcome, answers)) == {"done": 1, "conflict": 1}


async def test_the_minimum_notice_is_kept(tmp_path: Path) -> None:
    async with ruled(tmp_path, NOTICE_MINUTES="120") as world:  # it is 10:00 in Madrid
        window = {"start": "2026-11-23T09:00", "end": "2026-11-23T18:00"}
        assert await offered(world, **window) == ["12:00", "12:30", "13:00"]
        soon = await world.call(
            "calendar_create_event", summary="Maria", start="2026-11-23T11:45", end="2026-11-23T12:15"
        )
        assert soon.failure is not None
        assert (soon.failure.kind, soon.failure.field) == (ErrorKind.BAD_REQUEST, "start")


@pytest.mark.parametrize(
    ("day", "starts"),
    [("2027-03-28", ["01:00", "01:30", "03:00"]), ("2027-10-31", ["01:00", "01:30", "02:00"])],
)
async def test_slots_around_a_change_of_the_clocks_are_real_half_hours(
    world: World, day: str, starts: list[str]
) -> None:
    answer = await world.call("calendar_find_slots", start=f"{day}T01:00", end=f"{day}T05:00", minutes=30)
    assert [slot["start"][11:16] for slot in answer.data["slots"]] == starts


async def test_a_slot_that_could_not_be_read_is_kept_from_nobody(world: World) -> None:
    await world.call("calendar_list_events")
    await world.fault("GET */events", status=403, body={"error": {"errors": [{"reason": "forbidden"}]}})
    assert outcome(await world.call("calendar_book_slot", **TEN)) == ErrorKind.NOT_ALLOWED
    assert outcome(await world.call("calendar_book_slot", call="toms", **TEN)) == "held"


async def test_a_time_that_callers_may_not_have_is_never_told_to_be_free(tmp_path: Path) -> None:
    period = OpenPeriod.model_validate({"opens": "12:00", "closes": "14:00"})
    hours = OpeningHours(week={"tuesday": (period,)}).model_dump(mode="json")
    async with ruled(tmp_path, HOURS=hours, NOTICE_MINUTES="1440") as world:
        for start, end, free, said in (
            ("2026-11-24T10:00", "2026-11-24T10:30", False, "We're closed then."),
            ("2026-11-23T10:30", "2026-11-23T11:00", False, "That's too soon for us."),
            ("2026-11-22T10:30", "2026-11-22T11:00", False, "That time has already passed."),
            ("2026-11-24T12:00", "2026-11-24T12:30", True, "Tuesday, November 24th at 12 PM is free."),
        ):
            answer = await world.call("calendar_check_availability", start=start, end=end)
            assert answer.data["available"] is free
            assert answer.data["speech"].startswith(said)
        night = {"start": "2026-11-24T03:00", "end": "2026-11-24T04:00"}
        owners = await world.call("calendar_check_availability", role=Role.OWNER, **night)
        assert owners.data["available"] is True
