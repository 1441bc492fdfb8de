"""An SQLAlchemy engine, and the end of every connection that it opened.

``AsyncEngine.dispose`` closes the connections that nobody holds. One that is held is given back to a pool that nobody
closes any more; and aiosqlite works in a thread per connection, which after a cancelled or failed opening is told to end
without being waited for. When the event loop closes first, such a thread fails with "Event loop is closed".
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

PATIENCE_SECONDS = 5.0
"""For those who hold a connection when the storage is closed: as long as SQLite waits for another writer."""
CUT_SECONDS, AGAIN_SECONDS = 10.0, 0.05


class Storage:
    """A database whose connections have ended when ``aclose`` returns, whatever those who held them were doing.

    Args:
        url: an SQLAlchemy async URL, ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``.
        patience: how long ``aclose`` waits for connections to be given back, in seconds.
        pragmas: of every connection to a SQLite file, set while it is opened.
        options: of ``create_async_engine``.
    """

    def __init__(
        self, url: str, *, patience: float = PATIENCE_SECONDS, pragmas: Sequence[str] = (), **options: Any
    ) -> None:
        self._patience = patience
        self._opened: list[aiosqlite.Connection] = []
        self._holders: dict[ConnectionPoolEntry, asyncio.Task[Any] | None] = {}
        self._all_returned = asyncio.Event()
        self._all_returned.set()
        if url.startswith("sqlite"):
            opened = {"async_creator_fn": self._open, "factory": _with(pragmas)}
            options["connect_args"] = {**options.get("connect_args", {}), **opened}
        self.engine = create_async_engine(url, **options)
        event.listen(self.engine.sync_engine, "checkout", self._taken)
        event.listen(self.engine.sync_engine, "checkin", self._returned)
        event.listen(self.engine.sync_engine, "close", _roll_back)

    async def aclose(self) -> None:
        """Wait for those who hold a connection, cut off who still holds one after that, and close all of them."""
        await self._wait(self._patience)
        if self._holders:
            await self._cut_off()
        await self.engine.dispose()
        if threads := [_thread(connection) for connection in self._alive()]:
            await asyncio.to_thread(_join, threads)

    async def _open(self, *args: Any, **options: Any) -> aiosqlite.Connection:
        """Open a SQLite file, remembering its thread before anything can go wrong."""
        connection = aiosqlite.connect(*args, **options)
        # A process that is told to end at once must not wait for it.
        _thread(connection).daemon = True
        self._opened = [*self._alive(), connection]
        return await connection

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_returned.wait()

    async def _cut_off(self) -> None:
        """Cancel the tasks that hold a connection; a cancelled one waits for its statement, so that is ended too."""
        for task in {*self._holders.values()}:
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CUT_SECONDS):
                while self._holders:
                    # Again and again, since a statement may just be about to begin.
                    await _interrupt(self._alive())
                    await self._wait(AGAIN_SECONDS)

    def _alive(self) -> list[aiosqlite.Connection]:
        return [connection for connection in self._opened if _thread(connection).is_alive()]

    def _taken(self, _: object, entry: ConnectionPoolEntry, __: object) -> None:
        self._holders[entry] = asyncio.current_task()
        self._all_returned.clear()

    def _returned(self, _: object, entry: ConnectionPoolEntry) -> None:
        self._holders.pop(entry, None)
        if not self._holders:
            self._all_returned.set()


def _with(pragmas: Sequence[str]) -> type[sqlite3.Connection]:
    """Connections that have pragmas from their first moment.

    Set later, by statements of a task, a task that is cancelled between them would leave a connection that nobody closes, with
    a lock on its file.
    """

    class Prepared(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            for pragma in pragmas:
                self.execute(f"pragma {pragma}").close()

    return Prepared


def _roll_back(_: object, entry: ConnectionPoolEntry) -> None:
    """End the transaction of a SQLite connection that is about to be closed, in its thread.

    A cancelled task may leave a cursor in the middle of its rows, kept alive by the traceback of its cancelling. A connection
    with such a cursor is closed in name only: its transaction, and the lock on the file, would stay until somebody collects
    the garbage.
    """
    driver = entry.driver_connection
    if isinstance(driver, aiosqlite.Connection) and _thread(driver).is_alive():
        # Not awaited: nothing is, where connections are thrown away. What is asked of the thread next comes after it.
        driver._tx.put_nowait((None, lambda: _rolled_back(driver)))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _rolled_back(driver: aiosqlite.Connection) -> None:
    with contextlib.suppress(ValueError, sqlite3.Error):
        if driver.in_transaction:
            driver._conn.rollback()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _thread(connection: aiosqlite.Connection) -> threading.Thread:
    return connection._thread  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - aiosqlite offers no way to wait for it


async def _interrupt(connections: Sequence[aiosqlite.Connection]) -> None:
    for connection in connections:
        # One that is not open has no statement.
        with contextlib.suppress(ValueError):
            await connection.interrupt()


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait for threads that were told to end."""
    deadline = time.monotonic() + CUT_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
