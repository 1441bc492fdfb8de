"""Series through the tools: this and following, all; and what becomes of them when a line is cut."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.meta import Role
from contracts.results import Action, ErrorKind, ToolAnswer
from tests.mcp_servers.google_calendar.test_recurrence import expand
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
MADRID = ZoneInfo("Europe/Madrid")
EVENTS = "/calendars/primary/events"


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


YOGA: dict[str, Any] = {"summary": "Yoga", "start": "2026-12-01T09:00", "end": "2026-12-01T10:00"}
DAILY_TEN = ["RRULE:FREQ=DAILY;COUNT=10"]


async def test_an_id_that_only_looks_like_one_of_a_series_is_of_no_event(world: World) -> None:
    for tool, more in (("calendar_delete_event", {}), ("calendar_update_event", {"summary": "x"})):
        answer = await world.call(tool, role=Role.OWNER, event_id="abc_20261301", scope="this", **more)
        assert outcome(answer) == ErrorKind.NOT_FOUND, "nothing was sent, so nothing is unknown"


def outcome(answer: ToolAnswer) -> str:
    return answer.failure.kind.value if answer.failure else "done"


async def make(world: World, lines: list[str] = DAILY_TEN, **more: Any) -> str:
    answer = await world.call("calendar_create_event", role=Role.OWNER, recurrence=lines, **{**YOGA, **more})
    assert answer.failure is None, answer.failure
    return answer.data["event_id"]


async def masters(world: World) -> list[dict[str, Any]]:
    items = (await world.google("GET", EVENTS)).json()["items"]
    return sorted((item for item in items if "recurrence" in item), key=lambda item: str(item["start"]))


def update(world: World, **arguments: Any) -> Any:
    return world.call("calendar_update_event", role=Role.OWNER, **arguments)


@pytest.mark.parametrize("tool", ["calendar_update_event", "calendar_delete_event"])
async def test_the_scope_is_asked_for_when_an_event_recurs(world: World, tool: str) -> None:
    series_id = await make(world)
    arguments = {"summary": "x"} if tool == "calendar_update_event" else {}
    answer = await world.call(tool, role=Role.OWNER, event_id=series_id, **arguments)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.field) == (ErrorKind.BAD_REQUEST, "scope")
    assert "just that one" in answer.failure.speech


async def test_ten_daily_events_split_at_the_fifth_stay_ten_and_keep_their_hour(world: World) -> None:
    """Rival defect 2: the count was kept whole on both sides, and the new end was computed in the server's zone."""
    series_id = await make(world)
    answer = await update(
        world, event_id=f"{series_id}_20261205T080000Z", scope="this_and_following", summary="Yoga with Ann"
    )
    assert outcome(answer) == "done"
    old, new = await masters(world)
    assert (old["id"], new["id"]) == (series_id, answer.data["event_id"])
    assert old["recurrence"] == ["RRULE:FREQ=DAILY;UNTIL=20261205T075959Z"]
    assert new["recurrence"] == ["RRULE:FREQ=DAILY;COUNT=6"]
    assert (new["start"]["dateTime"], new["end"]["dateTime"]) == (
        "2026-12-05T09:00:00+01:00",
        "2026-12-05T10:00:00+01:00",
    )
    assert (old["summary"], new["summary"]) == ("Yoga", "Yoga with Ann")


async def test_an_all_day_series_with_an_end_is_split_by_dates(world: World) -> None:
    """Rival defect 3: an all-day series got two UNTILs, the second with a time, and no second part."""
    series_id = await make(world, ["RRULE:FREQ=WEEKLY;UNTIL=20270101"], start="2026-12-07", end="2026-12-08")
    answer = await update(world, event_id=f"{series_id}_20261214", scope="this_and_following", summary="Second")
    assert outcome(answer) == "done"
    old, new = await masters(world)
    assert old["recurrence"] == ["RRULE:FREQ=WEEKLY;UNTIL=20261213"]
    assert new["recurrence"] == ["RRULE:FREQ=WEEKLY;UNTIL=20270101"]
    assert (new["start"], new["end"]) == ({"date": "2026-12-14"}, {"date": "2026-12-15"})


