"""Fixtures of the Zapier server's tests."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.mcp_servers.zapier.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """The server and the sandbox, on a clock that stands still."""
    async with open_desk(tmp_path) as opened:
        yield opened
