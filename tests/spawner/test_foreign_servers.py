"""A call with a stranger's server, from the registry to the tool call: over real sockets, with the backend's own answer."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.calls import CallBootstrap, RenewedAccess
from spawner.agent_loader import CallTokens
from spawner.dynamic_agent_factory import BuiltAgent, DynamicAgentFactory
from tests.backend.served import SERVICE_TOKEN, serve_backend
from tests.clock import Clock
from tests.fakes.strange_mcp import Stranger, stranger, tool
from tests.patience import SECONDS

AGENT: dict[str, Any] = {
    "name": "Shop",
    "kind": "business",
    "business": {"name": "Shop", "hours": {"week": {}}, "zone": "Europe/Madrid"},
    "servers": ["tools"],
    "tools": ["tools__look", "tools__book"],
    "publish": True,
}


@pytest.fixture
async def fake() -> AsyncGenerator[Stranger]:
    async with stranger() as served:
        served.bearers = {"canary-bearer"}
        yield served


async def bootstrap_of(state: Path, fake: Stranger, clock: Clock) -> CallBootstrap:
    """What a worker gets of a call whose agent has a stranger's server; the backend is gone afterwards."""
    async with serve_backend(state, clock=clock, BACKEND_PRIVATE_HOSTS="127.0.0.1") as backend:
        new = {"name": "tools", "url": fake.mcp_url, "credential": {"kind": "bearer", "token": "canary-bearer"}}
        server = await backend.post("/api/servers", new, expect=201)
        path = f"/api/servers/{server['id']}"
        seen = {found["name"]: found["fingerprint"] for found in (await backend.get(f"{path}/tools"))["items"]}
        await backend.post(f"{path}/approve", {"tools": seen})
        agent = (await backend.post("/api/agents", AGENT, expect=201))["spec"]["id"]
        call = await backend.start_call(agent_id=agent)
        answer = await backend.api.post(f"/api/calls/{call}/bootstrap")
        return CallBootstrap.model_validate_json(answer.content)


def offered(built: BuiltAgent) -> set[str]:
    return {found.info.name for found in built.integration.function_tools()}


async def test_a_call_begins_with_a_strangers_approved_tools_and_calls_them_with_its_own_bearer(
    tmp_path: Path, fake: Stranger
) -> None:
    clock = Clock()
    bootstrap = await bootstrap_of(tmp_path, fake, clock)
    built = DynamicAgentFactory(offline=True, now=clock.now).build(bootstrap)
    try:
        assert offered(built) == {"tools__look", "tools__book"}, "before anything is connected"
        fake.headers.clear()
        answer = await built.integration.call("tools__look", {})
        assert not answer.is_error
        assert {seen["authorization"] for seen in fake.headers} == {"Bearer canary-bearer"}
        assert "voxie/" not in str(fake.called)
        assert SERVICE_TOKEN not in str(fake.headers)
        # Between the registry's look and the call, the server changed one of them.
        fake.tools = [tool("look"), tool("book", "Book everything.")]
        await built.integration.discover()
        assert offered(built) == {"tools__look"}
    finally:
        await built.aclose()


async def test_a_server_that_is_moved_to_an_address_within_is_not_connected_to(tmp_path: Path, fake: Stranger) -> None:
    """The worker judges by itself: what the backend saw a minute ago is no reason to connect now."""
    clock = Clock()
    bootstrap = await bootstrap_of(tmp_path, fake, clock)
    (access,) = bootstrap.servers
    moved = bootstrap.model_copy(update={"servers": (access.model_copy(update={"private": False}),)})
    built = DynamicAgentFactory(offline=True, now=clock.now).build(moved)
    fake.headers.clear()
    try:
        assert (await built.integration.call("tools__look", {})).is_error
        await built.integration.discover()
        assert offered(built) == set()
    finally:
        await built.aclose()
    assert fake.headers == []


async def test_a_strangers_short_lived_token_is_renewed_just_before_it_ends(tmp_path: Path, fake: Stranger) -> None:
    clock = Clock()
    (access,) = (await bootstrap_of(tmp_path, fake, clock)).servers
    renewals: list[RenewedAccess] = []

    def lasting(seconds: float, token: str) -> Any:
        ends = clock.now().timestamp() + seconds
        return access.model_copy(
            update={"token": SecretStr(token), "token_expires_at": clock.now().fromtimestamp(ends, clock.now().tzinfo)}
        )

    async def renew() -> RenewedAccess:
        renewals.append(RenewedAccess(servers=(lasting(120, "second"),)))
        return renewals[-1]

    source = CallTokens([lasting(90, "first")], renew, now=clock.now, patience=SECONDS).source("tools")
    assert [await source(None), await source(None)] == ["first", "first"]
    clock.advance(seconds=61)
    assert [await source(None), await source(None)] == ["second", "second"]
    assert len(renewals) == 1
