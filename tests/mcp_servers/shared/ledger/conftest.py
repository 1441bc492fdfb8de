"""A ledger on each kind of database."""

from collections.abc import AsyncGenerator, Callable

import pytest

from mcp_servers.shared.ledger import LedgerDatabase, Operations, Reservations
from tests.clock import Clock
from tests.postgres import async_url as async_url

SECRET = b"a secret that replicas share ...."


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def replica(database_url: str, clock: Clock) -> AsyncGenerator[Callable[[], LedgerDatabase]]:
    """Opens the same database once more, as another process would."""
    opened: list[LedgerDatabase] = []

    def open_one() -> LedgerDatabase:
        opened.append(LedgerDatabase(async_url(database_url), secret=SECRET, now=clock.seconds))
        return opened[-1]

    yield open_one
    for database in opened:
        await database.aclose()


@pytest.fixture
def database(replica: Callable[[], LedgerDatabase]) -> LedgerDatabase:
    return replica()


@pytest.fixture
def operations(database: LedgerDatabase) -> Operations:
    return Operations(database)


@pytest.fixture
def reservations(database: LedgerDatabase) -> Reservations:
    return Reservations(database)
