"""The calendar's tools through a real MCP client, over real sockets, against Google's wire in the sandbox."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from mcp.types import Tool

from contracts.meta import Role
from contracts.results import Action, ErrorKind
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


SEVEN, HALF_PAST_EIGHT = "2026-11-24T19:00:00+01:00", "2026-11-24T20:30:00+01:00"
TABLE: dict[str, Any] = {"summary": "Maria Garcia, party of 4", "start": SEVEN, "end": HALF_PAST_EIGHT}
TOOLS = {
    "calendar_create_event",
    "calendar_list_events",
    "calendar_get_event",
    "calendar_delete_event",
    "calendar_check_availability",
    "calendar_find_slots",
    "calendar_book_slot",
    "calendar_update_event",
}


async def tools_of(world: World) -> dict[str, Tool]:
    assert world.calendar is not None
    async with world.client(world.calendar) as client:
        return {tool.name: tool for tool in await client.list_tools()}


async def test_a_booking_answers_with_its_facts_and_a_receipt_and_stands_in_the_calendar(world: World) -> None:
    answer = await world.call("calendar_create_event", **TABLE, description="Window table")
    (event,) = await world.events()
    data = answer.data
    assert data["success"] is True
    assert data["event_id"] == event["id"]
    assert data["summary"] == event["summary"] == "Maria Garcia, party of 4"
    assert data["start"] == SEVEN
    assert data["link"] == event["htmlLink"]
    assert event["description"] == "Window table"
    receipt = answer.receipt
    assert receipt is not None
    assert (receipt.action, receipt.resource_id, receipt.demo) == (Action.BOOKED, event["id"], True)
    assert (receipt.start, receipt.zone) == (datetime(2026, 11, 24, 18, tzinfo=UTC), "Europe/Madrid")
    assert data["speech"].startswith(
        "It's booked: Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM. The booking code is "
    )


async def test_a_time_without_an_offset_means_the_calendars_zone(world: World) -> None:
    answer = await world.call(
        "calendar_create_event", summary="Maria", start="2026-11-24T19:00", end="2026-11-24T20:30"
    )
    assert answer.data["start"] == SEVEN


async def test_a_callers_own_bookings_are_listed_soonest_first_with_weekday_and_zone(world: World) -> None:
    await world.call("calendar_create_event", summary="Later", start="2026-11-25T19:00", end="2026-11-25T20:00")
    await world.call("calendar_create_event", **TABLE)
    answer = await world.call("calendar_list_events")
    assert [event["summary"] for event in answer.data["events"]] == ["Maria Garcia, party of 4", "Later"]
    first = answer.data["events"][0]
    assert {"id", "summary", "start", "end"} <= first.keys()
    assert (first["weekday"], first["zone"], first["start"]) == ("Tuesday", "Europe/Madrid", SEVEN)


async def test_nothing_to_list_is_said_and_not_left_empty(world: World) -> None:
    answer = await world.call("calendar_list_events")
    assert (answer.data["count"], answer.data["speech"]) == (0, "I found no bookings.")


async def test_one_booking_is_looked_up_by_its_id(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    answer = await world.call("calendar_get_event", event_id=booked.data["event_id"])
    assert answer.data["event"]["start"] == SEVEN
    assert answer.data["speech"] == "Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM."


async def test_a_booking_is_cancelled_and_its_time_is_free_again(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    cancelled = await world.call("calendar_delete_event", event_id=booked.data["event_id"])
    assert cancelled.receipt is not None
    assert cancelled.receipt.action is Action.CANCELLED
    assert await world.events() == []
    free = await world.call("calendar_check_availability", start=SEVEN, end=HALF_PAST_EIGHT)
    assert free.data["available"] is True


@pytest.mark.parametrize(
    ("start", "end", "available"),
    [
        ("2026-11-24T17:30", "2026-11-24T19:00", True),
        ("2026-11-24T20:30", "2026-11-24T22:00", True),
        ("2026-11-24T18:00", "2026-11-24T19:01", False),
        ("2026-11-24T20:29", "2026-11-24T21:00", False),
        ("2026-11-24", "2026-11-25", False),
        ("2026-11-25", "2026-11-26", True),
    ],
)
async def test_a_time_is_free_up_to_the_minute_at_which_another_booking_begins(
    world: World, start: str, end: str, *, available: bool
) -> None:
    await world.call("calendar_create_event", **TABLE)
    answer = await world.call("calendar_check_availability", start=start, end=end)
    assert answer.data["available"] is available
    taken = [] if available else [{"start": SEVEN, "end": HALF_PAST_EIGHT}]
    assert answer.data["conflicts"] == taken
    assert answer.data["conflicting_events"] == len(taken)


async def test_at_most_three_free_times_are_offered_nearest_to_the_wished_one(world: World) -> None:
    await world.call("calendar_create_event", **TABLE)
    answer = await world.call(
        "calendar_find_slots", start="2026-11-24T11:30", end="2026-11-24T22:30", minutes=90, near="2026-11-24T19:00"
    )
    assert [slot["start"][11:16] for slot in answer.data["slots"]] == ["16:00", "17:30", "20:30"]


@pytest.mark.parametrize("role", list(Role))
async def test_every_tool_publishes_closed_schemas_and_its_answers_fit_them(world: World, role: Role) -> None:
    tools = await tools_of(world)
    assert tools.keys() >= TOOLS
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
    booked = await world.call("calendar_create_event", role=role, **TABLE)
    event_id = booked.data["event_id"]
    window = {"start": SEVEN, "end": HALF_PAST_EIGHT}
    calls: dict[str, dict[str, Any]] = {
        "calendar_list_events": {},
        "calendar_get_event": {"event_id": event_id},
        "calendar_check_availability": window,
        "calendar_find_slots": {"start": "2026-11-24T18:00", "end": "2026-11-24T22:00", "minutes": 30},
        "calendar_update_event": {"event_id": event_id, "summary": "Maria Garcia, party of 5"},
        "calendar_book_slot": {"start": "2026-11-25T19:00", "end": "2026-11-25T20:00"},
        "calendar_delete_event": {"event_id": event_id},
    }
    answers = {"calendar_create_event": booked.data}
    for name, arguments in calls.items():
        answers[name] = (await world.call(name, role=role, **arguments)).data
    for name, data in answers.items():
        jsonschema.validate(data, tools[name].output_schema)
        assert data["speech"], name
        assert "Europe/Madrid" in str(data), name
        assert "Tuesday" in str(data) or "Wednesday" in str(data), name


async def test_hints_say_what_reads_what_writes_and_what_destroys(world: World) -> None:
    tools = await tools_of(world)

    def hints(name: str) -> tuple[bool | None, bool | None, bool | None]:
        annotations = tools[name].annotations
        assert annotations is not None
        return annotations.read_only_hint, annotations.destructive_hint, annotations.idempotent_hint

    assert hints("calendar_create_event") == (False, False, True)
    assert hints("calendar_book_slot") == (False, False, True)
    assert hints("calendar_update_event") == (False, True, True)
    assert hints("calendar_delete_event") == (False, True, True)
    for name in TOOLS - {
        "calendar_create_event",
        "calendar_book_slot",
        "calendar_update_event",
        "calendar_delete_event",
    }:
        assert hints(name) == (True, False, True)


async def test_what_a_model_reads_is_at_most_8_kb_and_the_whole_list_16(world: World) -> None:
    tools = await tools_of(world)
    seen = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in tools.values()
    ]
    assert len(compact(seen)) <= 8_000
    assert (
        len(compact([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools.values()]))
        <= 16_000
    )


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("calendar_update_event", {"event_id": "x", "colour": "1"}, "colour"),
        ("calendar_update_event", {"event_id": "x", "scope": "some"}, "scope"),
        ("calendar_update_event", {"event_id": "x", "add_attendees": ["nobody"]}, "add_attendees.0"),
        ("calendar_book_slot", {"start": SEVEN, "end": SEVEN}, "end"),
        ("calendar_book_slot", {"start": "2026-11-20T19:00", "end": "2026-11-20T20:00"}, "start"),
        ("calendar_list_events", {"query": ""}, "query"),
        ("calendar_create_event", {**TABLE, "end": "2026-11-24T18:00"}, "end"),
        ("calendar_create_event", {**TABLE, "end": SEVEN}, "end"),
        ("calendar_create_event", {**TABLE, "start": "next Friday"}, "start"),
        ("calendar_create_event", {**TABLE, "start": "2026-02-30T19:00"}, "start"),
        ("calendar_create_event", {**TABLE, "start": "2026-11-24"}, "end"),
        ("calendar_create_event", {**TABLE, "start": "0001-01-01T00:00:00+14:00"}, "start"),
        ("calendar_create_event", {**TABLE, "start": 7}, "start"),
        ("calendar_create_event", {**TABLE, "start": "2026-11-20T19:00"}, "start"),
        ("calendar_create_event", {**TABLE, "start": "2027-03-28T02:30", "end": "2027-03-28T04:00"}, "start"),
        ("calendar_create_event", {**TABLE, "start": "2027-10-31T02:30", "end": "2027-10-31T04:00"}, "start"),
        ("calendar_create_event", {"start": SEVEN, "end": HALF_PAST_EIGHT}, "summary"),
        ("calendar_create_event", {**TABLE, "summary": ""}, "summary"),
        ("calendar_create_event", {**TABLE, "summery": "x"}, "summery"),
        ("calendar_create_event", {**TABLE, "attendees": "maria@example.com"}, "attendees"),
        ("calendar_list_events", {"max_results": "10"}, "max_results"),
        ("calendar_list_events", {"max_results": True}, "max_results"),
        ("calendar_list_events", {"max_results": 0}, "max_results"),
        ("calendar_list_events", {"time_min": "2026-11-25T00:00", "time_max": "2026-11-24T00:00"}, "time_max"),
        ("calendar_check_availability", {"start": SEVEN, "end": "2027-06-01T00:00"}, "end"),
        ("calendar_find_slots", {"start": SEVEN, "end": HALF_PAST_EIGHT, "minutes": 90.5}, "minutes"),
        ("calendar_get_event", {}, "event_id"),
        ("calendar_delete_event", {"event_id": None}, "event_id"),
    ],
)
async def test_a_wrong_argument_is_named_and_nothing_is_booked(
    world: World, tool: str, arguments: dict[str, Any], field: str
) -> None:
    answer = await world.call(tool, **arguments)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.field) == (ErrorKind.BAD_REQUEST, field)
    assert answer.failure.error.startswith(f"{field}:")
    assert answer.data["success"] is False
    assert await world.events() == []
