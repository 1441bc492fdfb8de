"""A second workspace reaches nothing of the first: every operation of the API's own description is tried by strangers.

An operation that this module does not know turns it red: give it a line in ``WITHOUT_IDS``, or its id and its body.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio

from backend.access.principal import GRANTABLE
from tests.backend.served import MCP_SERVICE_TOKEN
from tests.backend.two_workspaces import (
    FIRST,
    SECOND,
    SERVER,
    Neighbours,
    consented,
    draft,
    marks_of,
    neighbours,
    rows_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_PATH = re.compile(r"\{(\w+)\}")
SPAN = {"since": "2026-11-01", "until": "2026-11-30"}
LIVE = "GET /api/live/calls"
"""A stream without an end has a test of its own, below."""


@dataclass(frozen=True)
class Tried:
    """An operation without an id in its path.

    Args:
        status: what somebody gets who may do it in their own workspace.
        body: what is sent; ``@`` is another letter for each who sends it.
    """

    status: int = 200
    body: Any = None


LISTS = (
    "agents", "templates", "phone-numbers", "intents", "analytics/tools", "analytics/calls", "analytics/integrations",
    "audit", "calls", "keys", "users", "workspaces", "servers", "connections", "connections/available",
)  # fmt: skip
WITHOUT_IDS = {f"GET /api/{name}": Tried() for name in LISTS} | {
    # What is the stranger's own.
    "GET /api/settings/prices": Tried(),
    "PUT /api/settings/prices": Tried(body={"prices": {"tts_characters": 1}}),
    "GET /api/settings/keeping": Tried(),
    "PUT /api/settings/keeping": Tried(body={"text_days": 3}),
    "GET /api/workspaces/current": Tried(),
    "POST /api/workspaces": Tried(201, {"id": "third-@", "name": "Third"}),
    "POST /api/agents": Tried(201, draft("Mine")),
    "POST /api/keys": Tried(201, {"name": "mine", "scopes": ["agents:read"]}),
    "POST /api/users": Tried(201, {"email": "@@second.test", "name": "Somebody", "password": "correct horse"}),
    "POST /api/owner-links": Tried(201),
    "POST /api/creator/rooms": Tried(201, {}),
    "POST /api/connections/oauth": Tried(201, {"server": SERVER}),
    "POST /api/servers": Tried(201, {"name": "theirs-@", "url": "@tools"}),
    # It asks for no authorization.
    "POST /api/servers/oauth": Tried(422, {"name": "theirs", "url": "@tools"}),
    # The calendar is connected by consent alone.
    "POST /api/connections/hooks": Tried(422, {"server": SERVER, "name": "mine", "url": "http://127.0.0.1:1/"}),
    "POST /api/connections/keys": Tried(422, {"server": SERVER, "api_key": "mine"}),
    "POST /api/connections/clients": Tried(422, {"server": SERVER, "client_id": "mine", "client_secret": "mine"}),
    # The first one's agent in the body.
    "POST /api/calls": Tried(404, {"agent_id": "restaurant"}),
    # Open, or for a credential that is no workspace's.
    "GET /healthz": Tried(),
    "GET /readyz": Tried(),
    "GET /.well-known/jwks.json": Tried(),
    "GET /.well-known/voxie-revoked-calls": Tried(),
    "POST /api/sessions": Tried(401, {"email": "owner@demo.test", "password": "not the password"}),
    "POST /api/owner-links/redeem": Tried(
        410, {"token": "guessed", "email": "me@second.test", "name": "Me", "password": "correct horse"}
    ),
    "POST /api/public/spawn": Tried(401, {}),
    "POST /api/livekit/webhook": Tried(401),
    "POST /oauth/token": Tried(401),
    # The first one's state and code, from another browser.
    "GET /oauth/callback": Tried(400),
    "GET /metrics": Tried(),
    LIVE: Tried(),
    # At the end, since they sign the stranger out.
    "GET /api/sessions/current": Tried(),
    "DELETE /api/sessions/current": Tried(204),
}
BODIES: dict[str, Any] = {
    "PUT /api/agents/{agent_id}/draft": {name: value for name, value in draft("Mine").items() if name != "publish"},
    "POST /api/agents/{agent_id}/rollback": {"version": 1},
    "PUT /api/agents/{agent_id}/limits": {"simultaneous_calls": 0},
    "POST /api/agents/{agent_id}/publishable-keys": {"origins": ["https://evil.example"]},
    "POST /api/agents/{agent_id}/spawn": {},
    "PUT /api/phone-numbers/{number}": {"agent_id": "@agent"},
    "POST /api/calls/{call_id}/intents": {
        "id": "i", "flow": "f", "steps": [{"operation": "o", "tool": "t", "server": "s"}],
    },
    "POST /api/calls/{call_id}/events": {
        "events": [{"kind": "wait", "id": "e", "at": "2026-11-23T09:00:00Z", "ms": 1}],
    },
    "PUT /api/connections/{connection_id}/settings": {"settings": {}},
    "PUT /api/servers/{server_id}/credential": {"credential": {"kind": "none"}},
    "POST /api/servers/{server_id}/approve": {"tools": {"look": "seen"}},
}  # fmt: skip
IDS_ELSEWHERE = {"PUT /api/phone-numbers/{number}": 409}
"""A number rings in one place, and that it is taken is no secret: whoever dials it hears it."""
WITHOUT_A_PERSON = {"GET /api/sessions/current": 404}
"""What a program gets where only people have something."""


@dataclass
class Operation:
    """One of the description's."""

    method: str
    path: str
    described: dict[str, Any]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.method} {self.path}"

    @property
    def scopes(self) -> set[str]:
        return {scope for way in self.described.get("security", ()) for wanted in way.values() for scope in wanted}

    @property
    def takes_bearer(self) -> bool:
        return any(name in way for way in self.described.get("security", ()) for name in ("HTTPBearer", "McpService"))

    def has(self, query: str) -> bool:
        return any(found["name"] == query and found["in"] == "query" for found in self.described.get("parameters", ()))

    def url(self, ids: dict[str, str]) -> str:
        values = ids | ({"key_id": ids["publishable"]} if "publishable" in self.path else {})
        return IN_PATH.sub(lambda found: values[found.group(1)], self.path)

    def expected(self, *, service: bool, person: bool) -> int:
        if not service and not self.scopes <= GRANTABLE:
            return 403
        if IN_PATH.search(self.path):
            return IDS_ELSEWHERE.get(self.name, 404)
        otherwise = WITHOUT_IDS[self.name].status
        return otherwise if person else WITHOUT_A_PERSON.get(self.name, otherwise)


