"""Nothing secret stands in clear in a file, a log, an answer or an exception: canaries everywhere, and a search in every encoding."""

import io
import logging
import re
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
import structlog

from backend.db import Database
from contracts.broker import ACCESS_TOKEN_TYPE, SUBJECT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT, TOKEN_PATH
from process.logs import configure_logging
from tests.backend.connections.conftest import Shop
from tests.backend.served import MCP_SERVICE_TOKEN, SERVICE_TOKEN, serve_backend
from tests.backend.test_doors import LIVEKIT
from tests.backend.test_doors import SECRET as LIVEKIT_SECRET
from tests.canaries import found_in, leaks_of
from tests.fakes.oauth_vendor import GOOD_KEY, GOOD_SECRET, serve_vendor
from tests.fakes.strange_mcp import Stranger, stranger

PASSWORD, WRONG_PASSWORD = "canary password 3 of four words", "canary password that is wrong"
BEARER, HEADER, HEADER_AGAIN = "canary-mcp-bearer-44c1", "canary-mcp-header-90b2", "canary-mcp-header-55d3"
SAID, ARGUMENT = "canary: my daughter is allergic to nuts", "canary argument: call me on 555 0142"
IN_PATH = re.compile(r"\{(\w+)\}")


@dataclass
class Listener:
    """Keeps every answer of the API.

    Args:
        answers: what was asked, and all that came back but cookies.
    """

    answers: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    async def __call__(self, answer: httpx.Response) -> None:
        headers = [f"{name}: {value}" for name, value in answer.headers.items() if name != "set-cookie"]
        asked = f"{answer.request.method} {answer.request.url.path}"
        self.answers.append((asked, await answer.aread() + "\n".join(headers).encode()))


@dataclass
class House:
    """A backend with a canary in every place that holds a secret.

    Args:
        shop: the backend and its vendor.
        tools: an MCP server that others run.
        state: the backend's folder.
        heard: what the API answered.
        owner: a person's browser.
        token: of a call that goes on, for the calendar's server.
        secrets: by what they are.
        shown: the secrets that one answer is there to give: to whom they belong, and no other answer may.
    """

    shop: Shop
    tools: Stranger
    state: Path
    heard: Listener
    owner: httpx.AsyncClient
    token: str = ""
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    shown: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    async def ask(self, method: str, path: str, body: Any = None, *, service: bool = False, **more: Any) -> Any:
        client = self.shop.backend.api if service else self.owner
        answer = await client.request(method, path, json=body, **more)
        return answer.json() if answer.content else None

    def keep(self, name: str, secret: str, *shown_by: str) -> str:
        self.secrets[name] = secret
        for asked in shown_by:
            self.shown.setdefault(asked, set()).add(name)
        return secret

    def leaks(self, logged: str) -> list[str]:
        """Where a secret is, of those places where none may be."""
        problems = leaks_of(self.state, self.secrets)
        problems += [f"the log holds {name}" for name in found_in(logged.encode(), self.secrets | SPOKEN)]
        for asked, content in self.heard.answers:
            names = set(found_in(content, self.secrets)) - self.shown.get(asked, set())
            problems += [f"{asked} answers {name}" for name in sorted(names)]
        return problems


SPOKEN = {"what a caller said": SAID, "a tool's argument": ARGUMENT}
"""Kept with the call, as long as the owner says; not a secret of ours, and nothing for a log."""


@pytest.fixture
def log() -> Generator[io.StringIO]:
    """What libraries log, as the backend's own process sets it up, and down to what is usually left out."""
    root, ours = logging.getLogger(), structlog.get_config()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(stream)
    root.setLevel(logging.INFO)
    yield stream
    root.handlers[:], _ = before
    root.setLevel(before[1])
    structlog.configure(**ours)


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    state = tmp_path / "backend"
    hosts = {"BACKEND_PRIVATE_HOSTS": "127.0.0.1", "BACKEND_CHORES": "true"}
    async with (
        serve_vendor() as vendor,
        stranger() as tools,
        serve_backend(state, BACKEND_SANDBOX_URL=vendor.url, **LIVEKIT, **hosts) as backend,
        httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30) as owner,
    ):
        heard = Listener()
        for client in (backend.api, owner):
            client.event_hooks["response"].append(heard)
        yield House(Shop(backend, vendor), tools, state, heard, owner)


