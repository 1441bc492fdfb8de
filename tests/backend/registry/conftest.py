"""A backend whose owners add strangers' servers, which the operator lets be on this machine."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from backend.db import Database
from tests.backend.served import Backend, serve_backend
from tests.fakes.strange_mcp import Stranger, stranger

DRAFT: dict[str, Any] = {
    "name": "Shop",
    "kind": "business",
    "business": {"name": "Shop", "hours": {"week": {}}},
    "publish": True,
}


def stored_in(database: Database) -> bytes:
    """Everything that the files of a SQLite database hold."""
    file = Path(database.url.partition("///")[2])
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


@dataclass
class Desk:
    """An owner's desk.

    Args:
        backend: where servers are registered.
        stranger: a server that others run.
    """

    backend: Backend
    stranger: Stranger

    async def add(self, **changed: Any) -> httpx.Response:
        new = {"name": "tools", "url": self.stranger.mcp_url, **changed}
        return await self.backend.api.post("/api/servers", json=new)

    async def added(self, **changed: Any) -> dict[str, Any]:
        answer = await self.add(**changed)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def server(self, server_id: str) -> dict[str, Any]:
        return await self.backend.get(f"/api/servers/{server_id}")

    async def named(self, name: str) -> dict[str, Any]:
        servers = (await self.backend.get("/api/servers"))["items"]
        return next(server for server in servers if server["name"] == name)

    async def audited(self) -> list[dict[str, Any]]:
        """Changes of servers, in no order: the clock stands still."""
        entries = (await self.backend.get("/api/audit"))["items"]
        return [entry for entry in entries if entry["action"].startswith("server.")]

    async def tools(self, server_id: str) -> dict[str, dict[str, Any]]:
        found = await self.backend.get(f"/api/servers/{server_id}/tools", params={"limit": 200})
        return {tool["name"]: tool for tool in found["items"]}

    async def approve(self, server_id: str, *names: str) -> dict[str, Any]:
        tools = await self.tools(server_id)
        seen = {name: tool["fingerprint"] for name, tool in tools.items() if not names or name in names}
        return await self.backend.post(f"/api/servers/{server_id}/approve", {"tools": seen})

    async def agent(self, *tools: str, servers: tuple[str, ...] = ("tools",)) -> str:
        new = {**DRAFT, "servers": servers, "tools": tools}
        return (await self.backend.post("/api/agents", new, expect=201))["spec"]["id"]

    async def offered(self, agent: str) -> dict[str, dict[str, Any]]:
        """What a new call of an agent is given, by server."""
        return await self.backend.access(await self.backend.start_call(agent_id=agent))

    async def later(self) -> None:
        """Ten minutes pass, and the registry looks."""
        self.backend.clock.advance(minutes=10)
        await self.backend.health.look_at_due()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path, database: Database) -> AsyncGenerator[Desk]:
    further: dict[str, Any] = {"database": database, "BACKEND_PRIVATE_HOSTS": "127.0.0.1"}
    async with stranger() as fake, serve_backend(tmp_path, **further) as backend:
        yield Desk(backend, fake)
