"""A task that is cancelled in the middle of a transaction, as when a caller hangs up, leaves no lock on the file."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from storage import Storage

MOMENTS = 150
"""At which it is cancelled, a fifth of a millisecond apart: from before the opening to after the commit."""
PRAGMAS = ("busy_timeout=5000", "journal_mode=wal", "synchronous=full")


def opened(path: Path) -> Storage:
    """As the ledger opens its file."""
    storage = Storage(f"sqlite+aiosqlite:///{path}", pragmas=PRAGMAS, connect_args={"isolation_level": None})

    @event.listens_for(storage.engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("begin immediate")

    return storage


async def work(storage: Storage) -> None:
    async with storage.engine.begin() as connection:
        await connection.exec_driver_sql("create table if not exists notes (text)")
        for number in range(20):
            statement = "insert into notes select ? union all select ? returning text"
            await connection.exec_driver_sql(statement, (str(number), str(number)))


def locked(path: Path) -> bool:
    """Whether somebody else still may not write."""
    other = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        other.execute("begin immediate").close()
        other.execute("rollback").close()
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


async def test_whenever_a_task_is_cancelled_the_next_can_write(tmp_path: Path) -> None:
    left: list[int] = []
    for moment in range(MOMENTS):
        path = tmp_path / f"{moment}.sqlite3"
        async with contextlib.aclosing(opened(path)) as storage:
            task = asyncio.create_task(work(storage))
            await asyncio.sleep(moment / 5_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if await asyncio.to_thread(locked, path):
            left.append(moment)
    assert left == []