async def sign_in(house: House) -> None:
    link = await house.ask("POST", "/api/owner-links", service=True)
    token = house.keep("one-time link", link["url"].partition("#token=")[2], "POST /api/owner-links")
    new = {"email": "ana@example.com", "name": "Ana", "password": house.keep("password", PASSWORD)}
    signed_in = await house.ask("POST", "/api/owner-links/redeem", {"token": token, **new})
    house.keep("session cookie", house.owner.cookies["voxie_session"])
    house.owner.headers["x-csrf-token"] = signed_in["csrf_token"]
    house.keep("wrong password", WRONG_PASSWORD)
    await house.ask("POST", "/api/sessions", {"email": new["email"], "password": WRONG_PASSWORD})


async def connect(house: House) -> None:
    """Every way to connect, each with what works and with what does not."""
    assert (await house.shop.consent(browser=house.owner)).status_code == 200
    hook = f"{house.shop.vendor.url}/hooks/catch/1/"
    house.keep("hook", "canary-hook-code-1b7d")
    house.keep("refused hook", "canary-hook-code-9e9e")
    for code, status in (("canary-hook-code-1b7d", 200), ("canary-hook-code-9e9e", 410)):
        house.shop.vendor.hook_status = status
        await house.ask(
            "POST", "/api/connections/hooks", {"server": "zapier", "name": "notify", "url": f"{hook}{code}/"}
        )
    for name, key in (("API key of a vendor", GOOD_KEY), ("refused API key", "canary-api-key-refused")):
        body = {"server": "zapier", "api_key": house.keep(name, key)}
        await house.ask("POST", "/api/connections/keys", body)
    for name, secret in (("client secret", GOOD_SECRET), ("refused client secret", "canary-client-secret-refused")):
        body = {"server": "zapier", "client_id": "client", "client_secret": house.keep(name, secret)}
        await house.ask("POST", "/api/connections/clients", body)


async def add_servers(house: House) -> None:
    house.tools.bearers, house.tools.wants = {BEARER}, {}
    bearer = {"kind": "bearer", "token": house.keep("bearer of an MCP server", BEARER)}
    url = f"{house.tools.mcp_url}?key={house.keep('key in an address', 'canary-key-in-the-address')}"
    await house.ask("POST", "/api/servers", {"name": "bearer", "url": url, "credential": bearer})
    house.tools.bearers, house.tools.wants = None, {"x-api-key": HEADER}
    for name, secret in (("header", HEADER), ("refused header", HEADER_AGAIN)):
        headers = {"kind": "headers", "headers": {"X-Api-Key": house.keep(f"{name} of an MCP server", secret)}}
        body = {"name": name.replace(" ", "-"), "url": house.tools.mcp_url, "credential": headers}
        await house.ask("POST", "/api/servers", body)


async def hold_a_call(house: House) -> str:
    """A call, with its tokens exchanged, and what was said in it; its id."""
    key = await house.ask("POST", "/api/keys", {"name": "a program", "scopes": ["calls:read"]})
    house.keep("API key of ours", key["secret"], "POST /api/keys")
    call = (await house.ask("POST", "/api/agents/restaurant/spawn", {}))["call_id"]
    path = f"/api/calls/{call}"
    for asked in (f"{path}/bootstrap", f"{path}/tokens"):
        for server in (await house.ask("POST", asked, service=True))["servers"]:
            house.keep(f"{asked}: {server['name']}", server["token"], f"POST {path}/bootstrap", f"POST {path}/tokens")
            house.token = server["token"] if server["name"] == "google-calendar" else house.token
    await exchange(house)
    said = {"kind": "turn", "id": "e1", "at": "2026-11-23T09:00:00Z", "speaker": "caller", "text": SAID}
    tool = {"kind": "tool", "id": "e2", "at": "2026-11-23T09:00:00Z", "tool": "t", "server": "s", "ms": 5}
    await house.ask("POST", f"{path}/events", {"events": [said, tool]}, service=True)
    await house.ask("POST", f"{path}/events", {"events": [tool | {"arguments": {"text": ARGUMENT}}]}, service=True)
    await house.ask("POST", f"{path}/end", service=True)
    return call


