"""The ways in: spawned rooms, public pages, phone numbers; and how much each agent may be used."""

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio

from tests.backend.conftest import ON_BOTH, Backend, OpenBackend

pytestmark = ON_BOTH
SECRET = "a-livekit-secret-of-thirty-two-characters"
LIVEKIT = {"LIVEKIT_URL": "ws://livekit.test:7880", "LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": SECRET}
SPAWN = "/api/agents/restaurant/spawn"
PAGE = "https://www.example.com"


@pytest_asyncio.fixture(loop_scope="module")
async def backend(opened: OpenBackend) -> Backend:
    """A backend that knows a LiveKit server."""
    return await opened(**LIVEKIT)


def claims(answer: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(answer["participant_token"], SECRET, algorithms=["HS256"], issuer="devkey")


async def public_key(backend: Backend) -> httpx.AsyncClient:
    made = await backend.post("/api/agents/restaurant/publishable-keys", {"origins": [PAGE]})
    client = backend.anonymous(authorization=f"Bearer {made['key']}", origin=PAGE)
    backend.closing.append(client)
    return client


async def test_a_spawned_call_has_a_room_of_its_own_and_the_spawner_is_dispatched_into_it(backend: Backend) -> None:
    answer = await backend.client.post(SPAWN, json={})
    assert answer.status_code == 201
    spawned = answer.json()
    assert spawned["server_url"] == "ws://livekit.test:7880"
    token = claims(spawned)
    room = token["video"]["room"]
    assert room == spawned["room_name"] == token["roomConfig"]["name"]
    name, _, suffix = room.rpartition("-")
    assert (name, len(suffix), int(suffix, 16) >= 0) == ("agent-restaurant", 8, True)
    (agent,) = token["roomConfig"]["agents"]
    assert agent["agentName"] == "voxie-spawner"
    assert json.loads(agent["metadata"]) == {
        "agent_id": "restaurant", "agent_version": 1, "call_id": spawned["call_id"],
    }  # fmt: skip
    assert token["video"]["roomJoin"] is True
    assert not token["video"].get("roomAdmin")
    assert (await backend.get(f"/api/calls/{spawned['call_id']}"))["channel"] == "browser"


async def test_a_client_cannot_choose_the_agent_the_room_or_who_it_is(backend: Backend) -> None:
    wish = {
        "participant_identity": "agent-boss",
        "participant_metadata": "{}",
        "participant_attributes": {"sip.phoneNumber": "+15550100"},
        "room_config": {"agents": [{"agent_name": "evil", "metadata": "x"}]},
    }
    token = claims((await backend.client.post(SPAWN, json=wish)).json())
    assert [agent["agentName"] for agent in token["roomConfig"]["agents"]] == ["voxie-spawner"]
    assert token["sub"].startswith("caller-")
    assert not token.get("attributes")
    refused = await backend.client.post(SPAWN, json={"room_name": "agent-of-somebody"})
    assert (refused.status_code, refused.json()["field"]) == (422, "room_name")


async def test_a_person_who_is_signed_in_is_the_verified_caller_and_a_program_is_nobody(backend: Backend) -> None:
    person, program = await backend.person(), await backend.key("calls:write", "calls:read")
    by_person = (await person.client.post(SPAWN, json={})).json()
    by_program = (await program.post(SPAWN, json={})).json()
    callers = [(await backend.get(f"/api/calls/{call['call_id']}"))["caller"] for call in (by_person, by_program)]
    assert callers == [f"user:{person.user['id']}", None]


async def test_without_a_livekit_server_the_fix_is_named_and_no_call_is_made(opened: OpenBackend) -> None:
    backend = await opened()
    answer = await backend.client.post(SPAWN, json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "livekit_missing")
    assert "LIVEKIT_API_KEY" in answer.json()["message"]
    assert (await backend.get("/api/calls"))["items"] == []


async def test_the_creator_has_rooms_of_its_own_for_those_who_may_make_agents(backend: Backend) -> None:
    person, reader = await backend.person(), await backend.key("agents:read")
    spawned = (await person.client.post("/api/creator/rooms", json={})).json()
    token = claims(spawned)
    assert token["video"]["room"].startswith("voxie-creation-")
    assert [agent["agentName"] for agent in token["roomConfig"]["agents"]] == ["voxie"]
    assert json.loads(token["roomConfig"]["agents"][0]["metadata"])["workspace"] == "demo"
    assert (await reader.post("/api/creator/rooms", json={})).status_code == 403
    async with backend.anonymous() as nobody:
        assert (await nobody.post("/api/creator/rooms", json={})).status_code == 401


async def test_a_public_page_starts_calls_of_its_agent_and_nothing_else(backend: Backend) -> None:
    page = await public_key(backend)
    answer = await page.post("/api/public/spawn", json={"participant_name": "Ana"})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == PAGE
    call = await backend.get(f"/api/calls/{answer.json()['call_id']}")
    assert (call["agent_id"], call["channel"], call["caller"]) == ("restaurant", "embed", None)
    for path in ("/api/agents", "/api/calls", f"/api/calls/{call['id']}"):
        assert (await page.get(path)).status_code == 401, path


@pytest.mark.parametrize("origin", [None, "https://evil.example", "https://www.example.com.evil.example", "null"])
async def test_another_page_cannot_use_the_key(backend: Backend, origin: str | None) -> None:
    page = await public_key(backend)
    del page.headers["origin"]
    answer = await page.post("/api/public/spawn", json={}, headers={"origin": origin} if origin else {})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin")


async def test_a_key_that_was_removed_starts_nothing(backend: Backend) -> None:
    page = await public_key(backend)
    (key,) = (await backend.get("/api/agents/restaurant/publishable-keys"))["items"]
    await backend.client.delete(f"/api/agents/restaurant/publishable-keys/{key['id']}")
    assert (await page.post("/api/public/spawn", json={})).status_code == 401


@pytest.mark.parametrize("origin", ["*", "www.example.com", "https://x.example/", "javascript:x", "https://"])
async def test_an_origin_that_is_none_is_refused(backend: Backend, origin: str) -> None:
    answer = await backend.client.post("/api/agents/restaurant/publishable-keys", json={"origins": [origin]})
    assert answer.status_code == 422
    assert answer.json()["field"].startswith("origins")


async def test_only_so_many_calls_go_on_at_once_even_when_all_begin_together(backend: Backend) -> None:
    await backend.client.put("/api/agents/restaurant/limits", json={"simultaneous_calls": 3})
    page = await public_key(backend)
    answers = await asyncio.gather(*(page.post("/api/public/spawn", json={}) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 7}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["code"], refused.json()["field"]) == ("limit_reached", "simultaneous_calls")
    assert int(refused.headers["retry-after"]) > 0
    ended = next(answer for answer in answers if answer.status_code == 201).json()["call_id"]
    await backend.post(f"/api/calls/{ended}/end")
    assert (await page.post("/api/public/spawn", json={})).status_code == 201


async def test_a_call_whose_worker_is_gone_does_not_keep_a_line_busy_for_ever(backend: Backend) -> None:
    await backend.client.put("/api/agents/restaurant/limits", json={"simultaneous_calls": 1})
    await backend.post(SPAWN, {})
    assert (await backend.client.post(SPAWN, json={})).status_code == 429
    backend.clock.advance(minutes=13)
    assert (await backend.client.post(SPAWN, json={})).status_code == 201


async def test_minutes_of_a_day_are_used_up_and_come_back_at_midnight(backend: Backend) -> None:
    await backend.client.put("/api/agents/restaurant/limits", json={"minutes_a_day": 10})
    call = await backend.post("/api/calls", {"agent_id": "restaurant"})
    backend.clock.advance(minutes=11)
    await backend.post(f"/api/calls/{call['id']}/end")
    refused = await backend.client.post("/api/calls", json={"agent_id": "restaurant"})
    assert (refused.status_code, refused.json()["field"]) == (429, "minutes_a_day")
    backend.clock.advance(seconds=int(refused.headers["retry-after"]))
    assert (await backend.client.post("/api/calls", json={"agent_id": "restaurant"})).status_code == 201


async def test_money_of_a_day_is_used_up(backend: Backend) -> None:
    await backend.client.put("/api/settings/prices", json={"prices": {"llm_input_tokens": 2.5}})
    await backend.client.put("/api/agents/restaurant/limits", json={"spend_a_day": 5})
    call = await backend.post("/api/calls", {"agent_id": "restaurant"})
    used = {"kind": "usage", "id": "u1", "at": backend.clock.now().isoformat(), "item": "llm_input_tokens"}
    await backend.post(f"/api/calls/{call['id']}/events", {"events": [used | {"quantity": 2_000_000}]})
    assert (await backend.get(f"/api/calls/{call['id']}"))["cost"] == 5.0
    refused = await backend.client.post("/api/calls", json={"agent_id": "restaurant"})
    assert (refused.status_code, refused.json()["field"]) == (429, "spend_a_day")


async def test_a_phone_call_goes_to_the_agent_that_answers_its_number(backend: Backend) -> None:
    await backend.client.put("/api/phone-numbers/+15550100", json={"agent_id": "restaurant"})
    new = {"dialled": "+15550100", "caller": "tel:+15550199", "room": "sip-room_1"}
    call = await backend.post("/api/calls", new)
    assert (call["agent_id"], call["channel"], call["caller"]) == ("restaurant", "phone", "tel:+15550199")
    unknown = await backend.client.post("/api/calls", json=new | {"dialled": "+15550101"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    program = await backend.key("calls:write")
    assert (await program.post("/api/calls", json=new)).status_code == 403


@pytest.mark.needs_zapier
async def test_a_worker_finds_the_workspace_of_a_number_and_a_number_rings_in_one(backend: Backend) -> None:
    other = await backend.person(workspace="other")
    template = (await backend.get("/api/templates"))["items"][0]["draft"]
    agent = (await other.client.post("/api/agents", json=template | {"publish": True})).json()["spec"]["id"]
    await other.client.put("/api/phone-numbers/+15550100", json={"agent_id": agent})
    call = await backend.post("/api/calls", {"dialled": "+15550100"})
    assert call["agent_id"] == agent
    assert (await backend.post(f"/api/calls/{call['id']}/bootstrap"))["agent"]["workspace"] == "other"
    taken = await backend.client.put("/api/phone-numbers/+15550100", json={"agent_id": "restaurant"})
    assert (taken.status_code, taken.json()["code"]) == (409, "taken")


@pytest.mark.parametrize("new", [{}, {"agent_id": "restaurant", "dialled": "+15550100"}, {"dialled": "555 0100"}])
async def test_a_call_names_an_agent_or_a_number(backend: Backend, new: dict[str, str]) -> None:
    assert (await backend.client.post("/api/calls", json=new)).status_code == 422
