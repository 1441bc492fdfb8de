"""The queue on both databases: one row, one sender."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mcp_servers.shared.errors import Conflict
from mcp_servers.shared.ledger import LedgerDatabase
from mcp_servers.zapier.delivery import NewDelivery, Reason, State
from mcp_servers.zapier.pace import Limit
from mcp_servers.zapier.queue import DeliveryQueue
from storage import Storage
from tests.clock import Clock
from tests.postgres import async_url

pytestmark = pytest.mark.needs_zapier

LEASE_SECONDS = 15.0


@asynccontextmanager
async def replicas(
    url: str, state: Path, now: Callable[[], float], *limits: Limit
) -> AsyncGenerator[tuple[DeliveryQueue, DeliveryQueue]]:
    shared = None if url.startswith("sqlite") else url
    databases = [LedgerDatabase.for_service("zapier", state=state, url=shared, now=now) for _ in range(2)]
    first, second = (DeliveryQueue(database, limits=limits, lease_seconds=LEASE_SECONDS) for database in databases)
    yield first, second
    for database in databases:
        await database.aclose()


def new(number: int = 0, *, epoch: int | None = None) -> NewDelivery:
    return NewDelivery(f"key-{number}", epoch, "w", "c", "hook", "1", retry_safe=False, payload={"n": number})


async def test_two_replicas_that_get_the_same_operation_at_once_send_it_once(database_url: str, tmp_path: Path) -> None:
    async with replicas(database_url, tmp_path, Clock().seconds) as queues:
        stored = await asyncio.gather(*(queues[n % 2].store(new()) for n in range(8)))
    assert sorted(mine for _, mine in stored) == [False] * 7 + [True]
    assert len({delivery.id for delivery, _ in stored}) == 1


async def test_two_replicas_never_take_the_same_delivery(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds) as queues:
        for number in range(20):
            delivery, _ = await queues[0].store(new(number))
            await queues[0].try_again(delivery, at=clock.seconds(), reason=Reason.NOT_REACHED, counts=False)
        taken = await asyncio.gather(*(queues[n % 2].claim(most=4) for n in range(8)))
    ids = [delivery.id for some in taken for delivery in some]
    assert len(ids) == len(set(ids)) == 20


@pytest.mark.needs_postgres
async def test_what_a_person_replays_while_it_is_triggered_again_goes_out_once(
    postgres_url: str, tmp_path: Path
) -> None:
    async with (
        replicas(postgres_url, tmp_path, Clock().seconds) as (queue, _),
        contextlib.aclosing(Storage(async_url(postgres_url))) as person,
    ):
        dead, _ = await queue.store(new())
        await queue.give_up(dead, reason=Reason.REFUSED)
        async with person.engine.connect() as replay:
            await replay.execute(sa.text("update zapier_deliveries set state = 'queued'"))
            triggered = asyncio.create_task(queue.store(new()))
            await held_up(person)
            await replay.commit()
        stored, mine = await triggered
    assert (stored.id, stored.state, mine) == (dead.id, State.QUEUED, False), (
        "the replayed one is sent by who claims it"
    )


async def held_up(storage: Storage) -> None:
    """Until somebody waits for another's lock on a row."""
    waiting = sa.text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
    async with asyncio.timeout(30), storage.engine.connect() as connection:
        while not (await connection.execute(waiting)).scalar():
            await connection.rollback()
            await asyncio.sleep(0.01)


async def test_the_rate_is_one_for_all_replicas(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds, Limit(6, 1.0)) as queues:
        stored = [await queues[n % 2].store(new(n)) for n in range(4)]
        assert [mine for _, mine in stored] == [True, False, False, False]
        clock.advance(seconds=0.2)
        assert [len(await queue.claim(most=9)) for queue in queues] == [1, 0]


