"""Exactly once, and never the same table twice."""

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contracts.meta import Role
from contracts.results import Action, ErrorKind, ToolAnswer
from tests.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


TABLE = {"summary": "Maria", "start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}


def key(world: World) -> str:
    """An operation's key as a client would send it, another one in each test."""
    return f"the-clients-operation-{world.session}"


def outcome(answer: ToolAnswer) -> str:
    return answer.failure.kind.value if answer.failure else "booked"


async def test_the_same_operation_books_once_and_repeats_its_receipt(world: World) -> None:
    first = await world.call("calendar_create_event", operation=key(world), **TABLE)
    second = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert first.receipt is not None
    assert second.receipt is not None
    assert (first.receipt.replayed, second.receipt.replayed) == (False, True)
    assert first.receipt.operation_id == second.receipt.operation_id
    assert len(await world.events()) == 1


async def test_without_a_key_from_the_client_the_server_makes_the_same_one(world: World) -> None:
    for _ in range(2):
        await world.call("calendar_create_event", **TABLE)
    assert len(await world.events()) == 1


async def test_the_same_operation_at_the_same_moment_books_once(world: World) -> None:
    answers = await asyncio.gather(
        *(world.call("calendar_create_event", operation=key(world), **TABLE) for _ in range(8))
    )
    assert {outcome(answer) for answer in answers} == {"booked"}
    assert len({answer.data["event_id"] for answer in answers}) == 1
    assert len(await world.events()) == 1


async def test_a_promise_holds_for_as_long_as_the_settings_let_a_write_take(world: World) -> None:
    await world.fault("POST */events", delay=2.0)
    slow = asyncio.create_task(world.call("calendar_create_event", caller="user:ann", call="ann", **TABLE))
    await world.reached("POST")
    # Longer than the usual promise, shorter than what MCP_WRITE_SECONDS and MCP_READ_SECONDS are here.
    world.clock.advance(seconds=60)
    other = await world.call("calendar_create_event", caller="user:bob", call="bob", **TABLE)
    assert (outcome(other), outcome(await slow)) == (ErrorKind.CONFLICT, "booked")
    assert len(await world.events()) == 1


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_cut_around_the_commit_ends_with_one_known_booking(world: World, cut: str) -> None:
    await world.fault("POST */events", cut=cut)
    answer = await world.call("calendar_create_event", **TABLE)
    assert outcome(answer) == "booked"
    assert [event["id"] for event in await world.events()] == [answer.data["event_id"]]


@pytest.mark.parametrize(("cut", "posts"), [("before", 3), ("after", 2)])
async def test_a_token_that_is_refused_after_a_cut_is_no_answer_to_the_write(
    world: World, cut: str, posts: int
) -> None:
    """The line is cut, and the same request, sent again, meets a token that has just run out."""
    await world.fault("POST */events", cut=cut)
    await world.fault("POST */events", status=401)
    first = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert outcome(first) == ErrorKind.OUTCOME_UNKNOWN
    second = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert outcome(second) == "booked"
    assert len(await world.events()) == 1
    assert sum(request.startswith("POST") for request in world.upstream) == posts


async def test_a_lost_answer_is_found_again_and_not_repeated(world: World) -> None:
    """Google commits, then no answer of any kind comes through."""
    await world.fault("POST */events", cut="after", times=4)
    first = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert outcome(first) == ErrorKind.OUTCOME_UNKNOWN
    posts = sum(request.startswith("POST") for request in world.upstream)
    await world.fault("POST */events", status=500, times=10)
    second = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert outcome(second) == "booked"
    assert sum(request.startswith("POST") for request in world.upstream) == posts
    assert len(await world.events()) == 1


async def test_a_lost_answer_is_settled_after_a_restart_without_anybody_asking(world: World) -> None:
    await world.fault("POST */events", cut="after", times=4)
    await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert world.calendar is not None
    await world.calendar.stop()
    world.clock.advance(seconds=60)
    await world.start_calendar()
    answer = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert answer.receipt is not None
    assert len(await world.events()) == 1


async def test_a_booking_that_google_refused_can_be_tried_again(world: World) -> None:
    await world.fault("POST */events", status=403, body={"error": {"errors": [{"reason": "forbidden"}]}})
    assert outcome(await world.call("calendar_create_event", operation=key(world), **TABLE)) == "not_allowed"
    assert outcome(await world.call("calendar_create_event", operation=key(world), **TABLE)) == "booked"


async def test_of_many_who_race_for_one_table_one_gets_it_and_nobody_else_is_told_so(world: World) -> None:
    await world.fault("POST */events", delay=0.3, times=12)  # everybody has looked before the first one is in
    answers = await asyncio.gather(*(world.call("calendar_create_event", call=f"call-{n}", **TABLE) for n in range(12)))
    assert Counter(map(outcome, answers)) == {"booked": 1, "conflict": 11}
    assert len(await world.events()) == 1


async def test_racers_whose_times_only_overlap_do_not_both_get_the_table(world: World) -> None:
    await world.fault("POST */events", delay=0.3, times=3)
    spans = [("19:00", "20:30"), ("19:30", "21:00"), ("18:15", "19:15")]
    answers = await asyncio.gather(
        *(
            world.call(
                "calendar_create_event",
                call=f"call-{start}",
                summary="X",
                start=f"2026-11-24T{start}",
                end=f"2026-11-24T{end}",
            )
            for start, end in spans
        )
    )
    booked = sum(outcome(answer) == "booked" for answer in answers)
    assert booked == len(await world.events()) >= 1
    starts = sorted((event["start"]["dateTime"], event["end"]["dateTime"]) for event in await world.events())
    assert all(first[1] <= second[0] for first, second in pairwise(starts))


async def test_what_the_owner_put_in_google_meanwhile_is_seen_before_booking(world: World) -> None:
    assert (await world.call("calendar_check_availability", start=TABLE["start"], end=TABLE["end"])).data["available"]
    body = {"start": {"dateTime": "2026-11-24T19:00:00+01:00"}, "end": {"dateTime": "2026-11-24T20:00:00+01:00"}}
    await world.google("POST", "/calendars/primary/events", body)
    assert outcome(await world.call("calendar_create_event", **TABLE)) == "conflict"


async def test_the_owner_may_book_over_what_is_there(world: World) -> None:
    await world.call("calendar_create_event", **TABLE)
    answer = await world.call("calendar_create_event", role=Role.OWNER, call="owners", **TABLE)
    assert outcome(answer) == "booked"
    assert len(await world.events()) == 2


async def test_book_cancel_and_book_again_ends_with_one_event(world: World) -> None:
    first = await world.call("calendar_create_event", operation=key(world), epoch=0, **TABLE)
    await world.call("calendar_delete_event", event_id=first.data["event_id"])
    over = await world.call("calendar_create_event", operation=key(world), epoch=0, **TABLE)
    assert over.failure is not None
    assert over.failure.current_epoch == 1
    again = await world.call("calendar_create_event", operation=key(world), epoch=1, **TABLE)
    assert again.receipt is not None
    assert [event["id"] for event in await world.events()] == [again.data["event_id"]] != [first.data["event_id"]]


async def test_what_the_owner_deleted_in_google_is_not_claimed_to_stand(world: World) -> None:
    first = await world.call("calendar_create_event", operation=key(world), **TABLE)
    await world.google("DELETE", f"/calendars/primary/events/{first.data['event_id']}")
    again = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert again.receipt is not None
    assert not again.receipt.replayed
    assert [event["id"] for event in await world.events()] == [again.data["event_id"]]


async def test_a_repeated_receipt_tells_where_the_booking_stands_now(world: World) -> None:
    first = await world.call("calendar_create_event", operation=key(world), **TABLE)
    moved = {
        "start": {"dateTime": "2026-11-24T21:00:00+01:00"},
        "end": {"dateTime": "2026-11-24T22:30:00+01:00"},
    }
    await world.google("PATCH", f"/calendars/primary/events/{first.data['event_id']}", moved)
    again = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert "at 9 PM" in again.data["speech"]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_cancellation_whose_line_is_cut_ends_known(world: World, cut: str) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    await world.fault("DELETE */events/*", cut=cut)
    answer = await world.call("calendar_delete_event", event_id=booked.data["event_id"])
    assert answer.receipt is not None
    assert answer.receipt.action is Action.CANCELLED
    assert await world.events() == []


async def test_cancelling_twice_is_one_cancellation(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    for _ in range(2):
        answer = await world.call("calendar_delete_event", event_id=booked.data["event_id"])
        assert answer.receipt is not None
    assert sum(request.startswith("DELETE") for request in world.upstream) == 1


async def test_a_cancellation_stops_when_the_event_changed_since_it_was_read(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    await world.fault("DELETE */events/*", status=412, body={"error": {"errors": [{"reason": "conditionNotMet"}]}})
    answer = await world.call("calendar_delete_event", event_id=booked.data["event_id"])
    assert outcome(answer) == "conflict"
    assert len(await world.events()) == 1


async def test_a_cancellation_that_is_late_says_what_changed(world: World) -> None:
    booked = await world.call("calendar_create_event", **TABLE)
    await world.fault("DELETE */events/*", delay=0.5)
    ours = asyncio.create_task(world.call("calendar_delete_event", event_id=booked.data["event_id"]))
    await world.reached("DELETE")
    later = {"start": {"dateTime": "2026-11-24T18:00:00+01:00"}}
    await world.google("PATCH", f"/calendars/primary/events/{booked.data['event_id']}", later)
    answer = await ours
    assert answer.failure is not None
    assert "time" in answer.failure.error
    assert "at 6 PM" in answer.failure.speech
    assert len(await world.events()) == 1


TROUBLE: list[dict[str, Any]] = [
    {"status": 429, "headers": {"retry-after": "30"}},
    {"status": 403, "body": {"error": {"errors": [{"reason": "forbidden"}]}}},
    {"status": 503, "headers": {"retry-after": "30"}},
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda trouble: str(trouble["status"]))
@pytest.mark.parametrize("write", ["POST", "PATCH"])
async def test_a_write_that_was_made_is_never_denied_because_google_cannot_be_read_after_it(
    world: World, write: str, trouble: dict[str, Any]
) -> None:
    """The answer is lost, the repetition is refused as known (409 or 412), and the look at what is there fails."""
    if write == "POST":
        tool, arguments = "calendar_create_event", {**TABLE, "operation": key(world)}
    else:
        booked = await world.call("calendar_create_event", **TABLE)
        tool, arguments = "calendar_update_event", {"event_id": booked.data["event_id"], "summary": "Maria and Tom"}
        await world.fault("GET */events/*", delay=0.001)  # the look before the change is answered
    await world.fault(f"{write} */events*", cut="after")
    await world.fault("GET */events/*", **trouble, times=9)
    assert outcome(await world.call(tool, **arguments)) == ErrorKind.OUTCOME_UNKNOWN
    await world.mend()
    assert outcome(await world.call(tool, **arguments)) == "booked"
    assert len(await world.events()) == 1


async def test_a_caller_who_gives_up_early_leaves_a_booking_that_ends_known(world: World) -> None:
    await world.call("calendar_list_events")
    await world.fault("POST */events", delay=1)
    early = await world.call("calendar_create_event", operation=key(world), deadline=0.4, **TABLE)
    assert outcome(early) == ErrorKind.OUTCOME_UNKNOWN
    late = await world.call("calendar_create_event", operation=key(world), **TABLE)
    assert outcome(late) == "booked"
    assert len(await world.events()) == 1


async def test_capacity_counts_how_many_tables_are_taken(tmp_path: Path) -> None:
    async with open_world(tmp_path, GOOGLE_CALENDAR_CAPACITY="3") as world:
        await world.fault("POST */events", delay=0.3, times=7)
        answers = await asyncio.gather(
            *(world.call("calendar_create_event", call=f"call-{n}", **TABLE) for n in range(7))
        )
        assert Counter(map(outcome, answers)) == {"booked": 3, "conflict": 4}
        assert len(await world.events()) == 3
