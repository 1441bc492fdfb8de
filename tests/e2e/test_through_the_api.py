"""Everything together under call tokens: an owner sets it up through the API alone, a caller books, the owner reads what happened."""

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
from tests.world import ADMIN, HOOK, World, open_world
from voxie_agents.backend_client import BackendClient
from voxie_agents.offline import OfflineLLM

pytestmark = pytest.mark.needs_zapier

BOOKING = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")
ACCOUNT = "demo@sandbox.example"
ROOMS = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret" * 6}


@dataclass
class Installation:
    """A whole installation, and its owner's browser.

    Args:
        backend: with call tokens.
        world: the vendors and the MCP servers.
        owner: signed in.
    """

    backend: Backend
    world: World
    owner: httpx.AsyncClient

    async def asks(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.owner.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    @asynccontextmanager
    async def call(self, call_id: str) -> AsyncGenerator["Talk"]:
        """The worker's side of a call that was spawned, and a caller who talks by text."""
        client = BackendClient(self.backend.app.url, SecretStr(SERVICE_TOKEN))
        live = LiveCall(client, await client.bootstrap(call_id), offline=True, now=self.world.clock.now)
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
        async with httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30) as owner:
            installation = Installation(backend, world, owner)
            await become_owner(installation)
            yield installation


async def become_owner(installation: Installation) -> None:
    """By the one-time link that ``voxie up`` prints."""
    link = await installation.backend.post("/api/owner-links", expect=201)
    new = {"email": "ana@example.com", "name": "Ana", "password": "correct horse battery"}
    token = link["url"].partition("#token=")[2]
    signed_in = await installation.asks("POST", "/api/owner-links/redeem", {"token": token, **new})
    installation.owner.headers["x-csrf-token"] = signed_in["csrf_token"]


async def set_up(installation: Installation) -> str:
    """Google by its real redirects, a hook by a test delivery, and an agent from the template; the agent's id."""
    connected = await connect_google(installation.owner)
    assert connected.status_code == 200, connected.text
    url = f"{installation.world.sandbox.url}/hooks/catch/100001/{HOOK}/"
    hook = {"server": "zapier", "name": HOOK, "url": url, "key_fields": ["booking"]}
    await installation.asks("POST", "/api/connections/hooks", hook)
    templates = (await installation.asks("GET", "/api/templates"))["items"]
    restaurant = next(template["draft"] for template in templates if template["kind"] == "restaurant")
    agent = {**restaurant, "name": "Da Ana", "notify_hook": HOOK, "publish": True}
    return (await installation.asks("POST", "/api/agents", agent))["spec"]["id"]


async def test_an_owner_sets_it_up_a_caller_books_and_the_owner_reads_every_receipt(installed: Installation) -> None:
    agent = await set_up(installed)
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    assert spawned["room_name"].startswith(f"agent-{agent}-")
    async with installed.call(spawned["call_id"]) as maria:
        answer = await maria.says(*BOOKING)
    assert answer.startswith("It's booked: Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM.")
    (event,) = await installed.world.events()
    assert "Maria Garcia" in event["summary"]
    bookings = [delivery["body"] for delivery in await installed.world.deliveries() if "booking" in delivery["body"]]
    assert [booking["name"] for booking in bookings] == ["Maria Garcia"]

    timeline = (await installed.asks("GET", f"/api/calls/{spawned['call_id']}/timeline"))["items"]
    said = [(item["data"]["speaker"], item["data"]["text"]) for item in timeline if item["kind"] == "turn"]
    assert [text for speaker, text in said if speaker == "caller"] == list(BOOKING)
    assert said[-1] == ("agent", answer)
    tools = [item["data"] for item in timeline if item["kind"] == "tool"]
    assert [tool.get("error") for tool in tools] == [None] * len(tools)
    receipts = [tool["receipt"] for tool in tools if "receipt" in tool]
    assert [(receipt["action"], receipt["tool"]) for receipt in receipts] == [
        ("booked", "calendar_create_event"),
        ("sent", "zapier_trigger_zap"),
    ]
    assert receipts[0]["resource_id"] == event["id"]
    assert receipts[0]["speech"] in answer
    call = await installed.asks("GET", f"/api/calls/{spawned['call_id']}")
    assert call["outcome"] == "ended"


async def test_one_probe_after_the_account_is_taken_back_a_call_offers_no_booking(installed: Installation) -> None:
    agent = await set_up(installed)
    async with httpx.AsyncClient(base_url=installed.world.sandbox.url, trust_env=False, timeout=30) as google:
        taken_back = await google.post("/_sandbox/google/grants/revoke", json={"account": ACCOUNT}, headers=ADMIN)
        assert taken_back.status_code == 200
    installed.world.clock.advance(minutes=10)
    await installed.backend.probe.check_due()
    connections = (await installed.asks("GET", "/api/connections"))["connections"]
    google = next(found for found in connections if found["server"] == "google-calendar")
    assert (google["status"], bool(google["reason"])) == ("needs_reconnect", True)
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    async with installed.call(spawned["call_id"]) as maria:
        answer = await maria.says(*BOOKING)
    assert "nothing has been booked" in answer
    assert not [sent for sent in installed.world.upstream if sent.startswith("POST") and sent.endswith("/events")]


async def test_the_servers_refuse_the_tokens_of_a_call_that_has_ended(installed: Installation) -> None:
    agent = await set_up(installed)
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    access = await installed.backend.access(spawned["call_id"])
    await installed.asks("POST", f"/api/calls/{spawned['call_id']}/end")
    installed.world.clock.advance(seconds=30)
    for server in access.values():
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(
                server["url"],
                headers={"authorization": f"Bearer {server['token']}", "accept": "application/json, text/event-stream"},
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            )
        assert answer.status_code == 401, server["name"]
        assert "resource_metadata=" in answer.headers["www-authenticate"]
