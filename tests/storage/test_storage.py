"""When a storage is closed nothing of it goes on: neither a thread, nor a connection, nor a look that was under way."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from storage import Storage
from tests.postgres import async_url
from tests.storage.threads import sqlite_threads

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
OFTEN = 20
"""A thread that nobody waits for may end in time by luck, but not so often."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Generator[None]:
    """Whatever a test does with a storage, none of its threads is alive afterwards."""
    before = sqlite_threads()
    yield
    assert sqlite_threads() <= before


@pytest.fixture
async def storage(database_url: str) -> AsyncGenerator[Storage]:
    async with contextlib.aclosing(Storage(async_url(database_url))) as opened:
        async with opened.engine.begin() as connection:
            await connection.exec_driver_sql("create table notes (text varchar(20))")
        yield opened


class Holder:
    """Somebody who holds a connection until told to go on."""

    def __init__(self, storage: Storage, statement: str = "insert into notes values ('kept')") -> None:
        self.may_go_on = asyncio.Event()
        self._has_it = asyncio.Event()
        self._storage = storage
        self._statement = statement
        self.task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async with self._storage.engine.begin() as connection:
            self._has_it.set()
            await self.may_go_on.wait()
            await connection.exec_driver_sql(self._statement)

    async def has_it(self) -> None:
        await self._has_it.wait()


async def notes(url: str) -> list[str]:
    async with contextlib.aclosing(Storage(async_url(url))) as again, again.engine.connect() as connection:
        return list((await connection.exec_driver_sql("select text from notes")).scalars())


async def test_who_holds_a_connection_finishes_before_it_is_closed(storage: Storage, database_url: str) -> None:
    holders = [Holder(storage) for _ in range(2 if "postgres" in database_url else 1)]
    for holder in holders:
        await holder.has_it()
    closing = asyncio.create_task(storage.aclose())
    for holder in holders:
        await asyncio.sleep(0)
        assert not closing.done()
        holder.may_go_on.set()
        await holder.task
    await closing
    assert await notes(database_url) == ["kept"] * len(holders)


async def test_who_is_cancelled_is_rolled_back_and_closed(storage: Storage, database_url: str) -> None:
    holder = Holder(storage)
    await holder.has_it()
    holder.task.cancel()
    await storage.aclose()
    assert holder.task.cancelled()
    assert await notes(database_url) == []


@pytest.mark.parametrize("statement", ["select 1", ENDLESS], ids=["idle", "endless"])
async def test_who_never_gives_it_back_is_cut_off(tmp_path: Path, statement: str) -> None:
    storage = Storage(f"sqlite+aiosqlite:///{tmp_path / 's.sqlite3'}", patience=0)
    holder = Holder(storage, statement)
    if statement is ENDLESS:
        holder.may_go_on.set()
    await holder.has_it()
    async with asyncio.timeout(20):
        await storage.aclose()
        with pytest.raises(asyncio.CancelledError):
            await holder.task


@pytest.mark.parametrize("attempt", range(OFTEN))
def test_a_file_that_cannot_be_opened_leaves_no_thread_to_a_closed_loop(tmp_path: Path, attempt: int) -> None:
    async def open_it() -> None:
        async with contextlib.aclosing(Storage(f"sqlite+aiosqlite:///{tmp_path}/nowhere/s.sqlite3")) as storage:
            with pytest.raises(OperationalError, match="unable to open"):
                await storage.engine.connect()

    asyncio.run(open_it())


@pytest.mark.parametrize("attempt", range(OFTEN))
def test_an_opening_that_is_cancelled_leaves_no_thread_to_a_closed_loop(tmp_path: Path, attempt: int) -> None:
    async def open_it() -> None:
        async with contextlib.aclosing(Storage(f"sqlite+aiosqlite:///{tmp_path / 's.sqlite3'}")) as storage:
            opening = asyncio.ensure_future(storage.engine.connect())
            for _ in range(attempt % 4):
                await asyncio.sleep(0)
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await (await opening).close()

    asyncio.run(open_it())
