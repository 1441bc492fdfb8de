"""The ledger among processes: one is killed in the middle, two race."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp_servers.shared.ledger import Begun, LedgerDatabase, Operations, Reservations, SlotTaken
from tests.mcp_servers.shared.ledger import child
from tests.mcp_servers.shared.ledger.conftest import async_url
from tests.mcp_servers.shared.ledger.times import LEASE_SECONDS

SECONDS = 30.0
ROOT = Path(__file__).resolve().parents[4]


@asynccontextmanager
async def process(what: str, url: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", child.__name__, what, async_url(url), cwd=ROOT, stdin=pipe, stdout=pipe
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
        # Its pipes are closed by the loop only after they were read to their ends.
        await running.communicate()


async def heard(running: asyncio.subprocess.Process) -> dict[str, Any]:
    assert running.stdout is not None
    return json.loads(await asyncio.wait_for(running.stdout.readline(), SECONDS))


async def test_what_a_killed_process_was_sending_is_settled_by_another_and_not_sent(database_url: str) -> None:
    async with process("hold", database_url) as sender:
        operation_id = (await heard(sender))["operation"]
        sender.kill()
        await sender.wait()
    now = child.NOW
    database = LedgerDatabase(async_url(database_url), secret=b"s", now=lambda: now)
    operations = Operations(database)
    again = {"key": "k" * 16, "epoch": None, "tool": "book", "workspace": "w", "request": {}}
    assert (await operations.begin(**again))[0] is Begun.WAIT
    try:
        await child.reserve(Reservations(database), "another", capacity=1)
        raise AssertionError("the killed sender's promise still stands")
    except SlotTaken:
        pass
    now += LEASE_SECONDS + 1
    begun, found = await operations.begin(**again)
    assert (begun, found.id) == (Begun.SETTLE, operation_id)
    await database.aclose()


async def test_a_process_killed_inside_a_transaction_leaves_neither_lock_nor_half_a_row(database_url: str) -> None:
    async with process("die_inside", database_url) as writer:
        await heard(writer)
        writer.kill()
        await writer.wait()
    database = LedgerDatabase(async_url(database_url), secret=b"s", now=lambda: child.NOW)
    await asyncio.wait_for(child.reserve(Reservations(database), "next", capacity=1), SECONDS)
    await database.aclose()


async def test_two_processes_on_one_ledger_begin_each_operation_once_and_promise_each_place_once(
    database_url: str,
) -> None:
    async with process("race", database_url) as one, process("race", database_url) as two:
        await asyncio.gather(heard(one), heard(two))
        for racer in (one, two):
            assert racer.stdin is not None
            racer.stdin.write(b"go\n")
            await racer.stdin.drain()
        results = await asyncio.gather(heard(one), heard(two))
    pairs = zip(*(result["begun"] for result in results), strict=True)
    assert [sorted(pair) for pair in pairs] == [["send", "wait"]] * child.OPERATIONS
    assert sum(result["places"] for result in results) == child.PLACES
