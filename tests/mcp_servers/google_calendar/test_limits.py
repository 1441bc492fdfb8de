"""How much is asked of Google."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from contracts.meta import Role
from contracts.results import ErrorKind
from mcp_servers.google_calendar.limits import Limiter
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from mcp_servers.google_calendar.tools import tool_specs
from mcp_servers.shared.errors import TryLater
from tests.world import World, open_world

module_loop = pytest.mark.asyncio(loop_scope="module")
WINDOW = {"start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}
SERIES = {"summary": "Yoga", **WINDOW, "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=10"]}


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


class SleptClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


READS: list[tuple[str, dict[str, Any]]] = [
    ("calendar_check_availability", WINDOW),
    ("calendar_list_events", {}),
    ("calendar_list_events", {"query": "Maria"}),
    ("calendar_find_slots", {**WINDOW, "minutes": 30}),
    ("calendar_get_event", {"event_id": "$"}),
]
WRITES: list[tuple[str, dict[str, Any]]] = [
    ("calendar_create_event", {"summary": "New", "start": "2026-11-26T19:00", "end": "2026-11-26T20:30"}),
    ("calendar_book_slot", {"summary": "New", "start": "2026-11-27T19:00", "end": "2026-11-27T20:30"}),
    ("calendar_book_slot", {"start": "2026-11-28T19:00", "end": "2026-11-28T20:30"}),
    ("calendar_update_event", {"event_id": "$", "summary": "Changed"}),
    ("calendar_update_event", {"event_id": "$", "start": "2026-11-25T19:00"}),
    ("calendar_delete_event", {"event_id": "$"}),
]


@module_loop
@pytest.mark.parametrize("role", list(Role))
async def test_a_read_is_one_request_to_google_and_a_write_at_most_two(world: World, role: Role) -> None:
    booked = await world.call("calendar_create_event", role=role, summary="Maria", **WINDOW)
    for most, calls in ((1, READS), (2, WRITES)):
        for tool, arguments in calls:
            world.upstream.clear()
            given = {key: booked.data["event_id"] if value == "$" else value for key, value in arguments.items()}
            answer = await world.call(tool, role=role, **given)
            assert answer.failure is None, (tool, answer.failure)
            assert 1 <= len(world.upstream) <= most, (tool, world.upstream)


@module_loop
async def test_a_minute_has_fewer_requests_than_google_allows() -> None:
    clock = SleptClock()
    limiter = Limiter(540, clock=clock, sleep=clock.sleep)
    sent = 0
    while clock.seconds < 60:
        await limiter.take("one", within=2.5)
        sent += 1
    assert 500 <= sent <= 545
    slept = clock.seconds
    await limiter.take("another account has a minute of its own", within=2.5)
    assert clock.seconds == slept


@module_loop
async def test_a_turn_that_comes_soon_is_waited_for_and_a_later_one_refused_at_once() -> None:
    """Sixty at once, then nine a second."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    limiter = Limiter(600, clock=lambda: 0.0, sleep=sleep)
    for _ in range(60):
        await limiter.take("one", within=2.5)
    assert waits == []
    for _ in range(4):
        await limiter.take("one", within=2.5)
    assert waits == [0.12, 0.23, 0.34, 0.45]
    with pytest.raises(TryLater) as refused:
        await limiter.take("one", within=2.5)
    assert refused.value.retry_after == 0.56
    assert not limiter.allows("one")
    assert len(waits) == 4


@module_loop
async def test_a_call_with_little_time_left_does_not_spend_it_on_waiting() -> None:
    clock = SleptClock()
    limiter = Limiter(600, clock=clock, sleep=clock.sleep)
    for _ in range(60):
        await limiter.take("one", within=0.2)
    with pytest.raises(TryLater):
        await limiter.take("one", within=0.2)
    assert clock.seconds == 0.0
    # Who was refused has taken nobody's turn.
    await limiter.take("one", within=2.5)
    assert clock.seconds == 0.12


