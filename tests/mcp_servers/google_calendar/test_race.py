"""Many callers race for few slots: as many bookings as there are slots, each told so, and nobody else.

The full size is 200 callers for 10 slots (``make soak``).
"""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from contracts.results import ErrorKind
from tests.mcp_servers.google_calendar.race import BOOKED, Deployment, Race, deployed

pytestmark = pytest.mark.timeout(300)

SMALL, FULL = (40, 4), (200, 10)
SEED = 20261126
DEADLINE_SECONDS = 5.0
"""Of a write."""
ROUND_TRIP_SECONDS = 1.0
"""What a caller may wait beyond the server's deadline: 200 requests and answers on the way, on two cores."""
REFUSED = {ErrorKind.CONFLICT, ErrorKind.TRY_LATER}

Deploy = Callable[[], AbstractAsyncContextManager[Deployment]]


@pytest.fixture(
    params=["one-process-on-sqlite", pytest.param("two-processes-on-postgres", marks=pytest.mark.needs_postgres)]
)
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Deploy:
    """Starts the servers that the race is run on."""
    if request.param == "one-process-on-sqlite":
        return lambda: deployed(tmp_path, servers=1)
    ledger: str = request.getfixturevalue("postgres_url")
    return lambda: deployed(tmp_path, servers=2, ledger=ledger)


async def test_of_many_callers_each_slot_has_one_who_is_told_so_and_stands_in_google(deploy: Deploy) -> None:
    async with deploy() as deployment:
        race = await Race(deployment, *SMALL, seed=SEED).run()
    check(race)


@pytest.mark.soak
async def test_two_hundred_callers_get_ten_slots_within_the_deadline(deploy: Deploy) -> None:
    async with deploy() as deployment:
        race = await Race(deployment, *FULL, seed=SEED).run()
    print(json.dumps(race.summary()))
    check(race)
    assert race.asked_again == 0, "everybody knows at the first answer"
    assert race.slowest < DEADLINE_SECONDS + ROUND_TRIP_SECONDS


def check(race: Race) -> None:
    """Everybody was told the truth."""
    assert {told.caller for told in race.told} == set(range(race.callers))
    assert {told.kind for told in race.told} <= {BOOKED, *REFUSED}
    assert sorted(told.slot for told in race.winners) == list(range(race.slots)), "one winner a slot"
    assert race.standing == {told.event_id: f"caller {told.caller}" for told in race.winners}
