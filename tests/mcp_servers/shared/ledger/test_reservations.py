"""Reservations: a row first, and its order decides; never more promises than places."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_servers.shared.ledger import LedgerDatabase, Reservation, Reservations, SlotTaken
from mcp_servers.shared.ledger.reservations import KEPT_SECONDS, SETTLING_SECONDS, most_at_once
from tests.clock import Clock
from tests.mcp_servers.shared.ledger.times import HOLD_SECONDS

SEVEN, HALF = 1000.0, 1030.0
Span = tuple[float, float]


async def reserve(
    reservations: Reservations, who: str, span: Span = (SEVEN, HALF), *, capacity: int = 1, calendar: str = "c"
) -> Reservation:
    return await reservations.reserve(
        operation_id=who, calendar=calendar, span=span, resource_id=f"event of {who}", capacity=capacity
    )


async def test_a_span_is_promised_to_the_first(reservations: Reservations) -> None:
    await reserve(reservations, "maria")
    with pytest.raises(SlotTaken):
        await reserve(reservations, "tom")


@pytest.mark.parametrize("span", [(990.0, 1001.0), (1029.0, 1040.0), (1010.0, 1020.0), (900.0, 2000.0)])
async def test_a_span_that_overlaps_by_a_second_is_taken(reservations: Reservations, span: Span) -> None:
    await reserve(reservations, "maria")
    with pytest.raises(SlotTaken):
        await reserve(reservations, "tom", span)


@pytest.mark.parametrize("span", [(970.0, SEVEN), (HALF, 1060.0)])
async def test_back_to_back_does_not_overlap(reservations: Reservations, span: Span) -> None:
    await reserve(reservations, "maria")
    await reserve(reservations, "tom", span)


async def test_another_calendar_is_another_promise(reservations: Reservations) -> None:
    await reserve(reservations, "maria")
    await reserve(reservations, "tom", calendar="c" * 300)


async def test_the_same_booking_is_promised_again_and_counts_once(reservations: Reservations) -> None:
    await reserve(reservations, "maria")
    await reserve(reservations, "maria")
    assert len(await reservations.live("c", (SEVEN, HALF))) == 1


async def test_as_many_overlap_as_there_are_places(reservations: Reservations) -> None:
    for who in ("maria", "tom", "ann"):
        await reserve(reservations, who, capacity=3)
    with pytest.raises(SlotTaken):
        await reserve(reservations, "bob", capacity=3)


async def test_a_promise_is_over_when_it_is_released_or_nobody_kept_it(
    reservations: Reservations, clock: Clock
) -> None:
    await reserve(reservations, "maria")
    await reservations.release("maria")
    await reserve(reservations, "tom")
    clock.advance(seconds=HOLD_SECONDS + 1)
    await reserve(reservations, "ann")


async def test_a_confirmed_promise_counts_until_the_vendors_own_list_shows_it(
    reservations: Reservations, clock: Clock
) -> None:
    await reserve(reservations, "maria")
    await reservations.confirm("maria")
    clock.advance(seconds=SETTLING_SECONDS - 1)
    with pytest.raises(SlotTaken):
        await reserve(reservations, "tom")
    clock.advance(seconds=2)
    await reserve(reservations, "tom")


async def test_the_order_of_promises_says_who_came_first(reservations: Reservations) -> None:
    first = await reserve(reservations, "maria", capacity=2)
    second = await reserve(reservations, "tom", capacity=2)
    assert [r.operation_id for r in await reservations.ahead_of(second)] == ["maria"]
    assert await reservations.ahead_of(first) == []


async def test_rows_that_count_no_more_are_not_kept_for_ever(reservations: Reservations, clock: Clock) -> None:
    for n in range(5):
        await reserve(reservations, f"caller {n}")
        clock.advance(seconds=KEPT_SECONDS + HOLD_SECONDS + 1)
    async with reservations._db.reading() as connection:
        rows = await connection.exec_driver_sql("select count(*) from reservations")
        assert rows.scalar() == 1


async def test_of_many_who_ask_at_once_as_many_are_promised_as_there_are_places(
    replica: Callable[[], LedgerDatabase],
) -> None:
    replicas = [Reservations(replica()) for _ in range(3)]

    async def ask(n: int) -> bool:
        try:
            await reserve(replicas[n % 3], f"caller {n}", capacity=4)
        except SlotTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(ask(n) for n in range(30)))) == 4


spans = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda s: (float(s[0]), float(s[0] + s[1]))))


@given(spans, st.integers(0, 40), st.integers(1, 20))
def test_the_most_at_once_is_what_counting_each_instant_gives(taken: list[Span], start: int, length: int) -> None:
    within = (float(start), float(start + length))
    instants = [start + n + 0.5 for n in range(length)]
    counted = max(sum(a <= moment < b for a, b in taken) for moment in instants)
    assert most_at_once(taken, within) == counted
