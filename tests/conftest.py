"""Fixtures for every room."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """Sandbox and servers on real sockets, on a clock that stands still."""
    async with open_world(tmp_path) as opened:
        yield opened
