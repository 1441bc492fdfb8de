"""Several processes of the backend and one refresh token: asked for once, and never lost."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backend.connections.tokens import LEASE
from tests.backend.broker import asker
from tests.backend.conftest import ON_BOTH
from tests.backend.connections.conftest import Shop
from tests.backend.served import serve_backend
from tests.fakes.oauth_vendor import Vendor, serve_vendor

pytestmark = ON_BOTH
SECONDS = 900
"""A bound on what never ends; fifty processes on a machine that is busy with other things take minutes."""


@dataclass
class Forker:
    """Starts processes that ask.

    Args:
        process: has imported what they need, and is forked for each.
    """

    process: asyncio.subprocess.Process

    async def does(self, what: str, told: Any) -> Any:
        """Have it do something; its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps((what, told)).encode())
        async with asyncio.timeout(SECONDS):
            return json.loads(await self.process.stdout.readline())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forker() -> AsyncGenerator[Forker]:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.backend.broker.asker"]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    yield Forker(process)
    process.kill()
    await process.communicate()


@dataclass
class Replicas:
    """Processes beside a backend, on its database.

    Args:
        shop: the backend and the vendor.
        forker: starts them.
        database: where connections are.
        state: where the vault's key is.
        connection: the id of the one they ask for.
        expired: a moment when its access token is expired.
    """

    shop: Shop
    forker: Forker
    database: str
    state: Path
    connection: str
    expired: datetime

    def order(self, *, processes: int = 1, later: timedelta = timedelta()) -> dict[str, Any]:
        return {
            "database": self.database,
            "state": str(self.state),
            "vendor": self.shop.vendor.url,
            "connection": self.connection,
            "now": (self.expired + later).isoformat(),
            "processes": processes,
        }

    async def ask(self, processes: int) -> list[str]:
        """What so many processes get."""
        return await self.forker.does("together", self.order(processes=processes))

    async def killed_while_the_vendor_is_asked(self) -> None:
        """One process asks, and dies (with everything it knows) before the answer reaches it."""
        vendor = self.shop.vendor
        vendor.hold = asyncio.Event()
        process = await self.forker.does("alone", self.order())
        async with asyncio.timeout(SECONDS):
            await vendor.reached.wait()
        assert os.WTERMSIG(await self.forker.does("killed", process)) == signal.SIGKILL
        vendor.hold.set()

    async def next_one(self) -> str:
        """What the next process gets, once the dead one's lease is over."""
        return await asker.ask(self.order(later=LEASE + timedelta(seconds=1)))


@pytest_asyncio.fixture(loop_scope="module")
async def replicas(
    tmp_path: Path, kind: str, new_database: Callable[[str], str], forker: Forker
) -> AsyncGenerator[Replicas]:
    async with (
        serve_vendor() as vendor,
        serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url, DATABASE_URL=new_database(kind)) as backend,
    ):
        shop = Shop(backend, vendor)
        connection = (await shop.connect())["id"]
        expired = backend.clock.now() + timedelta(hours=2)
        yield Replicas(shop, forker, backend.settings.database, tmp_path, connection, expired)


@pytest.mark.parametrize("processes", [8, pytest.param(50, marks=pytest.mark.soak)])
async def test_many_processes_ask_at_once_and_one_refresh_reaches_the_vendor(
    replicas: Replicas, processes: int
) -> None:
    replicas.shop.vendor.rotates = True
    answers = await replicas.ask(processes)
    assert len(answers) == processes
    assert len(set(answers)) == 1
    assert set(answers) <= replicas.shop.vendor.access_tokens
    assert replicas.shop.vendor.refreshes == 1


async def test_killed_before_the_vendor_acts_the_connection_works(replicas: Replicas) -> None:
    vendor: Vendor = replicas.shop.vendor
    vendor.rotates, vendor.acts_before_holding, vendor.drops = True, False, True
    await replicas.killed_while_the_vendor_is_asked()
    vendor.drops = False
    assert await replicas.next_one() in vendor.access_tokens


async def test_killed_after_the_vendor_acted_the_connection_works_where_the_vendor_grants_grace(
    replicas: Replicas,
) -> None:
    vendor = replicas.shop.vendor
    vendor.rotates = vendor.grace = True
    await replicas.killed_while_the_vendor_is_asked()
    assert await replicas.next_one() in vendor.access_tokens


async def test_killed_after_the_vendor_acted_without_grace_the_owner_is_told_within_one_probe(
    replicas: Replicas,
) -> None:
    shop = replicas.shop
    shop.vendor.rotates = True
    await replicas.killed_while_the_vendor_is_asked()
    shop.vendor.expire_access()
    shop.backend.clock.advance(hours=2, minutes=10)
    await shop.backend.probe.check_due()
    (view,) = await shop.connections()
    assert view["status"] == "needs_reconnect"
    assert view["reconnect_url"]


async def test_while_another_process_asks_this_one_waits_and_gets_its_answer(replicas: Replicas) -> None:
    vendor = replicas.shop.vendor
    vendor.hold = asyncio.Event()
    first = asyncio.create_task(asker.ask(replicas.order()))
    async with asyncio.timeout(SECONDS):
        await vendor.reached.wait()
    second = asyncio.create_task(asker.ask(replicas.order()))
    await asyncio.sleep(0.1)
    vendor.hold.set()
    assert await first == await second
    assert vendor.refreshes == 1
