"""Backend, Zapier server and sandbox, each on a socket of its own, as a deployment has them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_servers.zapier.server import create
from mcp_servers.zapier.settings import ZapierSettings
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.backend.served import MCP_SERVICE_TOKEN, Backend, free_port, serve_backend
from tests.clock import Clock
from tests.patience import PATIENT
from tests.running import RunningApp, running
from tests.world import HOOK


@pytest.fixture
def clock() -> Clock:
    """The time that all of them have."""
    return Clock()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where the backend believes the Zapier server to be."""
    port = free_port()
    monkeypatch.setenv("MCP_ZAPIER_URL", f"http://127.0.0.1:{port}/mcp")
    return port


@pytest.fixture
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncGenerator[RunningApp]:
    settings = SandboxSettings(_env_file=None, state=tmp_path / "sandbox", zone="UTC")
    async with running(create_sandbox(settings, now=clock.now)) as served:
        yield served


@pytest.fixture
async def backend(tmp_path: Path, sandbox: RunningApp, clock: Clock, port: int) -> AsyncGenerator[Backend]:
    assert port
    # The server fetches its keys by the issuer's name, so the issuer is the backend's own address.
    further: dict[str, Any] = {"BACKEND_SANDBOX_URL": sandbox.url, "BACKEND_ISSUER_URL": None}
    async with serve_backend(tmp_path / "backend", clock=clock, **further) as served:
        hook = {"server": "zapier", "name": HOOK, "url": f"{sandbox.url}/hooks/catch/100001/canary-hook-code/"}
        await served.post("/api/connections/hooks", hook, expect=201)
        yield served


@asynccontextmanager
async def zapier(state: Path, backend: Backend, sandbox: RunningApp, *, port: int = 0) -> AsyncGenerator[RunningApp]:
    settings = ZapierSettings(
        _env_file=None,
        VOXIE_MODE="demo",
        VOXIE_STATE=str(state),
        MCP_AUTH="jwks",
        MCP_ISSUER_URL=backend.app.url,
        MCP_SERVICE_TOKEN=MCP_SERVICE_TOKEN,
        ZAPIER_API_URL=sandbox.url,
        **PATIENT,
    )
    async with running(create(settings, now=backend.clock.seconds), port=port) as served:
        yield served
