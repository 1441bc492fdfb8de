"""Every change that a person or a program makes stands in the audit log: each operation of the API's own description that changes something.

An operation that this module does not know turns it red: do it in ``CHANGES``, or say in ``LEAVE_NO_ROW`` why it leaves no row.
"""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from backend.access.principal import GRANTABLE
from tests.backend.conftest import Backend, Person, open_backend
from tests.backend.served import ISSUER, MCP_SERVICE_TOKEN
from tests.backend.test_doors import LIVEKIT
from tests.backend.two_workspaces import draft, walk
from tests.fakes.oauth_vendor import GOOD_KEY, GOOD_SECRET, Vendor, serve_vendor
from tests.fakes.strange_mcp import Stranger, stranger

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.needs_zapier]
CHANGING = {"post", "put", "patch", "delete"}
IN_PATH = re.compile(r"\{(\w+)\}")
NO_CREDENTIAL = {"credential": {"kind": "none"}}


@dataclass(frozen=True)
class Change:
    """An operation that changes something.

    Args:
        operation: method and path of the description.
        body: what is sent; ``{name}`` in a text stands for what an earlier answer or the test knows by that name.
        gives: names for parts of the answer, by the path to the part.
    """

    operation: str
    body: Any = None
    gives: tuple[tuple[str, str], ...] = ()


