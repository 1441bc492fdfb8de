"""Servers are killed in the middle of their work; every delivery is accounted for, and none arrives twice by mistake."""

import json
import os
import time
from pathlib import Path

import pytest

from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.mcp_servers.zapier.crashes import SAFE, Crashes, Outcome
from tests.running import running

pytestmark = pytest.mark.needs_zapier

SMALL = (80, 1)
FULL = (5_000, 20)


@pytest.mark.timeout(600)
async def test_deliveries_survive_the_killing_of_their_servers(database_url: str, tmp_path: Path) -> None:
    check(await play(database_url, tmp_path, *SMALL), SMALL[0])


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_five_thousand_deliveries_survive_twenty_killings(database_url: str, tmp_path: Path) -> None:
    begun = time.perf_counter()
    outcome = await play(database_url, tmp_path, *FULL)
    print(json.dumps(summary(outcome, database_url, time.perf_counter() - begun)))
    check(outcome, FULL[0])


async def play(database_url: str, state: Path, count: int, kills: int) -> Outcome:
    settings = SandboxSettings(_env_file=None, state=state, zone="UTC")
    async with running(create_sandbox(settings)) as sandbox:
        database = None if database_url.startswith("sqlite") else database_url
        seed = int.from_bytes(os.urandom(4))
        return await Crashes(sandbox.url, state, database, count, kills, seed=seed).run()


def check(outcome: Outcome, count: int) -> None:
    assert sum(outcome.states.values()) == count, "none is missing and none is there twice"
    assert set(outcome.states) <= {"accepted", "unknown", "dead"}
    # How many depends on what is cut when; a queue that only gives up would have next to none.
    assert outcome.states["accepted"] > count // 4
    assert outcome.reasons_missing == 0
    assert set(outcome.doubled.values()) <= {SAFE}
    assert outcome.claimed_in_vain == []
    assert outcome.never_known == []
    assert set(outcome.arrived) <= set(outcome.rows)


def summary(outcome: Outcome, database_url: str, seconds: float) -> dict[str, object]:
    """One line for docs/results."""
    return {
        "database": database_url.split(":", maxsplit=1)[0],
        "deliveries": FULL[0],
        "kills": FULL[1],
        "seconds": round(seconds, 1),
        "states": dict(outcome.states),
        "arrived": sum(outcome.arrived.values()),
        "twice, all of retry-safe hooks": len(outcome.doubled),
    }
