"""Fixtures for every room.

The process that hands out the tests reads this file too, and waits for its imports: what starts servers is imported late.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests.postgres import database_url as database_url
from tests.postgres import postgres_server as postgres_server
from tests.postgres import postgres_url as postgres_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.world import World

# The thousands of clients that are opened here speak no TLS, and each would take 30 ms to read this machine's certificates.
ssl.create_default_context = cache(ssl.create_default_context)


# Each takes half a minute and more: begun last, one of them would run on alone.
LONGEST = (
    "tests/cli/test_up.py",
    "tests/cli/test_commands.py",
    "tests/node/test_conformance.py",
    "tests/backend/test_openapi.py",
    "tests/mcp_servers/google_calendar/test_race.py",
    "tests/mcp_servers/zapier/test_zapier_crashes.py",
)


# How long an example takes is the machine's affair.
settings.register_profile("voxie", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voxie")


def open_world(state: Path) -> AbstractAsyncContextManager[World]:
    from tests import world

    return world.open_world(state)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="of the soak's generated phrases; one by chance when it is left out")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, whatever order chance has given."""
    first = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.nodeid.split("::")[0], len(LONGEST)))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """Sandbox and servers on real sockets, on a clock that stands still."""
    async with open_world(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    """One world for all tests of a module, which run on one event loop: ``pytest.mark.asyncio(loop_scope="module")``."""
    async with open_world(tmp_path_factory.mktemp("state")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def emptied_world(lasting_world: World) -> AsyncGenerator[World]:
    """The module's world, emptied after each test: ten times faster than a new one."""
    yield lasting_world
    await lasting_world.forget()


@pytest_asyncio.fixture(loop_scope="module")
async def own_world(tmp_path: Path) -> AsyncGenerator[World]:
    """A new world on the module's event loop, for a test that stops what the others share."""
    async with open_world(tmp_path) as opened:
        yield opened
