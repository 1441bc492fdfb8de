"""What workers tell of calls: each event once, timelines, counts, intents, and what is removed in time."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contracts.events import EventBatch, IntentState, IntentStep, NewIntent
from tests.backend.conftest import ON_BOTH, SERVICE_TOKEN, Backend, OpenBackend
from voxie_agents.backend_client import BackendClient

pytestmark = ON_BOTH
SPAN = {"since": "2026-11-01", "until": "2026-11-30"}


async def new_call(backend: Backend) -> str:
    return (await backend.post("/api/calls", {"agent_id": "restaurant"}))["id"]


def event(backend: Backend, number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "at": backend.clock.now().isoformat(), "kind": kind, **more}


def tool(backend: Backend, number: int, ms: int, **more: Any) -> dict[str, Any]:
    named = {"tool": "calendar_create_event", "server": "google-calendar"}
    return event(backend, number, "tool", ms=ms, **named, **more)


def receipt(backend: Backend) -> dict[str, Any]:
    return {
        "operation_id": "op", "action": "booked", "tool": "calendar_create_event", "resource_id": "ev1",
        "made_at": backend.clock.now().isoformat(), "speech": "It's booked.",
    }  # fmt: skip


async def tell(backend: Backend, call: str, *events: dict[str, Any]) -> int:
    return (await backend.post(f"/api/calls/{call}/events", {"events": list(events)}))["new"]


async def test_a_batch_that_is_sent_again_counts_once(backend: Backend) -> None:
    call = await new_call(backend)
    batch = [tool(backend, number, 100) for number in range(3)]
    assert await tell(backend, call, *batch) == 3
    assert await tell(backend, call, *batch, tool(backend, 9, 100)) == 1
    (stats,) = (await backend.get("/api/analytics/tools", params=SPAN))["items"]
    assert stats["calls"] == 4


async def test_a_batch_that_is_sent_many_times_at_once_counts_once(backend: Backend) -> None:
    call = await new_call(backend)
    batch = [tool(backend, number, 100) for number in range(5)]
    assert sum(await asyncio.gather(*(tell(backend, call, *batch) for _ in range(8)))) == 5
    (stats,) = (await backend.get("/api/analytics/tools", params=SPAN))["items"]
    assert stats["calls"] == 5


async def test_calls_that_report_at_once_are_all_counted(backend: Backend) -> None:
    calls = [await new_call(backend) for _ in range(8)]
    names = ("one", "two", "three")

    async def report(place: int, call: str) -> None:
        # Each in another order: who adds to the same counts must not wait for each other for ever.
        turned = names[place % 3 :] + names[: place % 3]
        for number, name in enumerate(turned):
            again = event(backend, number, "tool", ms=100 + place, tool=name, server="zapier")
            await tell(backend, call, again, {**again, "id": f"again-{number}", "tool": names[0]})

    await asyncio.gather(*(report(place, call) for place, call in enumerate(calls)))
    stats = (await backend.get("/api/analytics/tools", params=SPAN))["items"]
    assert {tool["tool"]: tool["calls"] for tool in stats} == {"one": 32, "two": 8, "three": 8}
    (day,) = (await backend.get("/api/analytics/integrations", params=SPAN))["items"]
    assert (day["calls"], day["errors"]) == (48, 0)


async def test_who_comes_while_too_many_are_worked_on_is_asked_to_come_again_and_nothing_is_lost(
    opened: OpenBackend,
) -> None:
    backend = await opened(BACKEND_INGEST_BATCHES=1)
    call = await new_call(backend)
    refused = 0

    async def insist(number: int) -> None:
        nonlocal refused
        while True:
            body = {"events": [tool(backend, number, 50)]}
            answer = await backend.client.post(f"/api/calls/{call}/events", json=body)
            if answer.status_code == 200:
                return
            assert (answer.status_code, answer.json()["code"]) == (429, "busy")
            assert answer.headers["retry-after"] == "1"
            refused += 1

    await asyncio.gather(*(insist(number) for number in range(12)))
    (stats,) = (await backend.get("/api/analytics/tools", params=SPAN))["items"]
    assert (stats["calls"], refused > 0) == (12, True)


async def test_a_calls_timeline_is_in_order_page_by_page(backend: Backend) -> None:
    call = await new_call(backend)
    events = []
    for number, (kind, more) in enumerate(
        [
            ("turn", {"speaker": "caller", "text": "a table please"}),
            ("wait", {"ms": 300, "filled": True}),
            ("tool", {"tool": "t", "server": "s", "ms": 80, "receipt": receipt(backend)}),
            ("turn", {"speaker": "agent", "text": "It's booked.", "latency_ms": 400}),
            ("problem", {"name": "mcp.reconnected"}),
        ]
    ):
        backend.clock.advance(seconds=1)
        events.append(event(backend, number, kind, **more))
    await tell(backend, call, *reversed(events))
    seen, cursor = [], None
    while True:
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await backend.get(f"/api/calls/{call}/timeline", params=asked)
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [entry["kind"] for entry in seen] == ["turn", "wait", "tool", "turn", "problem"]
    assert seen[2]["data"]["receipt"]["speech"] == "It's booked."


async def test_tools_show_their_percentiles_and_their_errors_by_what_happens_next(backend: Backend) -> None:
    call = await new_call(backend)
    fast = [tool(backend, number, 100) for number in range(95)]
    slow = [tool(backend, number, 2000, error="try_later") for number in range(95, 99)]
    await tell(backend, call, *fast, *slow, tool(backend, 99, 5000, error="conflict"))
    (stats,) = (await backend.get("/api/analytics/tools", params=SPAN))["items"]
    assert (stats["calls"], stats["succeeded"], stats["errors"]) == (100, 95, {"conflict": 1, "try_later": 4})
    for percentile, right in (("p50_ms", 100), ("p95_ms", 100), ("p99_ms", 2000)):
        assert abs(stats[percentile] - right) <= right * 0.06, percentile
    (day,) = (await backend.get("/api/analytics/integrations", params=SPAN))["items"]
    assert (day["server"], day["calls"], day["errors"]) == ("google-calendar", 100, 5)


async def test_calls_minutes_and_cost_are_counted_by_day_and_agent(backend: Backend) -> None:
    await backend.client.put("/api/settings/prices", json={"prices": {"tts_characters": 15, "call_seconds": 100}})
    for number in range(2):
        call = await new_call(backend)
        used = event(backend, number, "usage", item="tts_characters", quantity=1000)
        await tell(backend, call, used)
        backend.clock.advance(minutes=3)
        await backend.post(f"/api/calls/{call}/end")
    backend.clock.advance(days=1)
    await new_call(backend)
    days = (await backend.get("/api/analytics/calls", params=SPAN))["items"]
    assert [(day["day"], day["calls"], day["minutes"], day["cost"]) for day in days] == [
        ("2026-11-24", 1, 0.0, 0.0),
        ("2026-11-23", 2, 6.0, 0.066),
    ]


async def test_what_integrations_did_costs_by_day_and_agent_and_keeps_its_cost(backend: Backend) -> None:
    prices = {"prices": {}, "integrations": {"zapier": 20_000, "google-calendar": 1000}}
    await backend.client.put("/api/settings/prices", json=prices)
    assert await backend.get("/api/settings/prices") == prices
    zap = {"server": "zapier", "tool": "zapier_trigger_zap"}
    call = await new_call(backend)
    failed = tool(backend, 3, 100, error="unavailable") | zap
    batch = [tool(backend, 1, 100) | zap, tool(backend, 2, 100) | zap, failed, tool(backend, 4, 100)]
    await tell(backend, call, *batch)
    await tell(backend, call, *batch)
    # What was counted keeps its cost.
    await backend.client.put("/api/settings/prices", json={"prices": {}})
    backend.clock.advance(days=1)
    await tell(backend, call, tool(backend, 5, 100) | zap)
    seen, cursor = [], None
    while True:
        asked = SPAN | {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = await backend.get("/api/analytics/integrations", params=asked)
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(one["day"], one["server"], one["calls"], one["errors"], one["cost"]) for one in seen] == [
        ("2026-11-24", "zapier", 1, 0, 0.0),
        ("2026-11-23", "zapier", 3, 1, 0.04),
        ("2026-11-23", "google-calendar", 1, 0, 0.001),
    ]
    assert (await backend.get(f"/api/calls/{call}"))["cost"] == pytest.approx(0.041)
    (day,) = (await backend.get("/api/analytics/calls", params=SPAN))["items"]
    assert day["cost"] == pytest.approx(0.041)
    of_agent = {"agent_id": "restaurant"}
    assert (await backend.get("/api/analytics/integrations", params=SPAN | of_agent))["items"] == seen
    other = SPAN | {"agent_id": "another"}
    assert (await backend.get("/api/analytics/integrations", params=other))["items"] == []


async def test_tools_are_listed_page_by_page(backend: Backend) -> None:
    call = await new_call(backend)
    names = [("a", "z"), ("a-b", "a"), ("b", "a"), ("b", "b")]
    events = [tool(backend, number, 5) | {"server": names[number][0], "tool": names[number][1]} for number in range(4)]
    await tell(backend, call, *reversed(events))
    first = await backend.get("/api/analytics/tools", params=SPAN | {"limit": 3})
    rest = await backend.get("/api/analytics/tools", params=SPAN | {"limit": 3, "cursor": first["next_cursor"]})
    assert [(one["server"], one["tool"]) for one in first["items"] + rest["items"]] == names
    assert rest["next_cursor"] is None


async def test_receipts_close_the_steps_of_a_flow_and_what_is_left_open_is_reported(backend: Backend) -> None:
    call = await new_call(backend)
    steps = [
        {"operation": "op-book", "tool": "calendar_create_event", "server": "google-calendar"},
        {"operation": "op-notify", "tool": "zapier_trigger_zap", "server": "zapier"},
    ]
    intent = {"id": "i1", "flow": "take_reservation", "steps": steps}
    assert (await backend.post(f"/api/calls/{call}/intents", intent))["state"] == "open"
    await tell(backend, call, tool(backend, 1, 90, operation="op-book", receipt=receipt(backend)))
    again = await backend.post(f"/api/calls/{call}/intents", intent)
    assert [step["state"] for step in again["steps"]] == ["done", "open"]
    await backend.post(f"/api/calls/{call}/end")
    (left,) = (await backend.get("/api/intents", params={"call_id": call}))["items"]
    assert [step["state"] for step in left["steps"]] == ["done", "unknown"]
    assert (await backend.get("/api/intents", params={"call_id": "another"}))["items"] == []
    assert (await backend.get(f"/api/calls/{call}"))["unknown_steps"] == 1
    problem = (await backend.get(f"/api/calls/{call}/timeline"))["items"][-1]
    assert (problem["kind"], problem["data"]) == (
        "problem", {"name": "intent.step_left_open", "intent": "i1", **steps[1]},
    )  # fmt: skip
    await tell(backend, call, tool(backend, 2, 90, operation="op-notify", receipt=receipt(backend)))
    assert (await backend.get("/api/intents"))["items"] == []
    (done,) = (await backend.get("/api/intents", params={"state": "done"}))["items"]
    assert done["call_id"] == call
    assert (await backend.get(f"/api/calls/{call}"))["unknown_steps"] == 0
    kinds = [entry["kind"] for entry in (await backend.get(f"/api/calls/{call}/timeline"))["items"]]
    assert sorted(kinds) == ["problem", "tool", "tool"], "what was reported stays, beside what became of it"


async def test_a_call_whose_worker_died_is_closed_when_it_was_last_heard_of_and_its_open_steps_are_reported(
    backend: Backend,
) -> None:
    call, alive = await new_call(backend), await new_call(backend)
    step = {"operation": "op", "tool": "t", "server": "s"}
    await backend.post(f"/api/calls/{call}/intents", {"id": "i", "flow": "f", "steps": [step]})
    backend.clock.advance(minutes=2)
    await tell(backend, call, event(backend, 1, "wait", ms=1))
    backend.clock.advance(minutes=13)
    await tell(backend, alive, event(backend, 1, "wait", ms=1))
    await backend.app.state.chores.run("look_after_workers")
    lost = await backend.get(f"/api/calls/{call}")
    assert (lost["outcome"], lost["seconds"]) == ("lost", 120)
    assert (await backend.get(f"/api/calls/{alive}"))["outcome"] is None
    assert len((await backend.get("/api/intents"))["items"]) == 1
    assert lost["unknown_steps"] == 1
    timeline = (await backend.get(f"/api/calls/{call}/timeline"))["items"]
    assert [entry["data"].get("name") for entry in timeline] == [None, "intent.step_left_open"]


async def test_what_was_said_is_removed_in_time_and_receipts_stay_longer(backend: Backend) -> None:
    await backend.client.put("/api/settings/keeping", json={"text_days": 7, "event_days": 30})
    call = await new_call(backend)
    said = event(backend, 1, "turn", speaker="caller", text="my knee hurts")
    await tell(backend, call, said, tool(backend, 2, 10, receipt=receipt(backend)))
    await backend.post(f"/api/calls/{call}/end")
    backend.clock.advance(days=8)
    await backend.app.state.chores.run("remove_old")
    items = (await backend.get(f"/api/calls/{call}/timeline"))["items"]
    assert ["knee" in json.dumps(item) for item in items] == [False, False]
    assert items[1]["data"]["receipt"]["resource_id"] == "ev1"
    backend.clock.advance(days=30)
    await backend.app.state.chores.run("remove_old")
    assert (await backend.get(f"/api/calls/{call}/timeline"))["items"] == []


async def test_a_workspace_that_keeps_no_text_stores_none(backend: Backend) -> None:
    await backend.client.put("/api/settings/keeping", json={"keep_text": False})
    call = await new_call(backend)
    await tell(backend, call, event(backend, 1, "turn", speaker="caller", text="my knee hurts"))
    (item,) = (await backend.get(f"/api/calls/{call}/timeline"))["items"]
    assert item["data"] == {"speaker": "caller", "interrupted": False}


async def test_live_calls_are_streamed_to_their_own_workspace_with_what_they_leave_unknown(backend: Backend) -> None:
    call = await new_call(backend)
    step = {"operation": "op", "tool": "t", "server": "s"}
    await backend.post(f"/api/calls/{call}/intents", {"id": "i", "flow": "f", "steps": [step]})
    other = await backend.key("analytics:read")
    seen: list[tuple[str, str, int]] = []
    async with asyncio.timeout(20), other.stream("GET", "/api/live/calls") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in stream.aiter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                said = json.loads(value)
                seen.append((name, said["id"], said["unknown_steps"]))
                if len(seen) == 1:
                    await backend.post(f"/api/calls/{call}/end")
                else:
                    break
    assert seen == [("call", call, 0), ("ended", call, 1)]


async def test_metrics_name_routes_and_nothing_that_was_sent(backend: Backend) -> None:
    await backend.client.get("/api/calls/a-very-secret-call-id")
    answer = await backend.client.get("/metrics")
    assert answer.status_code == 200
    assert 'route="/api/calls/{call_id}"' in answer.text
    assert "a-very-secret-call-id" not in answer.text
    async with backend.anonymous() as nobody:
        assert (await nobody.get("/metrics")).status_code == 401


async def test_a_worker_does_a_whole_call_with_the_typed_client(backend: Backend) -> None:
    await backend.client.put("/api/phone-numbers/+15550100", json={"agent_id": "restaurant"})
    async with BackendClient(backend.url, SecretStr(SERVICE_TOKEN)) as client:
        call = await client.register_phone_call(dialled="+15550100", caller="tel:+15550199", room="sip-1")
        boot = await client.bootstrap(call)
        assert (boot.agent.id, boot.caller) == ("restaurant", "tel:+15550199")
        assert {server.name for server in (await client.renew(call)).servers} == {s.name for s in boot.servers}
        step = IntentStep(operation="op", tool="t", server="s")
        intent = await client.open_intent(call, NewIntent(id="i", flow="f", steps=(step,)))
        assert intent.state is IntentState.OPEN
        batch = EventBatch.model_validate({"events": [tool(backend, 1, 5, operation="op", receipt=receipt(backend))]})
        assert [(await client.send(call, batch)).new for _ in range(2)] == [1, 0]
        await client.end(call)


async def test_a_batch_of_another_shape_is_refused_whole(backend: Backend) -> None:
    call = await new_call(backend)
    good = tool(backend, 1, 5)
    for wrong in ({**good, "id": ""}, {**good, "more": 1}, {**good, "at": "2026-11-23T09:00:00"}, {"kind": "x"}):
        answer: httpx.Response = await backend.client.post(f"/api/calls/{call}/events", json={"events": [good, wrong]})
        assert answer.status_code == 422
    assert (await backend.get(f"/api/calls/{call}/timeline"))["items"] == []