async def test_excluded_days_go_to_the_part_they_belong_to_and_move_with_it(world: World) -> None:
    lines = ["RRULE:FREQ=DAILY;COUNT=10", "EXDATE;TZID=Europe/Madrid:20261202T090000,20261208T090000"]
    series_id = await make(world, lines)
    answer = await update(
        world, event_id=f"{series_id}_20261205T080000Z", scope="this_and_following", start="2026-12-05T11:00"
    )
    assert outcome(answer) == "done"
    old, new = await masters(world)
    assert old["recurrence"][1:] == ["EXDATE;TZID=Europe/Madrid:20261202T090000"]
    assert new["recurrence"][1:] == ["EXDATE;TZID=Europe/Madrid:20261208T110000"]
    assert new["end"]["dateTime"] == "2026-12-05T12:00:00+01:00"


async def test_the_second_part_keeps_guests_place_and_reminders(world: World) -> None:
    series_id = await make(world, attendees=["ann@example.com"], location="Hall", reminders=[15], color="7")
    await update(world, event_id=f"{series_id}_20261203T080000Z", scope="this_and_following", description="New")
    old, new = await masters(world)
    for key in ("attendees", "location", "reminders", "colorId"):
        assert new[key] == old[key]


async def test_the_second_part_keeps_what_other_programs_wrote_on_the_series(world: World) -> None:
    """Also what no tool of ours shows: a colleague's CRM finds its events again by these."""
    series_id = await make(world, attendees=["ann@example.com"], reminders=[15, 60], color="7")
    theirs = {"private": {"crm": "17"}, "shared": {"room": "blue"}}
    kept = {"extendedProperties": theirs, "visibility": "private", "guestsCanInviteOthers": False}
    assert (await world.google("PATCH", f"{EVENTS}/{series_id}", kept)).status_code == 200
    answer = await update(world, event_id=f"{series_id}_20261203T080000Z", scope="this_and_following", summary="New")
    assert outcome(answer) == "done"
    old, new = await masters(world)
    for part in (old, new):
        assert part["extendedProperties"]["shared"] == {"room": "blue"}
        assert part["extendedProperties"]["private"]["crm"] == "17"
    for name in ("attendees", "reminders", "colorId", "visibility", "guestsCanInviteOthers"):
        assert name in old
        assert new[name] == old[name], name


@pytest.mark.parametrize("status", [400, 403])
async def test_when_the_second_part_is_refused_the_first_gets_its_events_back(world: World, status: int) -> None:
    series_id = await make(world)
    await world.fault("POST */events", status=status, body={"error": {"errors": [{"reason": "invalid"}]}})
    answer = await update(world, event_id=f"{series_id}_20261205T080000Z", scope="this_and_following", summary="Second")
    assert answer.failure is not None
    (only,) = await masters(world)
    assert only["recurrence"] == DAILY_TEN


@pytest.mark.parametrize("route", ["PATCH */events/*", "POST */events"])
@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_split_whose_line_is_cut_ends_whole(world: World, route: str, cut: str) -> None:
    series_id = await make(world)
    await world.fault(route, cut=cut)
    answer = await update(world, event_id=f"{series_id}_20261205T080000Z", scope="this_and_following", summary="Second")
    assert outcome(answer) == "done"
    assert [item["recurrence"] for item in await masters(world)] == [
        ["RRULE:FREQ=DAILY;UNTIL=20261205T075959Z"],
        ["RRULE:FREQ=DAILY;COUNT=6"],
    ]


