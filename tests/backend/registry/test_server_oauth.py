"""Connecting a stranger's server by OAuth: discovered, registered, consented to, proved, renewed and ended."""

from typing import Any

import httpx
import pytest

from backend.db import Database
from tests.backend.conftest import ON_BOTH
from tests.backend.connections.conftest import Shop
from tests.backend.registry.conftest import Desk, stored_in

pytestmark = pytest.mark.usefixtures("asking")


@pytest.fixture
def asking(desk: Desk) -> None:
    desk.stranger.bearers, desk.stranger.asks_for_oauth = set(), True


async def begin(desk: Desk, path: str = "/api/servers/oauth", **changed: Any) -> httpx.Response:
    body = {"name": "tools", "url": desk.stranger.mcp_url, **changed} if path.endswith("servers/oauth") else None
    return await desk.backend.api.post(path, json=body)


async def walk(desk: Desk, started: httpx.Response) -> httpx.Response:
    assert started.status_code == 201, started.text
    return await Shop.walk(desk.backend.api, started.json()["authorize_url"])


async def connected(desk: Desk) -> dict[str, Any]:
    answer = await walk(desk, await begin(desk))
    assert answer.status_code == 200, answer.text
    return await desk.named("tools")


async def test_an_owner_connects_a_server_by_walking_the_redirects(desk: Desk, database: Database) -> None:
    server = await connected(desk)
    assert (server["credential"], server["health"]["state"], server["waiting_tools"]) == ("oauth", "up", 2)
    asked, registered, form = desk.stranger.authorizations[0], desk.stranger.registered[0], desk.stranger.forms[0]
    assert (asked["resource"], form["resource"]) == (desk.stranger.mcp_url, desk.stranger.mcp_url)
    assert (asked["code_challenge_method"], asked["client_id"], asked["scope"]) == ("S256", "client-1", "tools")
    assert registered["redirect_uris"] == [f"{desk.backend.app.url}/oauth/callback"]
    assert form["authorization"].startswith("Basic ")
    assert "client_secret" not in form
    assert (await desk.backend.get("/api/connections"))["items"] == [], "the registry shows it"
    stored = stored_in(database)
    assert not any(secret.encode() in stored for secret in desk.stranger.secrets)


@ON_BOTH
async def test_a_call_gets_the_servers_own_token_and_a_fresh_one_when_that_ends(desk: Desk) -> None:
    server = await connected(desk)
    await desk.approve(server["id"])
    agent = await desk.agent("tools__look")
    call = await desk.backend.start_call(agent_id=agent)
    first = (await desk.backend.access(call))["tools"]
    assert first["token"] in desk.stranger.secrets
    desk.backend.clock.advance(hours=1)
    await desk.backend.probe.check_due()
    second = (await desk.backend.access(call))["tools"]
    assert second["token"] in desk.stranger.secrets - {first["token"]}
    assert second["token_expires_at"] > first["token_expires_at"]
    assert desk.stranger.forms[-1]["resource"] == desk.stranger.mcp_url


async def test_a_token_that_the_server_refuses_is_renewed_by_the_next_look(desk: Desk) -> None:
    server = await connected(desk)
    desk.stranger.bearers = set()
    await desk.later()
    assert (await desk.server(server["id"]))["health"]["state"] == "up"