CHANGES = (
    Change("POST /api/agents", draft("Audited"), (("agent_id", "spec.id"),)),
    Change("PUT /api/agents/{agent_id}/draft", {k: v for k, v in draft("Other").items() if k != "publish"}),
    Change("POST /api/agents/{agent_id}/publish"),
    Change("POST /api/agents/{agent_id}/rollback", {"version": 1}),
    Change("PUT /api/agents/{agent_id}/limits", {"simultaneous_calls": 3}),
    Change("POST /api/agents/{agent_id}/publishable-keys", {"origins": ["https://a.example"]}, (("key_id", "id"),)),
    Change("DELETE /api/agents/{agent_id}/publishable-keys/{key_id}"),
    Change("PUT /api/phone-numbers/{number}", {"agent_id": "{agent_id}"}),
    Change("DELETE /api/phone-numbers/{number}"),
    Change("POST /api/calls/{call_id}/end"),
    Change("POST /api/connections/hooks", {"server": "zapier", "name": "notify", "url": "{vendor}/hooks/catch/1/code/"},
           (("connection_id", "id"),)),
    Change("PUT /api/connections/{connection_id}/settings", {"settings": {}}),
    Change("DELETE /api/connections/{connection_id}"),
    Change("POST /api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}),
    Change("POST /api/connections/clients",
           {"server": "zapier", "client_id": "client-1", "client_secret": GOOD_SECRET}),
    Change("POST /api/servers", {"name": "tools", "url": "{tools}"}, (("server_id", "id"),)),
    Change("PUT /api/servers/{server_id}/credential", NO_CREDENTIAL),
    Change("POST /api/servers/{server_id}/approve", {"tools": {"look": "{fingerprint}"}}),
    Change("DELETE /api/servers/{server_id}"),
    Change("POST /api/keys", {"name": "a program", "scopes": ["agents:read"]}, (("key_id", "key.id"),)),
    Change("DELETE /api/keys/{key_id}"),
    Change("POST /api/users", {"email": "b@demo.test", "name": "B", "password": "correct horse"},
           (("user_id", "id"),)),
    Change("DELETE /api/users/{user_id}"),
    Change("PUT /api/settings/keeping", {"text_days": 3}),
    Change("PUT /api/settings/prices", {"prices": {"tts_characters": 1}}),
    Change("DELETE /api/agents/{agent_id}"),
)  # fmt: skip
LEAVE_NO_ROW = {
    "POST /api/agents/{agent_id}/spawn": "the call that it begins is listed with who began it",
    "POST /api/calls": "the call is listed",
    "POST /api/creator/rooms": "a talk changes nothing; what the agent makes of it leaves rows",
    "POST /api/connections/oauth": "nothing is connected before the owner comes back, which leaves one",
    "POST /api/servers/oauth": "the same",
    "POST /api/servers/{server_id}/oauth": "the same",
    "POST /api/connections/{connection_id}/check": "it looks; the connection says what was seen",
    "POST /api/servers/{server_id}/refresh": "it looks; a list that is another than before leaves one of its own",
    "DELETE /api/sessions/current": "signing out changes nothing of the workspace",
}


@dataclass
class Office:
    """A backend, somebody who is signed in, and what stands around them."""

    backend: Backend
    person: Person
    vendor: Vendor
    tools: Stranger

    async def by(self, who: str) -> tuple[httpx.AsyncClient, str]:
        """Somebody's client, and how the log names them."""
        if who == "person":
            return self.person.client, f"user:{self.person.user['id']}"
        program = await self.backend.key(*GRANTABLE)
        keys = (await self.backend.get("/api/keys"))["items"]
        return program, f"key:{next(key['id'] for key in keys if key['scopes'] == sorted(GRANTABLE))}"

    async def rows(self) -> list[dict[str, Any]]:
        """The log, the latest first."""
        return (await self.backend.get("/api/audit", params={"limit": 200}))["items"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Office]:
    async with (
        serve_vendor() as vendor,
        stranger() as tools,
        open_backend(
            tmp_path_factory.mktemp("backend"),
            **LIVEKIT,
            BACKEND_SANDBOX_URL=vendor.url,
            BACKEND_PRIVATE_HOSTS="127.0.0.1",
            MCP_AUTH="jwks",
            MCP_SERVER_TOKEN=None,
            MCP_SERVICE_TOKEN=MCP_SERVICE_TOKEN,
            BACKEND_ISSUER_URL=ISSUER,
        ) as backend,
    ):
        yield Office(backend, await backend.person(), vendor, tools)


def of_people(document: dict[str, Any]) -> set[str]:
    """Every operation that changes something and that a person or a key may do."""
    return {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method in CHANGING
        and any(
            "APIKeyCookie" in way and set(way["APIKeyCookie"]) <= GRANTABLE for way in described.get("security", ())
        )
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    match value:
        case str():
            return IN_PATH.sub(lambda found: names[found.group(1)], value)
        case dict():
            return {key: filled(one, names) for key, one in value.items()}
        case list():
            return [filled(one, names) for one in value]
        case _:
            return value


def part(answer: httpx.Response, path: str) -> str:
    found: Any = answer.json()
    for name in path.split("."):
        found = found[name]
    return found


async def test_every_operation_that_changes_something_is_known_here(office: Office) -> None:
    done = {change.operation for change in CHANGES}
    assert done | set(LEAVE_NO_ROW) == of_people(office.backend.app.openapi())
    assert not done & set(LEAVE_NO_ROW)


@pytest.mark.parametrize("who", ["person", "program"])
async def test_every_change_leaves_a_row_that_names_who_made_it_and_what_was_changed(office: Office, who: str) -> None:
    client, actor = await office.by(who)
    call = await office.backend.post("/api/calls", {"agent_id": "restaurant"})
    names = {"number": "+15550100", "call_id": call["id"], "vendor": office.vendor.url, "tools": office.tools.mcp_url}
    problems: list[str] = []
    for change in CHANGES:
        if "{fingerprint}" in str(change.body):
            listed = await office.backend.get(f"/api/servers/{names['server_id']}/tools")
            names["fingerprint"] = next(tool["fingerprint"] for tool in listed["items"] if tool["name"] == "look")
        before = {row["id"] for row in await office.rows()}
        method, path = change.operation.split()
        answer = await client.request(method, filled(path, names), json=filled(change.body, names))
        assert answer.status_code < 300, f"{change.operation}: {answer.text}"
        names |= {name: part(answer, where) for name, where in change.gives}
        new = [row for row in await office.rows() if row["id"] not in before]
        if not new or any(row["actor"] != actor or not row["subject"] for row in new):
            problems.append(f"{change.operation}: {new}")
    assert not problems, "\n".join(problems)
    assert not [secret for secret in (GOOD_KEY, GOOD_SECRET, "/hooks/catch") if secret in str(await office.rows())]


async def test_an_account_that_was_connected_by_consent_is_logged_with_who_began(office: Office) -> None:
    for action in ("connection.added", "connection.connected_again"):
        # The log shows the latest first.
        office.backend.clock.advance(seconds=1)
        answer = await office.person.client.get("/oauth/callback", params=await walk(office.person.client))
        assert answer.status_code == 200, answer.text
        (row, *_) = await office.rows()
        assert (row["action"], row["subject"]) == (action, answer.json()["id"])
        assert row["actor"] == f"user:{office.person.user['id']}"
        assert row["detail"] == {"server": "google-calendar", "way": "oauth", "name": ""}