async def exchange(house: House) -> None:
    """As the MCP servers do, whose own answer it is; also with what the broker refuses."""
    form = {
        "grant_type": TOKEN_EXCHANGE_GRANT, "subject_token": house.token,
        "subject_token_type": SUBJECT_TOKEN_TYPE, "resource": "http://127.0.0.1:3002/mcp",
        "requested_token_type": ACCESS_TOKEN_TYPE,
    }  # fmt: skip
    bearer = {"authorization": f"Bearer {house.keep('token of the MCP servers', MCP_SERVICE_TOKEN)}"}
    async with httpx.AsyncClient(base_url=house.shop.backend.app.url, trust_env=False, timeout=30) as server:
        answer = await server.post(TOKEN_PATH, data=form, headers=bearer)
        assert answer.status_code == 200, answer.text
        for changed, headers in (({"subject_token": house.secrets["API key of ours"]}, bearer), ({}, {})):
            refused = await server.post(TOKEN_PATH, data=form | changed, headers=headers)
            assert refused.is_error
            await house.heard(refused)


async def break_down(house: House, call: str) -> None:
    """A mistake of ours, while there is something to tell: the text of a database's error shows what was to be written."""
    said = {"kind": "turn", "id": "e9", "at": "2026-11-23T09:00:00Z", "speaker": "caller", "text": SAID}
    with closing(sqlite3.connect(house.state / "backend.sqlite3")) as database, database:
        database.execute("alter table call_events rename to lost")
    answer = await house.shop.backend.api.post(f"/api/calls/{call}/events", json={"events": [said]})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert not found_in(answer.content, SPOKEN)


async def see_everything(house: House, **ids: str) -> None:
    """Read all that the API shows: every operation that reads."""
    document = (await house.shop.backend.api.get("/openapi.json")).json()
    query = {"since": "2026-11-01", "until": "2026-11-30"}
    for path, methods in document["paths"].items():
        if "get" in methods and path != "/api/live/calls":
            url = IN_PATH.sub(lambda match: ids.get(match.group(1), "unknown"), path)
            for service in (False, True):
                client = house.shop.backend.api if service else house.owner
                await client.get(url, params=query)


@pytest.mark.needs_zapier
async def test_nothing_secret_is_in_clear_in_any_file_log_or_answer(
    house: House, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    house.keep("service token", SERVICE_TOKEN)
    house.keep("LiveKit's secret", LIVEKIT_SECRET)
    await sign_in(house)
    await connect(house)
    await add_servers(house)
    call = await hold_a_call(house)
    # The vendor goes away, and comes back without the grant: both are looked at, and told.
    for status in (500, None):
        house.shop.vendor.token_status = status
        house.shop.vendor.revoke_all()
        house.shop.backend.clock.advance(hours=2)
        await house.shop.backend.probe.check_due()
        await house.shop.backend.health.look_at_due()
    connections = (await house.ask("GET", "/api/connections"))["items"]
    assert {one["status"] for one in connections} == {"connected", "needs_reconnect"}
    server = (await house.ask("GET", "/api/servers"))["items"][0]["id"]
    await see_everything(
        house, agent_id="restaurant", call_id=call, connection_id=connections[0]["id"], server_id=server
    )
    await break_down(house, call)
    for number, secret in enumerate(sorted(house.shop.vendor.secrets())):
        house.keep(f"secret {number} of the vendor", secret)
    assert len(house.secrets) >= 25
    written = capfd.readouterr()
    logged = written.out + written.err + log.getvalue()
    assert "unexpected_error" in logged
    assert "library message logger=uvicorn.error" in logged
    problems = house.leaks(logged)
    assert not problems, "\n".join(sorted(set(problems)))


async def test_the_text_of_a_databases_error_does_not_show_what_was_to_be_written(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'b.sqlite3'}")
    try:
        async with database.unscoped("a test has no table") as session:
            with pytest.raises(sa.exc.OperationalError) as failed:
                await session.execute(sa.text("insert into nowhere values (:said)"), {"said": SAID})
    finally:
        await database.aclose()
    assert not found_in(str(failed.value).encode(), SPOKEN)
