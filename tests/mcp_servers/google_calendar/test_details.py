"""Everything that an event can hold, as its owner gives and changes it; and whom Google tells."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.meta import Role
from contracts.results import ErrorKind, ToolAnswer
from tests.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVENTS = "/calendars/primary/events"
DINNER: dict[str, Any] = {"summary": "Dinner", "start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}
DETAILS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"description": "Window table"}, {"description": "Window table"}),
    ({"location": "Terrace"}, {"location": "Terrace"}),
    ({"color": "5"}, {"colorId": "5"}),
    ({"visibility": "private"}, {"visibility": "private"}),
    (
        {"reminders": [0, 40320]},
        {
            "reminders": {
                "useDefault": False,
                "overrides": [{"method": "popup", "minutes": 0}, {"method": "popup", "minutes": 40320}],
            }
        },
    ),
    ({"reminders": []}, {"reminders": {"useDefault": False, "overrides": []}}),
]


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


async def owner(world: World, tool: str, **arguments: Any) -> ToolAnswer:
    answer = await world.call(f"calendar_{tool}_event", role=Role.OWNER, **arguments)
    assert answer.failure is None, answer.failure
    return answer


async def create(world: World, **more: Any) -> str:
    return (await owner(world, "create", **{**DINNER, **more})).data["event_id"]


async def in_google(world: World, event_id: str) -> dict[str, Any]:
    return (await world.google("GET", f"{EVENTS}/{event_id}")).json()


@pytest.mark.parametrize(("given", "wanted"), DETAILS, ids=lambda value: str(next(iter(value))))
async def test_a_detail_is_kept_when_it_is_given_and_when_it_is_changed(
    world: World, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    event = await in_google(world, await create(world, **given))
    assert {key: event[key] for key in wanted} == wanted
    later = await create(world, summary="Another")
    await owner(world, "update", event_id=later, **given)
    changed = await in_google(world, later)
    assert {key: changed[key] for key in wanted} == wanted


async def test_a_meet_link_is_made_added_kept_and_taken_away(world: World) -> None:
    made = await owner(world, "create", **DINNER, meet=True)
    assert made.data["meet_link"].startswith("https://meet.google.com/")
    event_id = made.data["event_id"]
    renamed = await owner(world, "update", event_id=event_id, summary="Supper")
    assert renamed.data["meet_link"] == made.data["meet_link"]
    without = await owner(world, "update", event_id=event_id, meet=False)
    assert without.data["meet_link"] is None
    again = await owner(world, "update", event_id=event_id, meet=True)
    assert again.data["meet_link"] is not None
    shown = await owner(world, "get", event_id=event_id)
    assert shown.data["event"]["meet_link"] == again.data["meet_link"]


async def test_days_stay_days_through_making_moving_and_reading(world: World) -> None:
    made = await owner(world, "create", summary="Holiday", start="2026-12-24", end="2026-12-27")
    event_id = made.data["event_id"]
    assert "on Thursday, December 24th." in made.data["speech"]
    await owner(world, "update", event_id=event_id, start="2026-12-25")
    event = await in_google(world, event_id)
    assert (event["start"], event["end"]) == ({"date": "2026-12-25"}, {"date": "2026-12-28"})
    shown = (await owner(world, "get", event_id=event_id)).data["event"]
    assert (shown["start"], shown["end"], shown["all_day"], shown["weekday"]) == (
        "2026-12-25",
        "2026-12-28",
        True,
        "Friday",
    )
    assert shown["spoken"] == "Friday, December 25th"


async def test_a_timed_event_becomes_a_day_and_a_day_a_timed_event(world: World) -> None:
    event_id = await create(world)
    await owner(world, "update", event_id=event_id, start="2026-12-25", end="2026-12-26")
    assert (await in_google(world, event_id))["start"] == {"date": "2026-12-25"}
    await owner(world, "update", event_id=event_id, start="2026-12-25T10:00", end="2026-12-25T11:00")
    assert (await in_google(world, event_id))["start"]["dateTime"] == "2026-12-25T10:00:00+01:00"


async def test_each_of_the_two_hours_when_clocks_go_back_is_booked_by_its_offset(world: World) -> None:
    for offset in ("+02:00", "+01:00"):
        span = {"start": f"2027-10-31T02:30:00{offset}", "end": f"2027-10-31T02:45:00{offset}"}
        answer = await world.call("calendar_create_event", call=f"call{offset}", summary="Night", **span)
        assert answer.failure is None
        assert answer.data["start"] == f"2027-10-31T02:30:00{offset}"
    assert len(await world.events()) == 2


async def test_an_hour_stays_an_hour_when_it_moves_over_a_change_of_the_clocks(world: World) -> None:
    event_id = await create(world, start="2027-03-27T01:30", end="2027-03-27T03:30")
    moved = await owner(world, "update", event_id=event_id, start="2027-03-28T01:30")
    assert (moved.data["start"], moved.data["end"]) == ("2027-03-28T01:30:00+01:00", "2027-03-28T04:30:00+02:00")


# One of a series


async def test_one_of_a_series_is_changed_and_one_is_cancelled_and_the_others_stay(world: World) -> None:
    series = await create(world, recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    second, third = (f"{series}_202611{day}T180000Z" for day in (25, 26))
    changed = await owner(world, "update", event_id=second, scope="this", start="2026-11-25T21:00", summary="Late")
    assert changed.data["speech"] == "It's moved: Late, now on Wednesday, November 25th at 9 PM."
    cancelled = await owner(world, "delete", event_id=third, scope="this")
    assert "all" not in cancelled.data["speech"]
    events = [(event["summary"], event["start"]["dateTime"][8:16]) for event in await world.events()]
    assert events == [("Dinner", "24T19:00"), ("Late", "25T21:00"), ("Dinner", "27T19:00")]
    assert (await in_google(world, series))["recurrence"] == ["RRULE:FREQ=DAILY;COUNT=4"]


async def test_one_day_of_an_all_day_series_is_changed_by_its_date(world: World) -> None:
    series = await create(world, start="2026-12-07", end="2026-12-08", recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    await owner(world, "update", event_id=f"{series}_20261214", scope="this", summary="Other")
    assert [(event["start"]["date"], event["summary"]) for event in await world.events()] == [
        ("2026-12-07", "Dinner"),
        ("2026-12-14", "Other"),
        ("2026-12-21", "Dinner"),
    ]


# Whom Google tells

WRITES: list[tuple[str, dict[str, Any]]] = [
    ("create", DINNER),
    ("update", {"event_id": "$", "summary": "Supper"}),
    ("update", {"event_id": "$series_20261202T180000Z", "scope": "this_and_following", "summary": "Supper"}),
    ("update", {"event_id": "$series", "scope": "all", "summary": "Supper"}),
    ("delete", {"event_id": "$series_20261203T180000Z", "scope": "this"}),
    ("delete", {"event_id": "$series_20261203T180000Z", "scope": "this_and_following"}),
    ("delete", {"event_id": "$series", "scope": "all"}),
    ("delete", {"event_id": "$"}),
]


@pytest.mark.parametrize("wish", ["none", None])
async def test_each_write_says_whom_google_tells_and_as_the_owner_set_it_when_nothing_is_said(
    world: World, wish: str | None
) -> None:
    series = {"start": "2026-12-01T19:00", "end": "2026-12-01T20:00", "recurrence": ["RRULE:FREQ=DAILY;COUNT=9"]}
    for tool, arguments in WRITES:
        ids = {"$series": await create(world, **series, summary=f"S {tool} {arguments}"[:100])}
        ids["$"] = await create(world, summary=f"E {tool} {arguments}"[:100])
        given = dict(arguments)
        for name, event_id in ids.items():
            if given.get("event_id", "").startswith(name):
                given["event_id"] = event_id + given["event_id"].removeprefix(name)
                break
        world.asked.clear()
        await owner(world, tool, **given, **({} if wish is None else {"send_updates": wish}))
        written = [request for request in world.asked if not request.startswith("GET")]
        assert written, tool
        assert all(f"sendUpdates={wish or 'all'}" in request for request in written), written


@pytest.mark.parametrize("setting", ["all", "none"])
async def test_the_owners_default_decides_about_a_callers_booking_too(tmp_path: Path, setting: str) -> None:
    async with open_world(tmp_path, GOOGLE_CALENDAR_SEND_UPDATES=setting) as world:
        booked = await world.call("calendar_book_slot", **DINNER)
        moved = await world.call("calendar_update_event", event_id=booked.data["event_id"], start="2026-11-24T21:00")
        gone = await world.call("calendar_delete_event", event_id=booked.data["event_id"])
        assert (moved.failure, gone.failure) == (None, None)
        written = [request for request in world.asked if request.split()[0] in {"POST", "PATCH", "DELETE"}]
        assert len(written) == 3
        assert all(f"sendUpdates={setting}" in request for request in written)


async def test_guests_get_the_mail_that_was_wished_for(world: World) -> None:
    event_id = await create(world, attendees=["ann@example.com"])
    await owner(world, "update", event_id=event_id, add_attendees=["bob@example.com"], send_updates="none")
    async with httpx.AsyncClient(base_url=world.sandbox.url, trust_env=False) as client:
        letters = (await client.get("/_sandbox/google/mail")).json()
    assert [(letter["to"], letter["kind"]) for letter in letters if letter["event_id"] == event_id] == [
        ("ann@example.com", "invitation")
    ]


async def test_a_guest_list_that_google_holds_back_is_not_overwritten(world: World) -> None:
    event_id = await create(world, attendees=["ann@example.com"])
    held_back = {**await in_google(world, event_id), "attendeesOmitted": True}
    await world.fault("GET */events/*", status=200, body=held_back)
    answer = await world.call(
        "calendar_update_event", role=Role.OWNER, event_id=event_id, add_attendees=["bob@example.com"]
    )
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.field) == (ErrorKind.BAD_REQUEST, "add_attendees")
    assert [guest["email"] for guest in (await in_google(world, event_id))["attendees"]] == ["ann@example.com"]


async def test_an_owner_who_books_over_something_is_told_so(world: World) -> None:
    await create(world)
    over = await owner(world, "create", **{**DINNER, "summary": "Second"})
    assert "overlaps" in over.data["speech"]
    beside = await owner(world, "create", summary="Third", start="2026-11-24T20:30", end="2026-11-24T21:00")
    assert "overlaps" not in beside.data["speech"]
