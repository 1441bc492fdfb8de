"""Fixtures for every room."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.postgres import database_url as database_url
from tests.postgres import postgres_server as postgres_server
from tests.postgres import postgres_url as postgres_url
from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """Sandbox and servers on real sockets, on a clock that stands still."""
    async with open_world(tmp_path) as opened:
        yield opened
