"""A flow of several writes is told to the backend before its first write, and receipts close its steps there."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import AgentSession
from pydantic import SecretStr

from contracts.events import IntentStep
from spawner.dynamic_agent_factory import DynamicAgentFactory
from spawner.live_call import LiveCall
from tests.backend.conftest import SERVICE_TOKEN, Backend, open_backend
from tests.patience import PATIENCE
from tests.world import Caller, World
from voxie_agents.backend_client import BackendClient
from voxie_agents.offline import OfflineLLM

BOOKING = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.needs_zapier]


@asynccontextmanager
async def live_call(world: World, backend: Backend, *, url: str | None = None) -> AsyncGenerator[tuple[Caller, str]]:
    """A call as the spawner runs it."""
    call = (await backend.post("/api/calls", {"agent_id": "restaurant"}))["id"]
    client = BackendClient(url or backend.url, SecretStr(SERVICE_TOKEN), pauses=())
    bootstrap = world.bootstrap().model_copy(update={"call_id": call})
    live = LiveCall(client, bootstrap, offline=True, now=world.clock.now, deadlines=PATIENCE)
    session: Any = AgentSession(llm=OfflineLLM(), max_tool_steps=6)
    live.watch(session)
    await session.start(live.agent, record=False)
    try:
        yield Caller(session, live), call  # pyright: ignore[reportArgumentType]
    finally:
        await session.aclose()
        await live.aclose()


async def test_the_intent_is_told_before_the_first_write_leaves(emptied_world: World) -> None:
    told: list[tuple[Sequence[IntentStep], list[str]]] = []

    async def note(flow: str, steps: Sequence[IntentStep]) -> bool:
        assert flow == "take_reservation"
        told.append((steps, list(emptied_world.upstream)))
        return True

    factory = DynamicAgentFactory(offline=True, now=emptied_world.clock.now, intend=note, deadlines=PATIENCE)
    built = factory.build(emptied_world.bootstrap())
    session: Any = AgentSession(llm=OfflineLLM(), max_tool_steps=6)
    await session.start(built.agent, record=False)
    await Caller(session, built).says(*BOOKING)
    await session.aclose()
    await built.aclose()
    ((steps, before),) = told
    assert [(step.server, step.tool) for step in steps] == [
        ("google-calendar", "calendar_create_event"),
        ("zapier", "zapier_trigger_zap"),
    ]
    writes = [request for request in before if request.startswith("POST") and "freeBusy" not in request]
    assert writes == []
    assert any(r.startswith("POST") and r.endswith("/events") for r in emptied_world.upstream), "it wrote afterwards"


async def test_receipts_close_the_steps_at_the_backend(emptied_world: World, tmp_path: Path) -> None:
    async with open_backend(tmp_path) as backend:
        async with live_call(emptied_world, backend) as (maria, call):
            await maria.says(*BOOKING)
            (open_one,) = (await backend.get("/api/intents", params={"state": "open"}))["items"]
            assert open_one["call_id"] == call
        (done,) = (await backend.get("/api/intents", params={"state": "done"}))["items"]
        assert [step["state"] for step in done["steps"]] == ["done", "done"]


async def test_a_call_that_has_ended_writes_nothing_more(emptied_world: World, tmp_path: Path) -> None:
    async with open_backend(tmp_path) as backend, live_call(emptied_world, backend) as (maria, call):
        await maria.says(*BOOKING[:-1])
        await backend.post(f"/api/calls/{call}/end")
        assert "nothing has been booked" in await maria.says(BOOKING[-1])
        assert await emptied_world.events() == []


async def test_a_backend_that_is_away_stops_no_booking(emptied_world: World, tmp_path: Path) -> None:
    async with (
        open_backend(tmp_path) as backend,
        live_call(emptied_world, backend, url="http://127.0.0.1:9") as (maria, _),
    ):
        assert "It's booked" in await maria.says(*BOOKING)
