"""A whole installation under call tokens: backend, MCP servers and vendors on real sockets, and its owners' browsers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit.agents import AgentSession
from pydantic import SecretStr

from spawner.live_call import LiveCall
from tests.backend.served import (
    MCP_SERVICE_TOKEN,
    SERVICE_TOKEN,
    Backend,
    connect_google,
    free_port,
    serve_backend,
)
from tests.patience import PATIENCE
from tests.world import HOOK, World, open_world
from voxie_agents.backend_client import BackendClient
from voxie_agents.offline import OfflineLLM

ACCOUNT = "demo@sandbox.example"
ROOMS = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret" * 6}


@dataclass
class Installation:
    """A whole installation, and its owner's browser.

    Args:
        backend: with call tokens.
        world: the vendors and the MCP servers.
        owner: signed in, of the demo workspace.
    """

    backend: Backend
    world: World
    owner: httpx.AsyncClient

    async def asks(self, method: str, path: str, body: Any = None) -> Any:
        """The owner asks the API."""
        return await ask(self.owner, method, path, body)

    async def set_up(self) -> str:
        """Connect everything as the owner, with an agent from the template; the agent's id."""
        return await set_up(self.owner, self.world)

    @asynccontextmanager
    async def other_owner(self, workspace: str) -> AsyncGenerator[httpx.AsyncClient]:
        """The owner of another workspace, signed in."""
        new = {"email": f"owner@{workspace}.test", "name": "Bo", "password": "correct horse battery", "role": "owner"}
        service = self.backend.api
        await service.post("/api/workspaces", json={"id": workspace, "name": workspace})
        await service.post("/api/users", json=new, headers={"x-voxie-workspace": workspace})
        async with self.browser() as client:
            login = {name: new[name] for name in ("email", "password")}
            signed_in = await ask(client, "POST", "/api/sessions", login)
            client.headers["x-csrf-token"] = signed_in["csrf_token"]
            yield client

    def browser(self) -> httpx.AsyncClient:
        """Somebody's, not signed in."""
        return httpx.AsyncClient(base_url=self.backend.app.url, trust_env=False, timeout=30)

    @asynccontextmanager
    async def call(self, call_id: str) -> AsyncGenerator["Talk"]:
        """The worker's side of a call that was spawned, and a caller who talks by text."""
        client = BackendClient(self.backend.app.url, SecretStr(SERVICE_TOKEN))
        live = LiveCall(
            client, await client.bootstrap(call_id), offline=True, now=self.world.clock.now, deadlines=PATIENCE
        )
        session: Any = AgentSession(llm=OfflineLLM(), max_tool_steps=6)
        live.watch(session)
        await session.start(live.agent, record=False)
        try:
            yield Talk(session, self.world)
        finally:
            await session.aclose()
            await live.aclose()


@dataclass
class Talk:
    """One call, by text."""

    session: Any
    world: World

    async def says(self, *turns: str) -> str:
        answer = ""
        for words in turns:
            self.world.clock.advance(seconds=5)
            events = (await self.session.run(user_input=words)).events
            answer = " ".join(
                event.item.text_content
                for event in events
                if event.type == "message" and event.item.role == "assistant"
            )
        return answer


@pytest.fixture
async def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Installation]:
    """Backend, both MCP servers under call tokens, and the sandbox behind them; nothing is connected yet."""
    ports = {"CALENDAR": free_port(), "ZAPIER": free_port()}
    for name, port in ports.items():
        monkeypatch.setenv(f"MCP_{name}_URL", f"http://127.0.0.1:{port}/mcp")
    async with (
        open_world(tmp_path / "servers", start_servers=False) as world,
        serve_backend(
            tmp_path / "backend",
            clock=world.clock,
            BACKEND_SANDBOX_URL=world.sandbox.url,
            BACKEND_ISSUER_URL=None,
            **ROOMS,
        ) as backend,
    ):
        world.calendar_settings = world.zapier_settings = {
            "MCP_AUTH": "jwks",
            "MCP_SERVER_TOKEN": None,
            "MCP_ISSUER_URL": backend.app.url,
            "MCP_SERVICE_TOKEN": MCP_SERVICE_TOKEN,
            "GOOGLE_CALENDAR_ACCESS_TOKEN": None,
            "ZAPIER_HOOKS": None,
            "ZAPIER_API_KEY": None,
        }
        await world.start_calendar(port=ports["CALENDAR"])
        await world.start_zapier(port=ports["ZAPIER"])
        installation = Installation(
            backend, world, httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30)
        )
        async with installation.owner:
            await become_owner(installation)
            yield installation


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def become_owner(installation: Installation) -> None:
    """By the one-time link that ``voxie up`` prints."""
    link = await installation.backend.post("/api/owner-links", expect=201)
    new = {"email": "ana@example.com", "name": "Ana", "password": "correct horse battery"}
    token = link["url"].partition("#token=")[2]
    signed_in = await installation.asks("POST", "/api/owner-links/redeem", {"token": token, **new})
    installation.owner.headers["x-csrf-token"] = signed_in["csrf_token"]


async def set_up(owner: httpx.AsyncClient, world: World, *, account: str = ACCOUNT, hook: str = HOOK) -> str:
    """Google by its real redirects, a hook by a test delivery, and an agent from the template; the agent's id."""
    connected = await connect_google(owner, account=account)
    assert connected.status_code == 200, connected.text
    url = f"{world.sandbox.url}/hooks/catch/100001/{hook}/"
    await ask(owner, "POST", "/api/connections/hooks", {
        "server": "zapier", "name": hook, "url": url, "key_fields": ["booking"],
    })  # fmt: skip
    templates = (await ask(owner, "GET", "/api/templates"))["items"]
    restaurant = next(template["draft"] for template in templates if template["kind"] == "restaurant")
    agent = {**restaurant, "name": "Da Ana", "notify_hook": hook, "publish": True}
    return (await ask(owner, "POST", "/api/agents", agent))["spec"]["id"]
