"""What an agent's model is shown of a workspace's hooks when the backend keeps them: their names, and what each takes."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.calls import CallBootstrap
from contracts.results import ErrorKind
from spawner.dynamic_agent_factory import BuiltAgent, DynamicAgentFactory
from tests.backend.served import Backend
from tests.backend.two_workspaces import draft
from tests.mcp_servers.zapier.whole import backend as backend
from tests.mcp_servers.zapier.whole import clock as clock
from tests.mcp_servers.zapier.whole import port as port
from tests.mcp_servers.zapier.whole import sandbox as sandbox
from tests.mcp_servers.zapier.whole import zapier
from tests.running import RunningApp
from tests.world import HOOK

pytestmark = pytest.mark.needs_zapier

TRIGGER = "zapier_trigger_zap"
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"dish": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["dish"],
    "additionalProperties": False,
}


async def connect(backend: Backend, sandbox: RunningApp, name: str, schema: dict[str, Any]) -> None:
    """The owner adds a hook."""
    url = f"{sandbox.url}/hooks/catch/100001/canary-{name}/"
    new = {
        "server": "zapier", "name": name, "url": url, "title": f"The {name}", "payload_schema": schema,
        "test_payload": {"dish": "test"},
    }  # fmt: skip
    await backend.post("/api/connections/hooks", new, expect=201)


@asynccontextmanager
async def called(backend: Backend, *tools: str) -> AsyncGenerator[BuiltAgent]:
    """The agent of a call, as its worker builds it from the backend's answer."""
    made = await backend.post("/api/agents", {**draft("Shop", "zapier"), "tools": tools}, expect=201)
    call = await backend.start_call(agent_id=made["spec"]["id"])
    answer = await backend.api.post(f"/api/calls/{call}/bootstrap")
    built = DynamicAgentFactory(offline=True, now=backend.clock.now).build(
        CallBootstrap.model_validate_json(answer.content)
    )
    try:
        await built.integration.discover()
        yield built
    finally:
        await built.aclose()


def shown(built: BuiltAgent) -> dict[str, Any]:
    """The trigger as the model is given it."""
    (trigger,) = (tool for tool in built.integration.function_tools() if tool.info.name == TRIGGER)
    return trigger.info.raw_schema


async def test_a_model_is_shown_the_workspaces_hooks_and_what_each_takes(
    tmp_path: Path, backend: Backend, sandbox: RunningApp, port: int
) -> None:
    async with zapier(tmp_path, backend, sandbox, port=port):
        await backend.health.look_at_due(all_of_them=True)
        # Connected after the registry approved the tool: it need not be approved again.
        await connect(backend, sandbox, "order", ORDER)
        async with called(backend, TRIGGER) as built:
            (link,) = built.integration.links
            assert [tool.name for tool in link.approved or ()] == [TRIGGER]
            parameters = shown(built)["parameters"]["properties"]
            assert parameters["zap_id"]["enum"] == ["order", HOOK]
            assert json.dumps(ORDER, separators=(",", ":")) in parameters["payload"]["description"]
            assert "order (The order): " in parameters["payload"]["description"]
            assert "canary" not in json.dumps(shown(built))
            assert len(json.dumps(shown(built))) <= 6_000

            # What the model is shown is what is checked.
            wrong = await built.integration.call(TRIGGER, {"zap_id": "order", "payload": {"dish": 3}})
            assert wrong.failure is not None
            assert (wrong.failure.kind, wrong.failure.field) == (ErrorKind.BAD_REQUEST, "payload.dish")
            right = await built.integration.call(TRIGGER, {"zap_id": "order", "payload": {"dish": "soup"}})
            assert right.data["status"] in {"sending", "accepted"}


async def test_an_agent_that_is_granted_one_hook_is_shown_that_hook_alone(
    tmp_path: Path, backend: Backend, sandbox: RunningApp, port: int
) -> None:
    async with zapier(tmp_path, backend, sandbox, port=port):
        await connect(backend, sandbox, "order", ORDER)
        async with called(backend, f"{TRIGGER}:{HOOK}") as built:
            parameters = shown(built)["parameters"]["properties"]
            assert parameters["zap_id"]["enum"] == [HOOK]
            assert "order" not in parameters["payload"]["description"]


async def test_many_hooks_are_shown_by_their_fields_within_the_budget(
    tmp_path: Path, backend: Backend, sandbox: RunningApp, port: int
) -> None:
    async with zapier(tmp_path, backend, sandbox, port=port):
        wide = {**ORDER, "properties": {**ORDER["properties"], "notes": {"type": "string", "description": "x" * 700}}}
        for number in range(4):
            await connect(backend, sandbox, f"order_{number}", wide)
        async with called(backend, TRIGGER) as built:
            text = shown(built)["parameters"]["properties"]["payload"]["description"]
            assert "order_3 (The order_3): fields dish, count, notes." in text
            assert len(json.dumps(shown(built))) <= 6_000


async def test_a_model_is_told_when_no_hook_is_connected(
    tmp_path: Path, backend: Backend, sandbox: RunningApp, port: int
) -> None:
    async with zapier(tmp_path, backend, sandbox, port=port):
        (connection,) = (await backend.get("/api/connections"))["items"]
        await backend.delete(f"/api/connections/{connection['id']}")
        async with called(backend, TRIGGER) as built:
            assert "No hook is connected yet." in shown(built)["parameters"]["properties"]["payload"]["description"]
            assert HOOK not in json.dumps(shown(built))
