"""Google's error table: each status by what happens next, on a read and on a write."""

from dataclasses import dataclass
from typing import Any

import pytest

from contracts.results import ErrorKind
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


WINDOW = {"start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}
TABLE = {"summary": "Maria", **WINDOW}


@dataclass(frozen=True)
class Row:
    """One answer of Google's and what follows when it does not pass."""

    status: int
    domain: str
    reason: str
    kind: ErrorKind
    retried: bool = False
    wait: float | None = None

    def body(self) -> dict[str, Any]:
        detail = {"domain": self.domain, "reason": self.reason, "message": "canary-of-google"}
        return {"error": {"errors": [detail], "code": self.status, "message": "canary-of-google"}}

    @property
    def name(self) -> str:
        return f"{self.status}-{self.reason}"


ROWS = [
    Row(400, "calendar", "timeRangeEmpty", ErrorKind.BAD_REQUEST),
    Row(400, "global", "invalid", ErrorKind.BAD_REQUEST),
    Row(401, "global", "authError", ErrorKind.NEEDS_RECONNECT),
    Row(403, "usageLimits", "userRateLimitExceeded", ErrorKind.TRY_LATER, retried=True),
    Row(403, "usageLimits", "rateLimitExceeded", ErrorKind.TRY_LATER, retried=True),
    Row(403, "usageLimits", "quotaExceeded", ErrorKind.TRY_LATER, wait=3600.0),
    Row(403, "calendar", "forbiddenForNonOrganizer", ErrorKind.NOT_ALLOWED),
    Row(403, "calendar", "forbiddenForServiceAccounts", ErrorKind.NOT_ALLOWED),
    Row(403, "global", "insufficientPermissions", ErrorKind.NEEDS_RECONNECT),
    Row(403, "usageLimits", "accessNotConfigured", ErrorKind.NEEDS_RECONNECT),
    Row(404, "global", "notFound", ErrorKind.NOT_FOUND),
    Row(412, "global", "conditionNotMet", ErrorKind.CONFLICT),
    Row(429, "usageLimits", "rateLimitExceeded", ErrorKind.TRY_LATER, retried=True),
    Row(500, "global", "backendError", ErrorKind.UNAVAILABLE, retried=True),
    Row(503, "global", "backendError", ErrorKind.UNAVAILABLE, retried=True),
]
UNKNOWN_AFTER_A_WRITE = {500, 503}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_read_says_what_happens_next(world: World, row: Row) -> None:
    await world.call("calendar_check_availability", **WINDOW)
    world.upstream.clear()
    await world.fault("GET */events", status=row.status, body=row.body(), times=20)
    answer = await world.call("calendar_check_availability", **WINDOW)
    assert answer.failure is not None
    assert answer.failure.kind is row.kind
    assert "canary" not in str(answer.data)
    assert (len(world.upstream) > 1) is row.retried
    if row.kind is ErrorKind.TRY_LATER:
        assert answer.failure.retry_after is not None
        assert row.wait is None or answer.failure.retry_after == row.wait


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_write_says_what_happens_next_and_never_that_it_is_booked(world: World, row: Row) -> None:
    await world.fault("POST */events", status=row.status, body=row.body(), times=20)
    answer = await world.call("calendar_create_event", **TABLE)
    assert answer.failure is not None
    wanted = ErrorKind.OUTCOME_UNKNOWN if row.status in UNKNOWN_AFTER_A_WRITE else row.kind
    assert answer.failure.kind is wanted
    assert answer.receipt is None
    assert await world.events() == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.retried], ids=lambda row: row.name)
@pytest.mark.parametrize("route", ["GET */events", "POST */events"])
async def test_one_passing_refusal_does_not_reach_the_caller(world: World, row: Row, route: str) -> None:
    await world.fault(route, status=row.status, body=row.body())
    answer = await world.call("calendar_create_event", **TABLE)
    assert answer.receipt is not None
    assert len(await world.events()) == 1


async def test_the_wait_that_google_asks_for_is_kept(world: World) -> None:
    await world.call("calendar_check_availability", **WINDOW)
    world.upstream.clear()
    await world.fault("GET */events", status=429, headers={"retry-after": "30"}, times=5)
    answer = await world.call("calendar_check_availability", **WINDOW)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.retry_after) == (ErrorKind.TRY_LATER, 30.0)
    assert len(world.upstream) == 1


async def test_a_line_that_is_always_cut_makes_a_read_unavailable(world: World) -> None:
    await world.fault("GET */events", cut="before", times=20)
    answer = await world.call("calendar_check_availability", **WINDOW)
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.UNAVAILABLE


async def test_google_slower_than_the_deadline_is_given_up_in_time(world: World) -> None:
    await world.call("calendar_check_availability", **WINDOW)
    await world.fault("GET */events", delay=8)
    answer = await world.call("calendar_check_availability", deadline=0.3, **WINDOW)
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize("body", [[], "text", None, {"items": []}, {"timeZone": "Mars/Olympus"}], ids=str)
async def test_an_answer_that_makes_no_sense_is_never_read_as_free(world: World, body: Any) -> None:
    await world.call("calendar_check_availability", **WINDOW)
    await world.fault("GET */events", status=200, body=body if body is not None else "", times=5)
    answer = await world.call("calendar_check_availability", **WINDOW)
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.UNAVAILABLE
