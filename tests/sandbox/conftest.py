"""The sandbox alone, on a real socket, on a clock that stands still."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.app import create_app
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.running import RunningApp, running
from tests.sandbox.google import MADRID, Google

BASE = "http://127.0.0.1:3010"


@asynccontextmanager
async def open_sandbox(state: Path, clock: Clock) -> AsyncGenerator[RunningApp]:
    """The app on a state folder; opened again on the same folder, it is a restart."""
    settings = SandboxSettings(_env_file=None, state=state, zone=MADRID)
    async with running(create_app(settings, now=clock.now)) as served:
        yield served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncGenerator[RunningApp]:
    async with open_sandbox(tmp_path, clock) as served:
        yield served


@pytest.fixture
async def http(tmp_path: Path, clock: Clock) -> AsyncGenerator[httpx.AsyncClient]:
    """The app without a socket in between, for what does not depend on one."""
    settings = SandboxSettings(_env_file=None, state=tmp_path, zone=MADRID, port=3010)
    app = create_app(settings, now=clock.now)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
async def socket(sandbox: RunningApp) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the app on its real socket."""
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        yield client


@pytest.fixture
def google(http: httpx.AsyncClient) -> Google:
    return Google(http)
