"""What workers and the command line ask of the backend in demo mode."""

import pytest

from contracts.agents import AgentSpec
from contracts.calls import CallBootstrap
from tests.backend.conftest import MCP_TOKEN, Backend

ERROR_FIELDS = {"code", "message", "field"}


async def test_the_restaurant_is_there_from_the_start(backend: Backend) -> None:
    listed = await backend.get("/api/agents")
    assert [agent["id"] for agent in listed["items"]] == ["restaurant"]
    spec = AgentSpec.model_validate(await backend.get("/api/agents/restaurant"))
    assert (spec.workspace, spec.version, spec.business.booking_minutes) == ("demo", 1, 90)


async def test_a_call_is_started_bootstrapped_and_ended(backend: Backend) -> None:
    call = await backend.post("/api/calls", {"agent_id": "restaurant", "caller": "tel:+15550100"})
    boot = CallBootstrap.model_validate(await backend.post(f"/api/calls/{call['id']}/bootstrap"))
    assert (boot.call_id, boot.caller, boot.agent.id, boot.demo) == (call["id"], "tel:+15550100", "restaurant", True)
    assert {server.name for server in boot.servers} >= {"google-calendar"}
    assert {server.token.get_secret_value() for server in boot.servers} == {MCP_TOKEN}
    ended = await backend.post(f"/api/calls/{call['id']}/end")
    assert ended["ended_at"] is not None
    assert await backend.post(f"/api/calls/{call['id']}/end") == ended


async def test_a_call_that_has_ended_gets_no_credentials(backend: Backend) -> None:
    call = await backend.post("/api/calls", {"agent_id": "restaurant"})
    await backend.post(f"/api/calls/{call['id']}/end")
    answer = await backend.client.post(f"/api/calls/{call['id']}/bootstrap")
    assert (answer.status_code, answer.json()["code"]) == (409, "call_ended")


async def test_credentials_are_not_kept_by_caches_on_the_way(backend: Backend) -> None:
    call = await backend.post("/api/calls", {"agent_id": "restaurant"})
    answer = await backend.client.post(f"/api/calls/{call['id']}/bootstrap")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_credential(backend: Backend, path: str) -> None:
    async with backend.anonymous() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/agents"),
        ("GET", "/api/agents/restaurant"),
        ("POST", "/api/calls"),
        ("POST", "/api/calls/x/bootstrap"),
        ("POST", "/api/calls/x/end"),
    ],
)
@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}])
async def test_without_the_right_bearer_nothing_is_told(
    backend: Backend, method: str, path: str, header: dict[str, str]
) -> None:
    async with backend.anonymous(**header) as client:
        answer = await client.request(method, path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("GET", "/nowhere", None, 404, "not_found", None),
        ("GET", "/api/agents/nobody", None, 404, "not_found", None),
        ("DELETE", "/api/agents", None, 405, "method_not_allowed", None),
        ("POST", "/api/calls", b"{not json", 422, "invalid_request", "body"),
        ("POST", "/api/calls", b"{}", 422, "invalid_request", "body"),
        ("POST", "/api/calls", b'{"agent_id": 7}', 422, "invalid_request", "agent_id"),
        ("POST", "/api/calls", b'{"agent_id": "restaurant", "more": 1}', 422, "invalid_request", "more"),
        ("POST", "/api/calls", b'{"agent_id": "nobody"}', 404, "not_found", None),
        ("POST", "/api/calls/none/end", None, 404, "not_found", None),
        ("POST", "/api/calls/none/bootstrap", None, 404, "not_found", None),
    ],
)
async def test_every_error_has_one_shape_and_names_the_field(
    backend: Backend, method: str, path: str, body: bytes | None, status: int, code: str, field: str | None
) -> None:
    answer = await backend.client.request(method, path, content=body, headers={"content-type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (status, code, field)
    assert set(problem) == ERROR_FIELDS
    assert problem["message"]


async def test_an_error_does_not_repeat_what_was_sent(backend: Backend) -> None:
    answer = await backend.client.post("/api/calls", json={"agent_id": ["my secret words"]})
    assert answer.status_code == 422
    assert "my secret words" not in answer.text


async def test_a_huge_body_is_refused_and_the_next_request_works(backend: Backend) -> None:
    answer = await backend.client.post("/api/calls", content=b"[" + b"1," * 6_000_000 + b"1]")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await backend.client.get("/healthz")).status_code == 200


async def test_a_huge_body_of_unknown_length_is_refused_too(backend: Backend) -> None:
    async def chunks():
        for _ in range(40):
            yield b"x" * 100_000

    answer = await backend.client.post("/api/calls", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await backend.client.get("/healthz")).status_code == 200
