"""Summaries of ended calls: by a model where one is configured, never made up, and gone with what was said."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.backend.conftest import ON_BOTH, Backend, OpenBackend
from tests.running import running

pytestmark = ON_BOTH
SAID = "my knee hurts"
SPAN = {"since": "2026-11-01", "until": "2026-11-30"}
SUMMARY = "The caller wanted a table for four. It was booked."


@dataclass
class StandInModel:
    """An OpenAI-compatible server, as far as it is used."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: int = 200
    content: str = SUMMARY

    async def complete(self, request: Request) -> Response:
        self.asked.append({**await request.json(), "authorization": request.headers.get("authorization")})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": self.content}}
        used = {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320}
        return JSONResponse({"id": "c", "object": "chat.completion", "choices": [choice], "usage": used}, self.status)


@pytest_asyncio.fixture(loop_scope="module")
async def model() -> AsyncGenerator[StandInModel]:
    stand_in = StandInModel()
    app = Starlette(routes=[Route("/v1/chat/completions", stand_in.complete, methods=["POST"])])
    async with running(app) as served:
        stand_in.url = f"{served.url}/v1"
        yield stand_in


@pytest_asyncio.fixture(loop_scope="module")
async def modelled(opened: OpenBackend, model: StandInModel) -> Backend:
    """A backend with that model."""
    return await opened(VOXIE_LLM_BASE_URL=model.url, VOXIE_LLM_MODEL="small-1", OPENAI_API_KEY="a-key-of-tests")


async def talk(backend: Backend) -> str:
    call = (await backend.post("/api/calls", {"agent_id": "restaurant"}))["id"]
    at = backend.clock.now().isoformat()
    receipt = {
        "operation_id": "op", "action": "booked", "tool": "t", "resource_id": "ev1", "made_at": at,
        "speech": "It's booked: Maria.",
    }  # fmt: skip
    events = [
        {"id": "e1", "at": at, "kind": "turn", "speaker": "caller", "text": SAID},
        {"id": "e2", "at": at, "kind": "tool", "tool": "t", "server": "s", "ms": 5, "receipt": receipt},
    ]
    await backend.post(f"/api/calls/{call}/events", {"events": events})
    return call


async def summarise(backend: Backend) -> int:
    return await backend.app.state.chores.run("summarise_calls")


async def summary(backend: Backend, call: str) -> Any:
    return (await backend.get(f"/api/calls/{call}"))["summary"]


async def test_a_call_that_has_ended_is_summarised_once_from_what_was_said_and_done(
    modelled: Backend, model: StandInModel
) -> None:
    call = await talk(modelled)
    assert await summarise(modelled) == 0, "it goes on"
    await modelled.post(f"/api/calls/{call}/end")
    assert await summarise(modelled) == 1
    assert await summarise(modelled) == 0
    made = await summary(modelled, call)
    assert (made["text"], made["model"]) == (SUMMARY, "small-1")
    (asked,) = model.asked
    assert (asked["model"], asked["authorization"]) == ("small-1", "Bearer a-key-of-tests")
    assert f"caller: {SAID}" in asked["messages"][1]["content"]
    assert "DONE\nIt's booked: Maria." in asked["messages"][1]["content"]


async def test_without_a_model_there_is_no_summary(backend: Backend) -> None:
    call = await talk(backend)
    await backend.post(f"/api/calls/{call}/end")
    assert await summarise(backend) == 0
    assert await summary(backend, call) is None


@pytest.mark.parametrize(("status", "content"), [(500, SUMMARY), (200, "   ")], ids=["an error", "an empty answer"])
async def test_a_model_that_fails_is_asked_again_later_and_not_for_ever(
    modelled: Backend, model: StandInModel, status: int, content: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model.status, model.content = status, content
    call = await talk(modelled)
    await modelled.post(f"/api/calls/{call}/end")
    for _ in range(5):
        assert await summarise(modelled) == 0
        assert await summarise(modelled) == 0, "not at once"
        modelled.clock.advance(minutes=5)
    assert len(model.asked) == 3
    assert await summary(modelled, call) is None
    assert SAID not in capfd.readouterr().out


@pytest.mark.parametrize(("content", "asked"), [(SUMMARY, 1), (" ", 3)], ids=["a summary", "an empty answer"])
async def test_what_the_model_was_asked_is_a_cost_of_the_call(
    modelled: Backend, model: StandInModel, content: str, asked: int
) -> None:
    model.content = content
    prices = {"summary_input_tokens": 10_000, "summary_output_tokens": 50_000}
    await modelled.client.put("/api/settings/prices", json={"prices": prices})
    call = await talk(modelled)
    await modelled.post(f"/api/calls/{call}/end")
    for _ in range(4):
        await summarise(modelled)
        modelled.clock.advance(minutes=5)
    cost = asked * (300 * 0.01 + 20 * 0.05)
    assert (await modelled.get(f"/api/calls/{call}"))["cost"] == pytest.approx(cost)
    (day,) = (await modelled.get("/api/analytics/calls", params=SPAN))["items"]
    assert day["cost"] == pytest.approx(cost)


@pytest.mark.parametrize("keeping", [{"keep_text": False}, {"summaries": False}], ids=["no text", "no summaries"])
async def test_a_workspace_that_wants_none_sends_nothing_to_the_model(
    modelled: Backend, model: StandInModel, keeping: dict[str, bool]
) -> None:
    call = await talk(modelled)
    await modelled.post(f"/api/calls/{call}/end")
    assert (await modelled.client.put("/api/settings/keeping", json=keeping)).status_code == 200
    assert await summarise(modelled) == 0
    assert model.asked == []


async def test_a_summary_goes_when_what_was_said_goes(modelled: Backend, model: StandInModel) -> None:
    await modelled.client.put("/api/settings/keeping", json={"text_days": 1})
    call = await talk(modelled)
    await modelled.post(f"/api/calls/{call}/end")
    assert await summarise(modelled) == 1
    modelled.clock.advance(days=1, seconds=1)
    await modelled.app.state.chores.run("remove_old")
    assert await summary(modelled, call) is None
    assert await summarise(modelled) == 0
    assert len(model.asked) == 1
    assert SAID not in json.dumps(await modelled.get(f"/api/calls/{call}/timeline"))