async def test_a_process_that_comes_back_late_does_not_overrule_who_took_over(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds) as (late, other):
        delivery, _ = await late.store(new())
        assert late.may_still_send(delivery, within=10)
        clock.advance(seconds=LEASE_SECONDS + 1)
        assert not late.may_still_send(delivery, within=10)
        await other.claim(most=1)
        await late.give_up(delivery, reason=Reason.REFUSED)
        seen = await other.get(delivery.id)
        assert seen is not None
        assert (seen.state, seen.reason) == (State.UNKNOWN, Reason.SENDER_DIED)
        await late.accept(delivery, request_id="r")
        seen = await other.get(delivery.id)
        assert seen is not None
        assert (seen.state, seen.payload) == (State.ACCEPTED, None), (
            "that Zapier has it is certain; the payload is erased"
        )


async def test_an_epoch_that_is_over_names_the_current_one(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds) as (queue, _):
        delivery, _ = await queue.store(new())
        await queue.accept(delivery, request_id=None)
        clock.advance(minutes=16)
        with pytest.raises(Conflict) as over:
            await queue.store(new(epoch=7))
        assert over.value.current_epoch == 1
        _, mine = await queue.store(new(epoch=1))
        assert mine


async def test_payloads_are_erased_where_nothing_is_to_be_sent_any_more_and_not_elsewhere(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds) as (queue, _):
        dead, unknown, waiting, late = [(await queue.store(new(number)))[0] for number in range(4)]
        await queue.give_up(dead, reason=Reason.REFUSED)
        await queue.lose_sight(unknown, reason=Reason.NO_ANSWER)
        await queue.try_again(waiting, at=clock.seconds(), reason=Reason.NOT_REACHED, counts=False)
        clock.advance(days=2)
        await queue.give_up(late, reason=Reason.REFUSED)
        clock.advance(days=29)
        await queue.forget(older=30 * 86_400)
        left = [await queue.get(delivery.id) for delivery in (dead, unknown, waiting, late)]
    assert [found and found.state for found in left] == [State.DEAD, State.UNKNOWN, State.QUEUED, State.DEAD]
    assert [found and found.payload for found in left] == [None, None, {"n": 2}, {"n": 3}]


async def test_a_ledger_of_an_earlier_version_gets_the_columns_that_it_lacks_and_keeps_its_rows(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with replicas(database_url, tmp_path, clock.seconds) as (queue, _):
        before, _ = await queue.store(new())
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    storage = Storage(f"sqlite+aiosqlite:///{tmp_path / 'zapier-ledger.sqlite3'}" if url.startswith("sqlite") else url)
    async with storage.engine.begin() as connection:
        await connection.execute(sa.text("alter table zapier_deliveries drop column deferred"))
    await storage.aclose()
    async with replicas(database_url, tmp_path, clock.seconds) as (queue, _):
        assert await queue.get(before.id) == before
        later, _ = await queue.store(replace(new(1), deferred=SecretStr("a grant")))
        assert await queue.get(later.id) == later


async def test_an_operation_has_the_same_id_in_a_ledger_that_was_lost_and_another_where_the_secret_is_another(
    tmp_path: Path,
) -> None:
    """The id is what a Zap can sort out repetitions by, so it must come from the operation, and nobody may guess it."""
    ids: list[str] = []
    for folder, secret in (("first", "a" * 32), ("second", "a" * 32), ("third", "b" * 32)):
        database = LedgerDatabase.for_service(
            "zapier", state=tmp_path / folder, url=None, now=Clock().seconds, secret=SecretStr(secret)
        )
        delivery, _ = await DeliveryQueue(database, limits=(), lease_seconds=LEASE_SECONDS).store(new())
        ids.append(delivery.id)
        await database.aclose()
    assert ids[0] == ids[1] != ids[2]


@given(
    most=st.integers(1, 40),
    seconds=st.sampled_from([1.0, 300.0]),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_window_ever_holds_more_than_the_limit(most: int, seconds: float, gaps: list[float]) -> None:
    limit, now, used, sent = Limit(most, seconds), 0.0, 0.0, list[float]()
    for gap in gaps:
        now += gap
        free = limit.free(used, now)
        if free:
            used = limit.use(used, now, free)
            sent += [now] * free
    for at in sent:
        assert sum(at <= other < at + seconds for other in sent) <= most
