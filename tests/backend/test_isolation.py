"""A second workspace reaches nothing of the first: every endpoint of the API's own description is tried with the other's ids."""

import json
import re
from typing import Any

import pytest

from tests.backend.conftest import Backend, OpenBackend
from tests.backend.test_doors import LIVEKIT
from tests.fakes.strange_mcp import stranger

IN_PATH = re.compile(r"\{(\w+)\}")
BODIES: dict[tuple[str, str], Any] = {
    ("put", "/api/phone-numbers/{number}"): {"agent_id": "restaurant"},
    ("post", "/api/agents/{agent_id}/rollback"): {"version": 1},
    ("post", "/api/agents/{agent_id}/publishable-keys"): {"origins": ["https://evil.example"]},
    ("post", "/api/calls"): {"agent_id": "restaurant"},
    ("post", "/api/calls/{call_id}/intents"): {
        "id": "i", "flow": "f", "steps": [{"operation": "o", "tool": "t", "server": "s"}],
    },
    ("post", "/api/calls/{call_id}/events"): {
        "events": [{"kind": "wait", "id": "e", "at": "2026-11-23T09:00:00Z", "ms": 1}],
    },
}  # fmt: skip
BODIES |= {
    ("put", "/api/servers/{server_id}/credential"): {"credential": {"kind": "none"}},
    ("post", "/api/servers/{server_id}/approve"): {"tools": {"look": "seen"}},
    ("post", "/api/servers/oauth"): {"name": "theirs", "url": "https://10.0.0.1/"},
    ("post", "/api/servers"): {"name": "theirs", "url": "https://10.0.0.1/"},
}
SPAN = {"since": "2026-11-01", "until": "2026-11-30"}
MARK = "of-the-first-workspace"
OF_CONNECTIONS = ("/api/connections", "/connections", "/oauth", "/.well-known")
"""Their own tests try these."""


@pytest.fixture
async def backend(opened: OpenBackend) -> Backend:
    """A backend with a LiveKit server, so that spawning gets as far as it can, and with MCP servers on this machine."""
    return await opened(**LIVEKIT, BACKEND_PRIVATE_HOSTS="127.0.0.1")


async def add_server(backend: Backend) -> str:
    """A server that others run, of the first workspace; it is gone afterwards."""
    async with stranger() as fake:
        new = {"name": "theirs", "title": MARK, "url": fake.mcp_url}
        return (await backend.post("/api/servers", new))["id"]


async def fill(backend: Backend) -> dict[str, str]:
    """One of everything in the first workspace; ids by the name that paths have for them."""
    owner = await backend.person()
    call = await backend.post("/api/calls", {"agent_id": "restaurant", "caller": MARK})
    path = f"/api/calls/{call['id']}"
    said = {"kind": "turn", "id": "e1", "at": "2026-11-23T09:00:00Z", "speaker": "caller", "text": MARK}
    tool = {"kind": "tool", "id": "e2", "at": "2026-11-23T09:00:00Z", "tool": MARK, "server": MARK, "ms": 5}
    await backend.post(f"{path}/events", {"events": [said, tool]})
    step = {"operation": "o1", "tool": MARK, "server": "s"}
    await backend.post(f"{path}/intents", {"id": "i1", "flow": MARK, "steps": [step]})
    await backend.client.put("/api/phone-numbers/+15550100", json={"agent_id": "restaurant"})
    await backend.client.put("/api/settings/prices", json={"prices": {"stt_seconds": 12}})
    made = await backend.post("/api/agents/restaurant/publishable-keys", {"origins": ["https://www.example.com"]})
    key = await backend.post("/api/keys", {"name": MARK, "scopes": ["agents:read"]})
    return {
        "agent_id": "restaurant", "call_id": call["id"], "user_id": owner.user["id"], "number": "+15550100",
        "key_id": key["key"]["id"], "publishable": made["id"], "server_id": await add_server(backend),
    }  # fmt: skip


async def everything(backend: Backend) -> str:
    """What the first workspace sees of itself."""
    paths = ("/api/agents", "/api/agents/restaurant/versions", "/api/agents/restaurant/publishable-keys", "/api/calls",
             "/api/phone-numbers", "/api/keys", "/api/users", "/api/settings/prices", "/api/settings/keeping",
             "/api/intents?state=open", "/api/agents/restaurant/limits", "/api/servers")  # fmt: skip
    return json.dumps([await backend.get(path) for path in paths])


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, methods in document["paths"].items()
        for method in methods
        if not path.startswith(OF_CONNECTIONS)
    ]


async def test_every_endpoint_is_tried_with_the_others_ids_and_nothing_is_reached(backend: Backend) -> None:
    ids = await fill(backend)
    before = await everything(backend)
    stranger = await backend.person(workspace="second")
    service = {"x-voxie-workspace": "second"}
    document = backend.app.openapi()
    reached: list[str] = []
    for method, path in operations(document):
        if path in {"/api/live/calls", "/metrics", "/api/sessions/current", "/api/workspaces"}:
            continue
        values = ids | ({"key_id": ids["publishable"]} if "publishable" in path else {})
        url = IN_PATH.sub(lambda found, known=values: known[found.group(1)], path)
        body = BODIES.get((method, path), {})
        for client, headers in ((stranger.client, {}), (backend.client, service)):
            answer = await client.request(method, url, json=body, params=SPAN, headers=headers)
            if MARK in answer.text or (answer.is_success and IN_PATH.search(path) and method != "put"):
                reached.append(f"{method} {path} {answer.status_code}")
            assert answer.status_code < 500 or answer.status_code == 503, f"{method} {path}"
    assert reached == []
    assert await everything(backend) == before


async def test_every_endpoint_but_the_public_ones_wants_a_credential(backend: Backend) -> None:
    public = {"/healthz", "/readyz", "/api/sessions", "/api/owner-links/redeem"}
    async with backend.anonymous() as nobody:
        for method, path in operations(backend.app.openapi()):
            url = IN_PATH.sub(lambda found: "+15550100" if found.group(1) == "number" else "some-id", path)
            body = BODIES.get((method, path), {})
            answer = await nobody.request(method, url, json=body, params=SPAN)
            assert path in public or answer.status_code in {401, 422}, f"{method} {path}: {answer.status_code}"


async def test_a_call_of_the_other_workspace_is_not_counted_or_listed(backend: Backend) -> None:
    await fill(backend)
    stranger = await backend.person(workspace="second")
    for path in ("/api/calls", "/api/analytics/tools", "/api/analytics/calls", "/api/analytics/integrations"):
        assert (await stranger.client.get(path, params=SPAN)).json()["items"] == [], path
