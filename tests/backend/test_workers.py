"""A call whose worker died: who still waits gets another with what is known; the rest is closed and reported."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest_asyncio

from tests.backend.conftest import Backend, OpenBackend
from tests.fakes.livekit import PERSON, WORKER, StandInLiveKit, send_event, stand_in_livekit


@pytest_asyncio.fixture(loop_scope="module")
async def livekit() -> AsyncGenerator[StandInLiveKit]:
    async with stand_in_livekit() as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def voice(opened: OpenBackend, livekit: StandInLiveKit) -> Backend:
    """A backend with that LiveKit server."""
    return await opened(**livekit.settings)


async def spawn(backend: Backend, livekit: StandInLiveKit, *inside: Any) -> tuple[str, str]:
    """A call in its room."""
    spawned = await backend.post("/api/agents/restaurant/spawn", {})
    livekit.rooms[spawned["room_name"]] = list(inside)
    return spawned["call_id"], spawned["room_name"]


async def look(backend: Backend) -> None:
    await backend.app.state.chores.run("look_after_workers")


async def worker_dies(backend: Backend, livekit: StandInLiveKit, room: str) -> None:
    livekit.rooms[room].remove(WORKER)
    assert (await send_event(backend.client, "participant_left", room, WORKER)).status_code == 204
    backend.clock.advance(seconds=10)


async def test_somebody_who_waits_gets_another_worker_with_what_is_known(
    voice: Backend, livekit: StandInLiveKit
) -> None:
    call, room = await spawn(voice, livekit, PERSON, WORKER)
    step = {"operation": "op-1", "tool": "calendar_create_event", "server": "google-calendar"}
    notice = {"operation": "op-1.notify", "tool": "zapier_trigger_zap", "server": "zapier"}
    await voice.post(f"/api/calls/{call}/intents", {"id": "i", "flow": "take_reservation", "steps": [step, notice]})
    receipt = {
        "operation_id": "op", "action": "booked", "tool": "calendar_create_event", "resource_id": "ev1",
        "made_at": voice.clock.now().isoformat(), "speech": "It's booked: Maria Garcia.",
    }  # fmt: skip
    booked = {**step, "id": "e1", "kind": "tool", "at": voice.clock.now().isoformat(), "ms": 5, "receipt": receipt}
    await voice.post(f"/api/calls/{call}/events", {"events": [booked]})
    await worker_dies(voice, livekit, room)
    await look(voice)
    told = {"agent_id": "restaurant", "agent_version": 1, "call_id": call}
    assert livekit.dispatched == [(room, "voxie-spawner", told)]
    boot = await voice.post(f"/api/calls/{call}/bootstrap")
    assert (boot["resumed"], [one["speech"] for one in boot["receipts"]]) == (True, ["It's booked: Maria Garcia."])
    (open_flow,) = (await voice.get("/api/intents"))["items"]
    assert [one["state"] for one in open_flow["steps"]] == ["done", "unknown"], "the owner sees what was left open"
    kinds = [one["data"].get("name") for one in (await voice.get(f"/api/calls/{call}/timeline"))["items"]]
    assert "worker_lost" in kinds


async def test_one_worker_is_sent_for_one_that_died_however_often_it_is_looked_at(
    voice: Backend, livekit: StandInLiveKit
) -> None:
    _, room = await spawn(voice, livekit, PERSON, WORKER)
    await worker_dies(voice, livekit, room)
    await asyncio.gather(*(look(voice) for _ in range(3)))
    voice.clock.advance(seconds=20)
    await look(voice)
    assert len(livekit.dispatched) == 1, "it is on its way"
    livekit.rooms[room].append(WORKER)
    await send_event(voice.client, "participant_joined", room, WORKER)
    voice.clock.advance(minutes=30)
    await look(voice)
    assert len(livekit.dispatched) == 1


async def test_a_call_that_kills_its_workers_gets_three_and_is_then_closed(
    voice: Backend, livekit: StandInLiveKit
) -> None:
    call, room = await spawn(voice, livekit, PERSON)
    for _ in range(6):
        voice.clock.advance(minutes=3)
        await look(voice)
    assert len(livekit.dispatched) == 3
    assert (await voice.get(f"/api/calls/{call}"))["outcome"] == "lost"
    assert room in livekit.rooms


async def test_a_worker_that_ends_its_call_is_not_replaced(voice: Backend, livekit: StandInLiveKit) -> None:
    call, room = await spawn(voice, livekit, PERSON, WORKER)
    livekit.rooms[room].remove(WORKER)
    await send_event(voice.client, "participant_left", room, WORKER)
    await look(voice)
    await voice.post(f"/api/calls/{call}/end")
    voice.clock.advance(minutes=1)
    await look(voice)
    assert livekit.dispatched == []
    assert (await voice.get(f"/api/calls/{call}"))["outcome"] == "ended"


async def test_a_room_that_is_over_closes_its_call_when_the_worker_said_nothing(
    voice: Backend, livekit: StandInLiveKit
) -> None:
    call, room = await spawn(voice, livekit, PERSON, WORKER)
    voice.clock.advance(seconds=90)
    del livekit.rooms[room]
    await send_event(voice.client, "room_finished", room)
    voice.clock.advance(seconds=10)
    await look(voice)
    view = await voice.get(f"/api/calls/{call}")
    assert (view["outcome"], view["seconds"]) == ("lost", 90)


async def test_a_quiet_worker_lives_as_long_as_livekit_sees_it(voice: Backend, livekit: StandInLiveKit) -> None:
    call, _ = await spawn(voice, livekit, PERSON, WORKER)
    for _ in range(5):
        voice.clock.advance(minutes=5)
        await look(voice)
    assert (await voice.get(f"/api/calls/{call}"))["ended_at"] is None


async def test_a_livekit_that_is_away_ends_no_call(voice: Backend, livekit: StandInLiveKit) -> None:
    call, _ = await spawn(voice, livekit, PERSON, WORKER)
    livekit.up = False
    voice.clock.advance(minutes=30)
    await look(voice)
    assert (await voice.get(f"/api/calls/{call}"))["ended_at"] is None
    voice.clock.advance(minutes=31)
    await look(voice)
    assert (await voice.get(f"/api/calls/{call}"))["outcome"] == "lost"


async def test_an_event_that_livekit_did_not_sign_is_refused(voice: Backend, livekit: StandInLiveKit) -> None:
    _, room = await spawn(voice, livekit, PERSON, WORKER)
    forged = await send_event(voice.client, "room_finished", room, secret="another-secret-of-more-than-32-characters")
    assert forged.status_code == 401
    body = '{"event": "room_finished"}'
    assert (await voice.client.post("/api/livekit/webhook", content=body)).status_code == 401
    assert (await send_event(voice.client, "room_finished", "somebody-elses-room")).status_code == 204