async def test_a_split_that_lost_its_second_half_is_mended_when_asked_again(world: World) -> None:
    series_id = await make(world)
    arguments = {"event_id": f"{series_id}_20261205T080000Z", "scope": "this_and_following", "summary": "Second"}
    await world.fault("POST */events", cut="before", times=4)
    assert outcome(await update(world, **arguments)) == ErrorKind.OUTCOME_UNKNOWN
    assert len(await masters(world)) == 1
    answer = await update(world, **arguments)
    assert outcome(answer) in {"done", ErrorKind.BAD_REQUEST, ErrorKind.CONFLICT}
    assert sum(counted(item) for item in await masters(world)) == 10


def counted(master: dict[str, Any]) -> int:
    start = datetime.fromisoformat(master["start"]["dateTime"]).astimezone(MADRID)
    return len(expand(start, master["recurrence"]))


async def test_all_of_a_series_moves_by_the_clock_also_across_the_change_of_the_clocks(world: World) -> None:
    series_id = await make(
        world,
        ["RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=30", "EXDATE;TZID=Europe/Madrid:20261208T090000"],
    )
    answer = await update(world, event_id=f"{series_id}_20270406T070000Z", scope="all", start="2027-04-07T10:30")
    assert answer.receipt is not None
    assert answer.receipt.action is Action.MOVED
    assert "Wednesday, April 7th at 10:30 AM" in answer.data["speech"]
    (only,) = await masters(world)
    assert only["start"]["dateTime"] == "2026-12-02T10:30:00+01:00"
    assert only["end"]["dateTime"] == "2026-12-02T11:30:00+01:00"
    assert only["recurrence"] == [
        "RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=30",
        "EXDATE;TZID=Europe/Madrid:20261209T103000",
    ]


async def test_a_new_rule_replaces_the_old_one(world: World) -> None:
    series_id = await make(world)
    await update(world, event_id=series_id, scope="all", recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])
    (only,) = await masters(world)
    assert only["recurrence"] == ["RRULE:FREQ=WEEKLY;COUNT=4"]


async def test_cancelling_the_rest_cuts_a_series_and_cancelling_all_ends_it(world: World) -> None:
    series_id = await make(world)
    answer = await world.call(
        "calendar_delete_event",
        role=Role.OWNER,
        event_id=f"{series_id}_20261205T080000Z",
        scope="this_and_following",
    )
    assert answer.receipt is not None
    assert "and all that follow" in answer.data["speech"]
    (only,) = await masters(world)
    assert only["recurrence"] == ["RRULE:FREQ=DAILY;UNTIL=20261205T075959Z"]
    await world.call("calendar_delete_event", role=Role.OWNER, event_id=series_id, scope="all")
    assert await masters(world) == []


async def test_a_day_that_is_none_of_the_series_is_refused(world: World) -> None:
    series_id = await make(world)
    answer = await update(world, event_id=f"{series_id}_20261205T093000Z", scope="this_and_following", summary="Second")
    assert answer.failure is not None
    assert answer.failure.field == "event_id"
    assert [item["recurrence"] for item in await masters(world)] == [DAILY_TEN]


async def test_a_caller_cannot_touch_a_series_even_of_their_own_booking(world: World) -> None:
    table = {"summary": "Maria", "start": "2026-12-01T19:00", "end": "2026-12-01T20:00"}
    booked = await world.call("calendar_create_event", **table)
    event_id = booked.data["event_id"]
    await world.google("PATCH", f"{EVENTS}/{event_id}", {"recurrence": DAILY_TEN})
    for tool, arguments in (
        ("calendar_update_event", {"summary": "x"}),
        ("calendar_update_event", {"start": "2026-12-02T21:00"}),
        ("calendar_delete_event", {}),
    ):
        for scope in (None, "all", "this_and_following"):
            answer = await world.call(tool, event_id=event_id, **arguments, **({"scope": scope} if scope else {}))
            assert outcome(answer) == ErrorKind.NOT_ALLOWED
    (only,) = await masters(world)
    assert (only["summary"], only["recurrence"]) == ("Maria", DAILY_TEN)
