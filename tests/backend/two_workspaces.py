"""A first workspace with one of everything, and a stranger: somebody, a program and a call of a second one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import sqlalchemy as sa

from backend.access.principal import GRANTABLE
from backend.db import Base
from contracts.broker import SUBJECT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT, TOKEN_PATH
from tests.backend.conftest import AS_SERVICE, Backend, open_backend
from tests.backend.served import ISSUER, MCP_SERVICE_TOKEN
from tests.backend.test_doors import LIVEKIT
from tests.fakes.oauth_vendor import Vendor, serve_vendor
from tests.fakes.strange_mcp import Stranger, stranger

FIRST, SECOND = "demo", "second"
MARK = "of-the-first-workspace"
SERVER = "google-calendar"
SHORTEST_MARK = 8
"""Characters. Shorter keys of rows are words that anybody uses."""


@dataclass
class Neighbours:
    """Both workspaces, and what stands around them.

    Args:
        backend: where they are.
        vendor: stands in for Google.
        tools: an MCP server that the first one added.
        ids: of what the first one has, by the name that paths have for them.
        person: somebody of the second one, signed in.
        program: of the second one, with every scope that a key can have.
        agent: of the second one.
        call_token: of a live call of that agent, for the calendar's server.
    """

    backend: Backend
    vendor: Vendor
    tools: Stranger
    ids: dict[str, str]
    person: httpx.AsyncClient
    program: httpx.AsyncClient
    agent: str
    call_token: str

    def anonymous(self, bearer: str | None = None) -> httpx.AsyncClient:
        return self.backend.anonymous(**({"authorization": f"Bearer {bearer}"} if bearer else {}))

    async def exchange(self, **changed: str) -> httpx.Response:
        """Ask the broker as the calendar's server does, with the second workspace's call token."""
        access = (await bootstrapped(self.backend, self.agent, SECOND))[SERVER]
        form = {
            "grant_type": TOKEN_EXCHANGE_GRANT,
            "subject_token": access["token"],
            "subject_token_type": SUBJECT_TOKEN_TYPE,
            "resource": "http://127.0.0.1:3002/mcp",
            **changed,
        }
        async with self.anonymous(MCP_SERVICE_TOKEN) as server:
            return await server.post(TOKEN_PATH, data=form)


async def rows_of(backend: Backend, workspace: str) -> list[str]:
    """Every row that belongs to a workspace, whatever the API shows of it."""
    return [f"{table.name} {row!r}" for table, row in await _rows(backend, workspace)]


async def marks_of(backend: Backend, workspace: str) -> set[str]:
    """Words that only an answer to this workspace may hold: the mark, and the keys of its rows."""
    keys = {row[column] for table, row in await _rows(backend, workspace) for column in table.primary_key.columns}
    agents = {row.id for table, row in await _rows(backend, workspace) if table.name == "agents"}
    words = {key for key in keys - agents if isinstance(key, str) and len(key) >= SHORTEST_MARK}
    return {MARK, *words}


async def _rows(backend: Backend, workspace: str) -> list[tuple[sa.Table, Any]]:
    owned = [table for table in Base.metadata.sorted_tables if "workspace_id" in table.columns]
    found: list[tuple[sa.Table, Any]] = []
    async with backend.database.unscoped("a test looks at everything") as session:
        for table in owned:
            query = sa.select(table).where(table.c.workspace_id == workspace)
            found += [(table, row) for row in (await session.execute(query)).mappings()]
    return found


async def walk(owner: httpx.AsyncClient) -> dict[str, str]:
    """What the vendor sends an owner back with."""
    begun = (await owner.post("/api/connections/oauth", json={"server": SERVER})).json()
    async with httpx.AsyncClient(trust_env=False, timeout=30) as person:
        sent = await person.get(begun["authorize_url"])
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


async def consented(backend: Backend) -> dict[str, str]:
    """The state and the code of a consent that the first workspace began; the cookie that belongs to it is lost."""
    async with backend.anonymous(**AS_SERVICE) as owner:
        return await walk(owner)


async def _fill(backend: Backend, tools: Stranger) -> dict[str, str]:
    owner = await backend.person()
    call = await backend.post("/api/calls", {"agent_id": "restaurant", "caller": MARK})
    path = f"/api/calls/{call['id']}"
    said = {"kind": "turn", "id": "e1", "at": "2026-11-23T09:00:00Z", "speaker": "caller", "text": MARK}
    tool = {"kind": "tool", "id": "e2", "at": "2026-11-23T09:00:00Z", "tool": MARK, "server": MARK, "ms": 5}
    await backend.post(f"{path}/events", {"events": [said, tool]})
    step = {"operation": "o1", "tool": MARK, "server": "s"}
    await backend.post(f"{path}/intents", {"id": "i1", "flow": MARK, "steps": [step]})
    # What a person must look at is what is listed.
    lost = {**tool, "id": "e3", "operation": "o1", "error": "outcome_unknown"}
    await backend.post(f"{path}/events", {"events": [lost]})
    await backend.client.put("/api/phone-numbers/+15550100", json={"agent_id": "restaurant"})
    await backend.client.put("/api/settings/prices", json={"prices": {"stt_seconds": 12}})
    public = await backend.post("/api/agents/restaurant/publishable-keys", {"origins": ["https://www.example.com"]})
    key = await backend.post("/api/keys", {"name": MARK, "scopes": ["agents:read"]})
    server = await backend.post("/api/servers", {"name": "theirs", "title": MARK, "url": tools.mcp_url})
    connected = await backend.client.get("/oauth/callback", params=await walk(backend.client))
    assert connected.status_code == 200, connected.text
    return {
        "agent_id": "restaurant", "call_id": call["id"], "user_id": owner.user["id"], "number": "+15550100",
        "key_id": key["key"]["id"], "publishable": public["id"], "server_id": server["id"],
        "connection_id": connected.json()["id"],
    }  # fmt: skip


async def bootstrapped(backend: Backend, agent: str, workspace: str) -> dict[str, dict[str, Any]]:
    """How the worker of a new call reaches each server."""
    names = {"x-voxie-workspace": workspace}
    call = await backend.post("/api/calls", {"agent_id": agent}, headers=names)
    answer = await backend.post(f"/api/calls/{call['id']}/bootstrap", headers=names)
    return {server["name"]: server for server in answer["servers"]}


def draft(name: str, *servers: str) -> dict[str, Any]:
    """A published agent as its owner writes it."""
    business = {"name": name, "hours": {"week": {}}}
    return {"name": name, "kind": "business", "business": business, "servers": servers, "publish": True}


@asynccontextmanager
async def neighbours(state: Path) -> AsyncGenerator[Neighbours]:
    """Both workspaces within a block.

    Args:
        state: of the backend.
    """
    async with (
        serve_vendor() as vendor,
        stranger() as tools,
        open_backend(
            state,
            **LIVEKIT,
            BACKEND_SANDBOX_URL=vendor.url,
            BACKEND_PRIVATE_HOSTS="127.0.0.1",
            MCP_AUTH="jwks",
            MCP_SERVER_TOKEN=None,
            MCP_SERVICE_TOKEN=MCP_SERVICE_TOKEN,
            BACKEND_ISSUER_URL=ISSUER,
        ) as backend,
    ):
        ids = await _fill(backend, tools)
        person = await backend.person(workspace=SECOND)
        agent = (await person.client.post("/api/agents", json=draft("Ours", SERVER))).json()["spec"]["id"]
        program = await backend.key(*sorted(GRANTABLE), workspace=SECOND)
        token = (await bootstrapped(backend, agent, SECOND))[SERVER]["token"]
        yield Neighbours(backend, vendor, tools, ids, person.client, program, agent, token)
