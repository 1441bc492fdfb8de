"""A business whose calls' tokens a test can sign as well."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from backend.db import Database
from tests.backend.broker.exchanges import SEED
from tests.backend.connections.conftest import Shop
from tests.backend.served import serve_backend
from tests.fakes.oauth_vendor import serve_vendor


@asynccontextmanager
async def open_shop(state: Path, database: Database | None = None) -> AsyncGenerator[Shop]:
    """Its backend and the vendors around it within a block."""
    settings = {"BACKEND_SIGNING_KEYS": SEED}
    async with (
        serve_vendor() as vendor,
        serve_backend(state, database=database, BACKEND_SANDBOX_URL=vendor.url, **settings) as backend,
    ):
        yield Shop(backend, vendor)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path, database: Database) -> AsyncGenerator[Shop]:
    """One for each test."""
    async with open_shop(tmp_path, database) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Shop]:
    """One for all tests of a module that changes nothing of it; Google is connected."""
    async with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        await opened.connect()
        yield opened
