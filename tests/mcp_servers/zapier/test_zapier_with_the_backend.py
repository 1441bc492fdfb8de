"""Backend, Zapier server and sandbox together: a delivery outlives its call and its server, and ends with its hook."""

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from contracts.results import ToolAnswer
from mcp_servers.shared.ledger import LedgerDatabase
from mcp_servers.zapier.delivery import State
from mcp_servers.zapier.queue import DeliveryQueue
from tests.backend.served import Backend
from tests.clock import Clock
from tests.mcp_servers.zapier.whole import backend as backend
from tests.mcp_servers.zapier.whole import clock as clock
from tests.mcp_servers.zapier.whole import port as port
from tests.mcp_servers.zapier.whole import sandbox as sandbox
from tests.mcp_servers.zapier.whole import zapier
from tests.running import RunningApp
from tests.world import ADMIN, HOOK
from voxie_agents.mcp_client import McpClient

pytestmark = pytest.mark.needs_zapier

SECONDS = 30.0


async def trigger(server: RunningApp, backend: Backend, call: str, booking: str) -> ToolAnswer:
    token = SecretStr((await backend.access(call))["zapier"]["token"])
    async with McpClient(server.url, token=token) as client:
        return await client.call("zapier_trigger_zap", {"zap_id": HOOK, "payload": {"booking": booking}})


async def busy(sandbox: RunningApp) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url, headers=ADMIN, trust_env=False) as client:
        fault = {"route": "POST /hooks/catch/*", "status": 503, "headers": {"retry-after": "600"}}
        assert (await client.post("/_sandbox/faults", json=fault)).status_code == 200


async def bookings(sandbox: RunningApp) -> list[str]:
    """What arrived, without the delivery that proved the hook."""
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        arrived = (await client.get("/_sandbox/zapier/deliveries")).json()
    return [item["body"]["booking"] for item in arrived if "booking" in item["body"]]


async def test_a_delivery_outlives_its_call_and_its_server_and_ends_with_its_hook(
    tmp_path: Path, backend: Backend, sandbox: RunningApp
) -> None:
    call = await backend.start_call()
    async with zapier(tmp_path, backend, sandbox) as server:
        assert (await trigger(server, backend, call, "b-1")).data["status"] == "accepted"
        await busy(sandbox)
        assert (await trigger(server, backend, call, "b-2")).data["status"] == "queued"
    await backend.post(f"/api/calls/{call}/end")
    backend.clock.advance(minutes=11)
    async with zapier(tmp_path, backend, sandbox):
        async with asyncio.timeout(SECONDS):
            while await bookings(sandbox) != ["b-1", "b-2"]:  # noqa: ASYNC110 - another server fills the list
                await asyncio.sleep(0.05)

    call = await backend.start_call()
    async with zapier(tmp_path, backend, sandbox) as server:
        await busy(sandbox)
        left = (await trigger(server, backend, call, "b-3")).data
        assert left["status"] == "queued"
    (connection,) = (await backend.get("/api/connections"))["items"]
    await backend.delete(f"/api/connections/{connection['id']}")
    backend.clock.advance(minutes=11)
    async with zapier(tmp_path, backend, sandbox):
        # The demo's agent may only trigger: the ledger says what became of it.
        assert await state_of(tmp_path, left["delivery_id"]) == ("dead", "disconnected")
    assert await bookings(sandbox) == ["b-1", "b-2"]


async def state_of(state: Path, delivery_id: str) -> tuple[str, str]:
    """What the ledger says once it has been tried."""
    database = LedgerDatabase.for_service("zapier", state=state, url=None, now=Clock().seconds)
    queue = DeliveryQueue(database, limits=(), lease_seconds=15)
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                delivery = await queue.get(delivery_id)
                assert delivery is not None
                if delivery.state not in {State.QUEUED, State.SENDING}:
                    return delivery.state.value, delivery.reason.value if delivery.reason else ""
                await asyncio.sleep(0.05)
    finally:
        await database.aclose()
