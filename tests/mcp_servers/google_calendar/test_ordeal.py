"""A line that is cut before or after Google commits, and clients that ask again: nothing twice, nothing lost, all known.

The full size is 2,000 operations (``make soak``).
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_servers.google_calendar.ordeal import Booking, Ordeal
from tests.world import open_world

pytestmark = pytest.mark.timeout(300)

SMALL, FULL = 60, 2_000
SEED = 20261126
SECRET = "one-secret-for-the-ledger-of-these-tests"


async def test_over_a_line_that_is_cut_each_write_happens_once_and_its_end_is_known(tmp_path: Path) -> None:
    await endure(tmp_path, SMALL)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_two_thousand_writes_over_a_line_that_is_cut(database_url: str, tmp_path: Path) -> None:
    shared = {"VOXIE_LEDGER_URL": database_url, "VOXIE_LEDGER_SECRET": SECRET}
    print(json.dumps(await endure(tmp_path, FULL, **({} if database_url.startswith("sqlite") else shared))))


async def endure(state: Path, count: int, **ledger: str) -> dict[str, object]:
    """Run it and check it; the figures."""
    async with open_world(state, GOOGLE_CALENDAR_REQUESTS_PER_MINUTE="100000", **ledger) as world:
        ordeal = Ordeal(world, seed=SEED)
        try:
            await ordeal.run(count)
            check(ordeal, await ordeal.standing())
        finally:
            await ordeal.aclose()
        return {
            "operations": len(ordeal.operations),
            "asked": ordeal.asked,
            "cuts": dict(ordeal.cuts),
            "hung up": ordeal.hung_up,
            "settled at the end": ordeal.settled,
        }


def check(ordeal: Ordeal, standing: list[dict[str, Any]]) -> None:
    """Nothing is there twice, nothing is lost, and everything is known."""
    assert {o.number: o.refusals for o in ordeal.operations if o.refusals} == {}, "none had a reason to be refused"
    assert [o.number for o in ordeal.operations if o.data is None] == [], "each end is known"
    assert {o.number: o.operations for o in ordeal.operations if len(o.operations) != 1} == {}, "one id each"
    assert len({id_ for o in ordeal.operations for id_ in o.operations}) == len(ordeal.operations)
    made = Counter(event["description"] for event in standing)
    assert made == Counter(booking.mark for booking in ordeal.bookings), "each was made once, the cancelled ones too"
    events = {event["description"]: event for event in standing}
    assert [lie for booking in ordeal.bookings if (lie := _lie(booking, events[booking.mark]))] == []
    sent = Counter((letter["to"], letter["kind"]) for letter in ordeal.letters)
    due = Counter({(b.guest, kind): count for b in ordeal.bookings for kind, count in b.mails.items()})
    assert sent == due, "each letter was sent once"


def _lie(booking: Booking, event: dict[str, Any]) -> str | None:
    """What Google has other than the receipts say."""
    if (event["status"] == "cancelled") is not booking.cancelled:
        return f"{booking} is {event['status']}"
    told = (booking.event_id, booking.summary, booking.start)
    stands = (event["id"], event["summary"], event["start"]["dateTime"][:19])
    return None if told == stands else f"{told} stands as {stands}"