@ON_BOTH
async def test_a_revoked_access_needs_the_owner_who_grants_it_again(desk: Desk) -> None:
    server = await connected(desk)
    await desk.approve(server["id"])
    agent = await desk.agent("tools__look")
    desk.stranger.refresh_tokens.clear()
    desk.stranger.bearers = set()
    await desk.later()
    broken = await desk.server(server["id"])
    assert broken["health"]["state"] == "needs_credential"
    assert await desk.offered(agent) == {}
    redirect = await desk.backend.api.get(broken["reconnect_url"])
    assert redirect.status_code == 303
    answer = await Shop.walk(desk.backend.api, redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    mended = await desk.server(server["id"])
    assert (mended["health"]["state"], mended["reconnect_url"], mended["approved_tools"]) == ("up", None, 2)
    assert set(await desk.offered(agent)) == {"tools"}


@ON_BOTH
async def test_a_server_that_was_open_can_ask_for_oauth_later(desk: Desk) -> None:
    desk.stranger.bearers = None
    server = await desk.added()
    desk.stranger.bearers = set()
    answer = await walk(desk, await begin(desk, f"/api/servers/{server['id']}/oauth"))
    assert answer.status_code == 200, answer.text
    assert (await desk.server(server["id"]))["credential"] == "oauth"


@ON_BOTH
async def test_removing_the_server_ends_the_access_where_it_was_granted(desk: Desk) -> None:
    server = await connected(desk)
    await desk.backend.delete(f"/api/servers/{server['id']}")
    assert len(desk.stranger.revoked) == 1
    assert desk.stranger.revoked[0] in desk.stranger.secrets


async def test_a_client_that_the_owner_registered_is_used_where_none_can_be(desk: Desk) -> None:
    desk.stranger.registers = False
    needed = await begin(desk)
    assert (needed.status_code, needed.json()["code"], needed.json()["field"]) == (422, "client_needed", "client")
    answer = await walk(desk, await begin(desk, client={"client_id": "ours", "client_secret": "canary-s"}))
    assert answer.status_code == 200, answer.text
    assert desk.stranger.authorizations[-1]["client_id"] == "ours"
    server = await desk.named("tools")
    again = await begin(desk, f"/api/servers/{server['id']}/oauth")
    assert "client_id=ours" in again.json()["authorize_url"]


async def test_without_a_refresh_token_the_access_ends_with_its_token(desk: Desk) -> None:
    desk.stranger.refreshes = False
    server = await connected(desk)
    desk.backend.clock.advance(hours=1)
    await desk.backend.health.look_at_due()
    assert (await desk.server(server["id"]))["health"]["state"] == "needs_credential"


@pytest.mark.parametrize("life", ["soon", -1, 1e400, None, [], 10**30])
async def test_whatever_a_grantor_says_of_a_tokens_life_is_survived(desk: Desk, life: Any) -> None:
    desk.stranger.expires_in = life if life != 1e400 else "Infinity"
    assert (await connected(desk))["health"]["state"] == "up"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": "https://other.example"}, "no_oauth"),
        ({"code_challenge_methods_supported": None}, "no_oauth"),
        ({"code_challenge_methods_supported": ["plain"]}, "no_oauth"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "address_refused"),
        ({"authorization_endpoint": "http://tools.example/authorize"}, "address_refused"),
        ({"registration_endpoint": "https://169.254.169.254/register"}, "address_refused"),
        ({"revocation_endpoint": "https://localhost/revoke"}, "address_refused"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "no_oauth"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no_oauth"),
    ],
)
async def test_a_grantor_that_cannot_be_trusted_is_refused_before_anybody_is_sent_there(
    desk: Desk, changes: dict[str, Any], code: str
) -> None:
    desk.stranger.changes = changes
    answer = await begin(desk)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert desk.stranger.forms == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"resource": "https://bank.example/mcp"}, "no_oauth"),
        ({"authorization_servers": ["https://10.0.0.1"]}, "address_refused"),
        ({"authorization_servers": ["http://169.254.169.254"]}, "address_refused"),
        ({"authorization_servers": []}, "no_oauth"),
        ({"authorization_servers": ["nonsense"]}, "no_oauth"),
    ],
)
async def test_a_server_that_leads_to_tokens_for_another_or_inside_is_refused(
    desk: Desk, changes: dict[str, Any], code: str
) -> None:
    desk.stranger.protected_changes = changes
    answer = await begin(desk)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert desk.stranger.registered == []


async def test_an_answer_of_another_authorization_server_is_refused(desk: Desk) -> None:
    """The mix-up: the code of one grantor is handed to another."""
    desk.stranger.answers_as = "https://other.example"
    answer = await walk(desk, await begin(desk))
    assert (answer.status_code, answer.json()["code"]) == (422, "credential_refused")
    assert desk.stranger.forms == []


async def test_whoever_says_no_adds_nothing(desk: Desk) -> None:
    desk.stranger.consents = False
    answer = await walk(desk, await begin(desk))
    assert (answer.status_code, answer.json()["code"]) == (403, "oauth_denied")
    assert "tools" not in {each["name"] for each in (await desk.backend.get("/api/servers"))["items"]}


async def test_a_server_that_wants_no_authorization_is_said_to_want_none(desk: Desk) -> None:
    desk.stranger.bearers = None
    answer = await begin(desk)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_oauth")
