"""What the most used calendar servers get wrong, done right. The folder's README lists all ten and where each is shown."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.meta import Role
from contracts.results import ErrorKind
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVENTS = "/calendars/primary/events"


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


@pytest.fixture(params=["Asia/Tokyo", "America/Los_Angeles"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine stands elsewhere in the world than the calendar, which is in Madrid."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
async def test_a_window_without_an_offset_is_of_the_calendars_zone_and_not_of_the_machines(world: World) -> None:
    for summary, start, end in (
        ("late the day before", "2026-11-23T23:30:00+01:00", "2026-11-24T00:00:00+01:00"),
        ("early", "2026-11-24T00:00:00+01:00", "2026-11-24T00:30:00+01:00"),
        ("late", "2026-11-24T23:30:00+01:00", "2026-11-25T00:00:00+01:00"),
        ("early the day after", "2026-11-25T00:00:00+01:00", "2026-11-25T00:30:00+01:00"),
    ):
        body = {"summary": summary, "start": {"dateTime": start}, "end": {"dateTime": end}}
        await world.google("POST", EVENTS, body)
    day = {"time_min": "2026-11-24T00:00", "time_max": "2026-11-25T00:00"}
    answer = await world.call("calendar_list_events", role=Role.OWNER, **day)
    assert [event["summary"] for event in answer.data["events"]] == ["early", "late"]


@pytest.mark.usefixtures("machine_zone")
@pytest.mark.parametrize(
    ("times", "moved_to"),
    [
        ({"start": "2026-12-01T09:00", "end": "2026-12-01T10:00"}, "2026-12-03T15:00"),
        ({"start": "2026-12-01", "end": "2026-12-02"}, "2026-12-24"),
    ],
    ids=["timed", "all-day"],
)
async def test_one_of_a_series_is_found_by_its_id_whatever_zone_the_machine_has(
    world: World, times: dict[str, str], moved_to: str
) -> None:
    lines = ["RRULE:FREQ=DAILY;COUNT=5"]
    await world.call("calendar_create_event", role=Role.OWNER, summary="Yoga", recurrence=lines, **times)
    listed = await world.call("calendar_list_events", role=Role.OWNER)
    third = listed.data["events"][2]
    assert third["start"].startswith("2026-12-03")
    moved = await world.call(
        "calendar_update_event", role=Role.OWNER, event_id=third["id"], scope="this", start=moved_to
    )
    assert moved.failure is None
    starts = [event["start"].get("dateTime", event["start"].get("date")) for event in await world.events()]
    assert len(starts) == 5
    assert sum(start.startswith(moved_to) for start in starts) == 1
    assert not any(start.startswith("2026-12-03T09") for start in starts)


async def test_an_answer_that_a_guest_gives_during_a_change_is_not_lost(world: World) -> None:
    made: dict[str, Any] = (
        await world.call(
            "calendar_create_event",
            role=Role.OWNER,
            summary="Lunch",
            start="2026-11-24T12:00",
            end="2026-11-24T13:00",
            attendees=["ann@example.com"],
        )
    ).data
    await world.fault("PATCH */events/*", delay=0.5)
    change = {"event_id": made["event_id"], "role": Role.OWNER, "add_attendees": ["bob@example.com"]}
    ours = asyncio.create_task(world.call("calendar_update_event", **change))
    await world.reached("PATCH")
    accepted = {"attendees": [{"email": "ann@example.com", "responseStatus": "accepted"}]}
    await world.google("PATCH", f"{EVENTS}/{made['event_id']}", accepted)
    stopped = await ours
    assert stopped.failure is not None
    assert stopped.failure.kind is ErrorKind.CONFLICT
    assert "guests" in stopped.failure.error
    again = await world.call("calendar_update_event", **change)
    assert again.failure is None
    (event,) = await world.events()
    assert [(guest["email"], guest["responseStatus"]) for guest in event["attendees"]] == [
        ("ann@example.com", "accepted"),
        ("bob@example.com", "needsAction"),
    ]
