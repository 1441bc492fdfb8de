"""Whatever is wrong with a request, the answer is of one shape, names the field, and says what to do."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from tests.backend.conftest import Backend, open_backend
from tests.backend.test_doors import LIVEKIT
from tests.backend.test_isolation import BODIES, IN_PATH, WITHOUT_IDS

JSON = {"content-type": "application/json"}
BROKEN = "\ud83d"
IDS = {"number": "+15550100"}
ELSEWHERE = {"POST /oauth/token", "POST /api/livekit/webhook"}
"""The shapes of OAuth and of LiveKit."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_backend(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Backend]:
    """One for all: nothing that is refused changes it."""
    async with open_backend(tmp_path_factory.mktemp("backend"), **LIVEKIT) as backend:
        yield backend


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "field", "message"),
    [
        ("POST", "/api/keys", b"", 422, "body", "send a JSON object as the body"),
        ("POST", "/api/keys", b"{", 422, "body", "this is no JSON"),
        ("POST", "/api/keys", b"[]", 422, "body", "send an object"),
        ("POST", "/api/keys", b"\xff", 400, "body", "no text in the encoding"),
        ("POST", "/api/keys", b"{}", 422, "name", "this field is required"),
        ("POST", "/api/keys", b'{"name": "k", "scopes": []}', 422, "scopes", "at least 1 item"),
        ("POST", "/api/keys", b'{"name": "k", "scopes": "x"}', 422, "scopes", "send a list"),
        ("POST", "/api/keys", b'{"name": "k", "scopes": ["all"]}', 422, "scopes.0", "'agents:read', 'agents:write'"),
        ("POST", "/api/keys", b'{"name": "k", "scope": []}', 422, "scopes", "this field is required"),
        ("PUT", "/api/settings/keeping", b'{"colour": 1}', 422, "colour", "there is no such field: leave it out"),
        ("PUT", "/api/settings/keeping", b'{"text_days": 0}', 422, "text_days", "greater than or equal to 1"),
        ("POST", "/api/calls", b"{}", 422, "body", "give either agent_id, or dialled"),
        ("POST", "/api/calls", b'{"agent_id": "a b"}', 422, "agent_id", "send 1 to 64 letters, digits"),
        ("POST", "/api/calls", b'{"dialled": "555 0100"}', 422, "dialled", "in E.164, such as +15550100"),
        ("POST", "/api/users", b'{"email": "me", "name": "m", "password": "x"}', 422, "email", "ana@example.com"),
        ("POST", "/api/sessions", b'{"email": "a@b", "password": ""}', 422, "password", "at least 1 character, not 0"),
        ("GET", "/api/agents?limit=0", None, 422, "limit", "greater than or equal to 1"),
        ("GET", "/api/agents?cursor=x", None, 422, "cursor", "begin without one"),
        ("POST", "/api/connections/keys", b'{"server": "x", "api_key": "k"}', 404, "server", "there are: "),
        ("POST", "/api/servers", b'{"name": "a", "url": "u", "credential": {}}', 422, "credential", "by 'kind' which"),
        ("POST", "/api/calls/x/events", b'{"events": []}', 422, "events", "List should have at least 1 item"),
        ("GET", "/api/nothing", None, 404, None, "/openapi.json lists what there is"),
        ("GET", "/api/agents/", None, 404, None, "/openapi.json lists what there is"),
        ("DELETE", "/api/agents", None, 405, None, "this path takes GET, POST"),
    ],
)
async def test_an_error_names_the_field_and_the_fix(
    lasting_backend: Backend,
    method: str,
    path: str,
    content: bytes | None,
    status: int,
    field: str | None,
    message: str,
) -> None:
    answer = await lasting_backend.client.request(
        method, path, content=content, headers=JSON if content is not None else {}
    )
    said = answer.json()
    assert (answer.status_code, said["field"]) == (status, field), said
    assert set(said) == {"code", "message", "field"}
    assert message in said["message"]
    assert "Value error" not in said["message"]


async def test_a_workspace_that_there_is_not_is_found_in_its_header(lasting_backend: Backend) -> None:
    answer = await lasting_backend.client.get("/api/agents", headers={"x-voxie-workspace": "nobodys"})
    assert (answer.status_code, answer.json()["field"]) == (404, "x-voxie-workspace")


def broken(value: Any) -> list[Any]:
    """The same with half a character in one of its texts, each in turn."""
    match value:
        case str():
            return [BROKEN]
        case dict():
            return [{**value, key: one} for key in value for one in broken(value[key])]
        case list():
            return [
                [*value[:place], one, *value[place + 1 :]] for place, item in enumerate(value) for one in broken(item)
            ]
        case _:
            return []


@pytest.mark.needs_zapier
async def test_half_a_character_is_refused_wherever_it_is_sent(lasting_backend: Backend) -> None:
    bodies = {name: tried.body for name, tried in WITHOUT_IDS.items()} | BODIES | {
        "POST /api/connections/hooks": {"server": "zapier", "name": "h", "url": "http://127.0.0.1:1/", "title": "t"},
        "POST /api/connections/keys": {"server": "zapier", "api_key": "k"},
        "POST /api/connections/clients": {"server": "zapier", "client_id": "i", "client_secret": "s"},
        "PUT /api/servers/{server_id}/credential": {"credential": {"kind": "bearer", "token": "t"}},
    }  # fmt: skip
    problems: list[str] = []
    for name, body in bodies.items():
        method, path = name.split()
        url = IN_PATH.sub(lambda found: IDS.get(found.group(1), "some-id"), path)
        for one in broken(body) if name not in ELSEWHERE else ():
            answer = await lasting_backend.client.request(method, url, content=json.dumps(one), headers=JSON)
            if answer.status_code != 422 or not answer.json()["field"]:
                problems.append(f"{name} {one}: {answer.status_code} {answer.text}")
    assert not problems, "\n".join(problems)