@module_loop
async def test_a_busy_moment_is_not_heard_by_the_caller(tmp_path: Path) -> None:
    async with open_world(
        tmp_path, GOOGLE_CALENDAR_REQUESTS_PER_MINUTE="140"
    ) as world:  # 14 at once, then 2.1 a second
        answers = [await world.call("calendar_check_availability", **WINDOW) for _ in range(16)]
        assert [answer.failure for answer in answers if answer.failure] == []


@module_loop
async def test_a_busy_minute_is_a_passing_trouble_and_nothing_is_sent(tmp_path: Path) -> None:
    async with open_world(tmp_path, GOOGLE_CALENDAR_REQUESTS_PER_MINUTE="10") as world:
        kinds: list[ErrorKind | None] = []
        for _ in range(3):
            answer = await world.call("calendar_check_availability", **WINDOW)
            kinds.append(answer.failure.kind if answer.failure else None)
        assert ErrorKind.TRY_LATER in kinds
        assert len(world.upstream) <= 2


@module_loop
async def test_tries_that_follow_a_refusal_count_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, GOOGLE_CALENDAR_REQUESTS_PER_MINUTE="20") as world:  # two at once
        await world.fault("GET */events", status=503, times=9)
        answer = await world.call("calendar_check_availability", **WINDOW)
        assert answer.failure is not None
        assert len(world.upstream) == 2


SERIES_WRITES: list[tuple[int, str, dict[str, Any]]] = [
    (2, "calendar_update_event", {"event_id": "$_20261201T180000Z", "scope": "this", "summary": "One"}),
    (3, "calendar_update_event", {"event_id": "$_20261208T180000Z", "scope": "this_and_following", "summary": "Two"}),
    (2, "calendar_update_event", {"event_id": "$", "scope": "all", "summary": "All"}),
    (2, "calendar_delete_event", {"event_id": "$_20261201T180000Z", "scope": "this"}),
    (2, "calendar_delete_event", {"event_id": "$_20261201T180000Z", "scope": "this_and_following"}),
    (2, "calendar_delete_event", {"event_id": "$", "scope": "all"}),
]


@module_loop
async def test_a_write_on_a_series_is_two_requests_and_a_split_three(world: World) -> None:
    booked = await world.call("calendar_create_event", role=Role.OWNER, **SERIES)
    for most, tool, arguments in SERIES_WRITES:
        world.upstream.clear()
        given = {**arguments, "event_id": arguments["event_id"].replace("$", booked.data["event_id"])}
        answer = await world.call(tool, role=Role.OWNER, **given)
        assert answer.failure is None, (tool, answer.failure)
        assert len(world.upstream) <= most, (tool, world.upstream)


@module_loop
async def test_looking_whether_a_time_is_free_asks_for_times_and_for_no_words(world: World) -> None:
    for tool, arguments in (
        ("calendar_check_availability", WINDOW),
        ("calendar_find_slots", {**WINDOW, "minutes": 30}),
        ("calendar_book_slot", WINDOW),
    ):
        await world.call(tool, **arguments)
        fields = parse_qs(world.asked[-1].partition("?")[2])["fields"][0]
        assert "start" in fields
        assert "summary" not in fields
        assert "description" not in fields


@module_loop
async def test_requests_share_a_kept_connection(world: World) -> None:
    await world.call("calendar_list_events")
    world.lines.clear()
    for day in (24, 25, 26):
        span = {"start": f"2026-11-{day}T19:00", "end": f"2026-11-{day}T20:00"}
        assert (await world.call("calendar_create_event", summary="Maria", **span)).failure is None
    assert len(world.lines) == 1


def test_a_read_has_two_and_a_half_seconds_and_a_write_five() -> None:
    nothing: Any = None  # no tool is run
    deadlines = GoogleCalendarSettings(
        _env_file=None, VOXIE_MODE="demo", GOOGLE_CALENDAR_ACCESS_TOKEN="sandbox"
    ).deadlines
    seconds = {spec.name: deadlines.of(reads=spec.reads) for spec in tool_specs(nothing, nothing)}
    assert {name for name, most in seconds.items() if most == 2.5} == {tool for tool, _ in READS}
    assert {name for name, most in seconds.items() if most == 5.0} == {tool for tool, _ in WRITES}
    assert deadlines.vendor_read < 2.5
    assert deadlines.vendor_write < 5.0