def operations(document: dict[str, Any]) -> list[Operation]:
    """Every operation; those that sign out come last."""
    found = [
        Operation(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    return sorted(found, key=lambda one: one.path == "/api/sessions/current")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Neighbours]:
    """One pair for all tests: none of them may change the first workspace, and each looks whether it did."""
    async with neighbours(tmp_path_factory.mktemp("backend")) as found:
        yield found


async def send(client: httpx.AsyncClient, one: Operation, both: Neighbours, who: str, **headers: str) -> httpx.Response:
    """Try an operation with the first workspace's ids wherever it takes one."""
    body = WITHOUT_IDS[one.name].body if one.name in WITHOUT_IDS else BODIES.get(one.name)
    query = SPAN | {"agent_id": "restaurant"} | (await consented(both.backend) if one.path == "/oauth/callback" else {})
    if one.has("cursor") and one.name in WITHOUT_IDS:
        page = (await both.backend.client.get(one.path, params={**SPAN, "limit": 1})).json()
        query |= {"cursor": page["next_cursor"]} if page.get("next_cursor") else {}
    text = json.dumps(body).replace("@tools", both.tools.mcp_url).replace("@agent", both.agent).replace('"@', f'"{who}')
    content = None if body is None else text.replace("-@", f"-{who}")
    headers |= {"content-type": "application/json"} if content else {}
    return await client.request(one.method, one.url(both.ids), content=content, params=query, headers=headers)


async def test_every_operation_is_known_here(both: Neighbours) -> None:
    found = operations(both.backend.app.openapi())
    without = {one.name for one in found if not IN_PATH.search(one.path)}
    assert without == set(WITHOUT_IDS)
    takes_body = {one.name for one in found if "requestBody" in one.described and IN_PATH.search(one.path)}
    assert takes_body == set(BODIES)


async def test_every_list_has_something_of_the_first_and_shows_it_to_no_stranger(both: Neighbours) -> None:
    async def listed(client: httpx.AsyncClient, name: str) -> list[Any]:
        return (await client.get(f"/api/{name}", params=SPAN)).json()["items"]

    # Templates and what can be connected are everybody's, and workspaces are for rooms of ours.
    for name in set(LISTS) - {"templates", "connections/available", "workspaces"}:
        of_the_first = await listed(both.backend.client, name)
        assert of_the_first, name
        for stranger in (both.person, both.program):
            # The operator's own servers are in every workspace.
            shown = [item for item in await listed(stranger, name) if not item.get("own")]
            assert not [item for item in shown if item in of_the_first], name


async def test_every_operation_is_tried_with_the_others_ids_and_nothing_is_reached(both: Neighbours) -> None:
    before, marks = await rows_of(both.backend, FIRST), await marks_of(both.backend, FIRST)
    person = await both.backend.person(workspace=SECOND)
    # Whoever names the first workspace in the header reaches no more of it: that is for rooms of ours.
    who = {
        "p": (person.client, {"x-voxie-workspace": FIRST}),
        "k": (both.program, {"x-voxie-workspace": FIRST}),
        "s": (both.backend.client, {"x-voxie-workspace": SECOND}),
    }
    problems: list[str] = []
    for one in operations(both.backend.app.openapi()):
        if one.name == LIVE:
            continue
        for name, (client, headers) in who.items():
            answer = await send(client, one, both, name, **headers)
            wanted = one.expected(service=name == "s", person=name == "p")
            if answer.status_code != wanted:
                problems.append(f"{name} {one.name}: {answer.status_code}, not {wanted}: {answer.text[:200]}")
            problems += [f"{name} {one.name} tells {mark}" for mark in marks if mark in answer.text]
    assert not problems, "\n".join(problems)
    assert await rows_of(both.backend, FIRST) == before
    of_the_second = "\n".join(await rows_of(both.backend, SECOND))
    assert not [mark for mark in marks if mark in of_the_second]


async def test_a_call_token_and_the_servers_token_open_nothing_of_the_api(both: Neighbours) -> None:
    """They are for the MCP servers and for the broker."""
    before = await rows_of(both.backend, FIRST)
    problems: list[str] = []
    for bearer in (both.call_token, MCP_SERVICE_TOKEN):
        async with both.anonymous(bearer) as client:
            for one in operations(both.backend.app.openapi()):
                if not one.takes_bearer or (one.path == "/oauth/token" and bearer == MCP_SERVICE_TOKEN):
                    continue
                answer = await send(client, one, both, "t")
                if answer.status_code != 401:
                    problems.append(f"{one.name}: {answer.status_code}")
    assert not problems, "\n".join(problems)
    assert await rows_of(both.backend, FIRST) == before


async def test_every_operation_but_the_open_ones_wants_a_credential(both: Neighbours) -> None:
    before = await rows_of(both.backend, FIRST)
    problems: list[str] = []
    async with both.anonymous() as nobody:
        for one in operations(both.backend.app.openapi()):
            wanted = 401 if one.described.get("security") else WITHOUT_IDS[one.name].status
            answer = await send(nobody, one, both, "n")
            if answer.status_code != wanted:
                problems.append(f"{one.name}: {answer.status_code}, not {wanted}")
    assert not problems, "\n".join(problems)
    assert await rows_of(both.backend, FIRST) == before


async def test_the_stream_of_live_calls_tells_of_ones_own(both: Neighbours) -> None:
    names = {"x-voxie-workspace": SECOND}
    own = (await both.backend.post("/api/calls", {"agent_id": both.agent}, headers=names))["id"]
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(20), both.person.stream("GET", "/api/live/calls") as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data: "):
                continue
            told.append(json.loads(line.removeprefix("data: ")))
            if len(told) == 1:
                await both.backend.post(f"/api/calls/{own}/end", headers=names)
            if told[-1]["id"] == own and told[-1]["ended_at"]:
                # Told in the second round: all calls of the first have been.
                break
    assert {call["agent_id"] for call in told} == {both.agent}, "the first one has a live call too"


async def test_the_broker_gives_a_call_nothing_that_another_workspace_connected(both: Neighbours) -> None:
    given = both.vendor.secrets()
    for changed in ({}, {"connection": both.ids["connection_id"]}, {"workspace": FIRST}):
        answer = await both.exchange(**changed)
        assert (answer.status_code, answer.json()["error"]) == (400, "not_connected"), answer.text
        assert not [secret for secret in given if secret in answer.text]


async def test_an_agent_cannot_use_a_server_that_another_workspace_added(both: Neighbours) -> None:
    for servers in (("theirs",), (both.ids["server_id"],)):
        answer = await both.person.post("/api/agents", json=draft("Ours", *servers))
        assert (answer.status_code, answer.json()["field"]) == (422, "servers"), answer.text


@pytest.mark.needs_zapier
async def test_a_hook_of_the_same_name_is_another(both: Neighbours) -> None:
    new = {"server": "zapier", "name": "notify", "url": f"{both.vendor.url}/hooks/catch/1/of-the-first/"}
    made = await both.backend.post("/api/connections/hooks", new)
    before = await rows_of(both.backend, FIRST)
    theirs = await both.person.post("/api/connections/hooks", json={**new, "url": new["url"] + "not/"})
    again = await both.person.post("/api/connections/hooks", json=new)
    assert again.status_code == 201, again.text
    assert again.json()["id"] != made["id"], theirs.text
    assert await rows_of(both.backend, FIRST) == before
