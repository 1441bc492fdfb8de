"""A backend on a real socket, for the tests of its credentials."""

import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from backend.app import create_app
from backend.connections.probe import Probe
from backend.db import Database
from backend.registry.health import ServerHealth
from backend.settings import BackendSettings
from tests.backend.template import put_migrated
from tests.clock import Clock
from tests.running import RunningApp, start

SERVICE_TOKEN = "a-service-token-for-tests"
MCP_SERVICE_TOKEN = "the-token-of-the-mcp-servers"
ISSUER = "http://backend.test"


def backend_settings(state: Path, **further: Any) -> BackendSettings:
    """Demo mode with call tokens, unless told otherwise."""
    values = {
        "VOXIE_MODE": "demo",
        "VOXIE_STATE": str(state),
        "BACKEND_SERVICE_TOKEN": SERVICE_TOKEN,
        "MCP_AUTH": "jwks",
        "BACKEND_ISSUER_URL": ISSUER,
        "MCP_SERVICE_TOKEN": MCP_SERVICE_TOKEN,
        "BACKEND_CHORES": "false",
        **further,
    }
    return BackendSettings(_env_file=None, **values)


def free_port() -> int:
    """A port that nothing listens on: the backend tells its own address to vendors, so it must know it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Backend:
    """A running backend.

    Args:
        app: where it is served.
        api: a client with the service token.
        clock: its time.
        settings: its settings.
        probe: tries its connections when a test says so.
        health: looks at its MCP servers when a test says so.
    """

    app: RunningApp
    api: httpx.AsyncClient
    clock: Clock
    settings: BackendSettings
    probe: Probe
    health: ServerHealth

    async def get(self, path: str, **options: Any) -> Any:
        answer = await self.api.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, json: Any = None, *, expect: int = 200) -> Any:
        answer = await self.api.post(path, json=json)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def delete(self, path: str, *, expect: int = 204) -> None:
        answer = await self.api.delete(path)
        assert answer.status_code == expect, answer.text

    async def start_call(self, **new: Any) -> str:
        """A call of the demo's restaurant; its id."""
        return (await self.post("/api/calls", {"agent_id": "restaurant", **new}, expect=201))["id"]

    async def access(self, call: str) -> dict[str, dict[str, Any]]:
        """How the call's worker reaches each server."""
        bootstrap = await self.post(f"/api/calls/{call}/bootstrap")
        return {server["name"]: server for server in bootstrap["servers"]}


@asynccontextmanager
async def serve_backend(
    state: Path, *, clock: Clock | None = None, database: Database | None = None, **further: Any
) -> AsyncGenerator[Backend]:
    """Serve a backend within a block, on a database of its own unless one is given."""
    port = free_port()
    settings = backend_settings(state, BACKEND_PORT=port, **further)
    clock = clock or Clock()
    if database is None and "DATABASE_URL" not in further:
        put_migrated(state)
    asgi = create_app(settings, now=clock.now, prepared=database)
    served = await start(asgi, port=port)
    headers = {"authorization": f"Bearer {SERVICE_TOKEN}"}
    try:
        async with httpx.AsyncClient(base_url=served.url, headers=headers, trust_env=False, timeout=30) as api:
            yield Backend(served, api, clock, settings, asgi.state.probe, asgi.state.server_health)
    finally:
        await served.stop()


async def connect_google(
    owner: httpx.AsyncClient, *, account: str = "demo@sandbox.example", untick: str | None = None
) -> httpx.Response:
    """Begin at the API, answer the sandbox's consent page as a person does, and come back."""
    begun = await owner.post("/api/connections/oauth", json={"server": "google-calendar"})
    assert begun.status_code == 201, begun.text
    started = begun.json()
    async with httpx.AsyncClient(trust_env=False, timeout=30) as person:
        page = await person.get(started["authorize_url"])
        assert page.status_code == 200, page.text
        boxes = re.findall(r'type="checkbox" name="scope" value="([^"]+)"', page.text)
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
        form = {
            "ticket": ticket,
            "account": account,
            "scope": [box for box in boxes if box != untick],
            "decision": "allow",
        }
        sent = await person.post(urljoin(started["authorize_url"], "/o/oauth2/v2/auth"), data=form)
        assert sent.status_code == 302, sent.text
    return await owner.get(sent.headers["location"])
