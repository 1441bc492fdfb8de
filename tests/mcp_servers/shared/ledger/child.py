"""A process that uses a ledger, for tests that kill it or let two of them race: ``child.py WHAT URL``."""

import asyncio
import json
import sys
from typing import Any

from mcp_servers.shared.ledger import LedgerDatabase, Operations, Reservations, SlotTaken

NOW = 1_000_000.0
OPERATIONS = 20
ASKERS = 15
PLACES = 10
SPAN = (NOW, NOW + 60)


async def hold(database: LedgerDatabase) -> None:
    """Begin, reserve, and never come back."""
    _, operation = await Operations(database).begin(key="k" * 16, epoch=None, tool="book", workspace="w", request={})
    await reserve(Reservations(database), operation.id, capacity=1)
    say({"operation": operation.id})
    await asyncio.Event().wait()


async def die_inside(database: LedgerDatabase) -> None:
    """Stop within a transaction that holds the lock and has written."""
    async with database.alone("calendar c") as connection:
        statement = "insert into reservations values ('half', 1, 'c', 1000000.0, 1000060.0, 'event', false, 9000000.0)"
        await connection.exec_driver_sql(statement)
        say({"inside": True})
        await asyncio.Event().wait()


async def race(database: LedgerDatabase) -> None:
    """Begin the same operations and ask for the same places as another process."""
    operations, reservations = Operations(database), Reservations(database)
    async with database.alone("warm"):
        pass
    say({"ready": True})
    await asyncio.to_thread(sys.stdin.readline)
    begun = await asyncio.gather(*(begin(operations, n) for n in range(OPERATIONS)))
    who = database.owner
    got = await asyncio.gather(*(asks(reservations, f"{who} {n}") for n in range(ASKERS)))
    say({"begun": begun, "places": sum(got)})


async def begin(operations: Operations, n: int) -> str:
    begun, _ = await operations.begin(key=f"operation {n:08}", epoch=None, tool="book", workspace="w", request={})
    return begun.value


async def asks(reservations: Reservations, who: str) -> bool:
    try:
        await reserve(reservations, who, capacity=PLACES)
    except SlotTaken:
        return False
    return True


async def reserve(reservations: Reservations, who: str, *, capacity: int) -> None:
    await reservations.reserve(operation_id=who, calendar="c", span=SPAN, resource_id="event", capacity=capacity)


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    what, url = sys.argv[1:]
    database = LedgerDatabase(url, secret=b"s", now=lambda: NOW)
    await {"hold": hold, "die_inside": die_inside, "race": race}[what](database)
    await database.aclose()


if __name__ == "__main__":
    asyncio.run(main())
