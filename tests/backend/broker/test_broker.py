"""Exchanging live call tokens for vendors' credentials, over HTTP, as an MCP server does."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from backend.tokens.keys import key_ring
from backend.tokens.service import CallTokens, TokenGrant
from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    DEFERRED_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    JWKS_PATH,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    TOKEN_PATH,
    ExchangedToken,
    ExchangeRefusal,
)
from contracts.meta import Role
from tests.backend.connections.conftest import Shop
from tests.backend.served import ISSUER, MCP_SERVICE_TOKEN, Backend, serve_backend
from tests.fakes.oauth_vendor import GOOD_KEY, serve_vendor

CALENDAR, ZAPIER = "http://127.0.0.1:3002/mcp", "http://127.0.0.1:3001/mcp"
SEED = "eUMxJmpmcV8wVXlSZ2hPZ0V4QXN0dDRZcm5TUVJxSDE"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncGenerator[Shop]:
    async with (
        serve_vendor() as vendor,
        serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url, BACKEND_SIGNING_KEYS=SEED) as backend,
    ):
        yield Shop(backend, vendor)


async def exchange(
    backend: Backend, token: str, *, bearer: str | None = MCP_SERVICE_TOKEN, **changed: str | None
) -> httpx.Response:
    """Ask as the calendar's server, unless changed."""
    form = {
        "grant_type": TOKEN_EXCHANGE_GRANT,
        "subject_token": token,
        "subject_token_type": SUBJECT_TOKEN_TYPE,
        "resource": CALENDAR,
        "requested_token_type": ACCESS_TOKEN_TYPE,
        **changed,
    }
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    async with httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30) as server:
        return await server.post(TOKEN_PATH, data={k: v for k, v in form.items() if v is not None}, headers=headers)


async def exchanged(backend: Backend, token: str, **changed: str | None) -> ExchangedToken:
    answer = await exchange(backend, token, **changed)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return ExchangedToken.model_validate_json(answer.content)


def refusal(answer: httpx.Response) -> ExchangeRefusal:
    assert answer.status_code >= 400, answer.text
    assert "canary" not in answer.text
    return ExchangeRefusal.model_validate_json(answer.content)


async def call_token(backend: Backend, *, server: str = "google-calendar", call: str | None = None) -> str:
    return (await backend.access(call or await backend.start_call()))[server]["token"]


async def test_a_live_call_gets_an_access_token_and_never_the_refresh_token(shop: Shop) -> None:
    connection = await shop.connect()
    answer = await exchange(shop.backend, await call_token(shop.backend))
    token = ExchangedToken.model_validate_json(answer.content)
    assert token.access_token.get_secret_value() in shop.vendor.access_tokens
    assert token.connection == connection["id"]
    assert token.token_type == "Bearer"
    assert 0 < token.expires_in <= 300
    assert "https://www.googleapis.com/auth/calendar.events" in token.scope.split()
    assert "canary-refresh" not in answer.text


@pytest.mark.needs_zapier
async def test_a_live_call_gets_the_named_hooks_of_its_workspace(shop: Shop) -> None:
    await shop.connect_hook()
    token = await call_token(shop.backend, server="zapier")
    answer = await exchanged(shop.backend, token, resource=ZAPIER, requested_token_type=HOOKS_TOKEN_TYPE)
    hook = answer.hooks["restaurant_reservation"]
    assert hook.url.get_secret_value().endswith("/hooks/catch/1/canary-hook-code/")
    assert hook.key_fields == ("booking",)
    assert hook.payload_schema is not None
    assert answer.access_token.get_secret_value() == ""


AS_DEFERRED = {
    "resource": ZAPIER,
    "subject_token_type": DEFERRED_TOKEN_TYPE,
    "requested_token_type": HOOKS_TOKEN_TYPE,
}


async def deferred_grant(shop: Shop) -> str:
    """What a call that has ended since left for its delivery."""
    call = await shop.backend.start_call()
    token = await call_token(shop.backend, server="zapier", call=call)
    answer = await exchanged(shop.backend, token, resource=ZAPIER, requested_token_type=HOOKS_TOKEN_TYPE)
    await shop.backend.post(f"/api/calls/{call}/end")
    grant = answer.hooks["restaurant_reservation"].deferred
    assert grant is not None
    return grant.get_secret_value()


@pytest.mark.needs_zapier
async def test_a_deferred_grant_gets_its_one_hook_after_the_call(shop: Shop) -> None:
    await shop.connect_hook()
    await shop.connect_hook(name="another")
    grant = await deferred_grant(shop)
    shop.backend.clock.advance(days=29)
    answer = await exchanged(shop.backend, grant, **AS_DEFERRED)
    assert list(answer.hooks) == ["restaurant_reservation"]
    assert answer.hooks["restaurant_reservation"].url.get_secret_value().endswith("/canary-hook-code/")


@pytest.mark.needs_zapier
async def test_a_deferred_grant_gets_nothing_once_the_hook_is_disconnected(shop: Shop) -> None:
    connection = (await shop.connect_hook()).json()["id"]
    grant = await deferred_grant(shop)
    await shop.backend.delete(f"/api/connections/{connection}")
    assert refusal(await exchange(shop.backend, grant, **AS_DEFERRED)).error == "not_connected"


@pytest.mark.needs_zapier
async def test_a_deferred_grant_expires(shop: Shop) -> None:
    await shop.connect_hook()
    grant = await deferred_grant(shop)
    shop.backend.clock.advance(days=30)
    assert refusal(await exchange(shop.backend, grant, **AS_DEFERRED)).error == "invalid_grant"


@pytest.mark.needs_zapier
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"requested_token_type": ACCESS_TOKEN_TYPE}, "invalid_request"),
        ({"resource": CALENDAR}, "invalid_grant"),
        ({"subject_token_type": SUBJECT_TOKEN_TYPE}, "invalid_grant"),
        ({"bearer": None}, "invalid_client"),
        ({"bearer": "wrong"}, "invalid_client"),
    ],
)
async def test_a_deferred_grant_is_good_for_nothing_else(
    shop: Shop, changed: dict[str, str | None], error: str
) -> None:
    await shop.connect_hook()
    await shop.backend.post("/api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}, expect=201)
    grant = await deferred_grant(shop)
    assert refusal(await exchange(shop.backend, grant, **{**AS_DEFERRED, **changed})).error == error


@pytest.mark.needs_zapier
async def test_neither_a_call_token_nor_another_keys_signature_passes_for_a_deferred_grant(shop: Shop) -> None:
    await shop.connect_hook()
    grant = await deferred_grant(shop)
    header, claims = jwt.get_unverified_header(grant), jwt.decode(grant, options={"verify_signature": False})
    forged_grant = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
    for subject in (forged_grant, await call_token(shop.backend, server="zapier"), "", MCP_SERVICE_TOKEN):
        assert refusal(await exchange(shop.backend, subject, **AS_DEFERRED)).error == "invalid_grant"


@pytest.mark.needs_zapier
async def test_the_settings_of_a_hook_reach_the_server(shop: Shop) -> None:
    made = await shop.connect_hook(retry_safe=True, contact_on_file="booking")
    assert made.json()["details"]["contact_on_file"] == "booking"
    token = await call_token(shop.backend, server="zapier")
    answer = await exchanged(shop.backend, token, resource=ZAPIER, requested_token_type=HOOKS_TOKEN_TYPE)
    hook = answer.hooks["restaurant_reservation"]
    assert (hook.retry_safe, hook.contact_on_file) == (True, "booking")


@pytest.mark.needs_zapier
async def test_a_server_names_the_ways_that_are_of_use_to_it(shop: Shop) -> None:
    await shop.backend.post("/api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}, expect=201)
    token = await call_token(shop.backend, server="zapier")
    answer = await exchanged(shop.backend, token, resource=ZAPIER, ways="client_credentials oauth api_key")
    assert answer.way == "api_key"
    told = refusal(await exchange(shop.backend, token, resource=ZAPIER, ways="client_credentials hooks"))
    assert told.error == "not_connected"


@pytest.mark.needs_zapier
async def test_an_api_key_is_handed_out_like_an_access_token(shop: Shop) -> None:
    await shop.backend.post("/api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}, expect=201)
    token = await call_token(shop.backend, server="zapier")
    assert (await exchanged(shop.backend, token, resource=ZAPIER)).access_token.get_secret_value() == GOOD_KEY


async def test_a_service_token_alone_gets_nothing(shop: Shop) -> None:
    await shop.connect()
    for subject in (None, "", MCP_SERVICE_TOKEN, "not.a.token"):
        assert refusal(await exchange(shop.backend, "", subject_token=subject)).error == "invalid_grant"


@pytest.mark.parametrize("bearer", [None, "wrong", "a-service-token-for-tests"])
async def test_a_call_token_without_the_servers_own_gets_nothing(shop: Shop, bearer: str | None) -> None:
    await shop.connect()
    answer = await exchange(shop.backend, await call_token(shop.backend), bearer=bearer)
    assert (answer.status_code, refusal(answer).error) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def forged(kind: str, good: str) -> str:
    """A token that is wrong in one way."""
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    claims.update(caller="user:owner", role="owner")
    match kind:
        case "other key":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
        case "alg none":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": header["kid"]})
        case "HS256 with the public key":
            public = key_ring(SecretStr(SEED)).signing.jwk()["x"]
            return jwt.encode(claims, public, algorithm="HS256", headers={"kid": header["kid"]})
        case "unknown kid":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "unknown"})
        case "no kid":
            return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")
        case "changed payload":
            head, _, signature = good.split(".")
            payload = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA").split(".")[1]
            return f"{head}.{payload}.{signature}"
    raise AssertionError(kind)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "kind", ["other key", "alg none", "HS256 with the public key", "unknown kid", "no kid", "changed payload"]
)
async def test_a_forged_call_token_is_refused(shop: Shop, kind: str) -> None:
    await shop.connect()
    answer = await exchange(shop.backend, forged(kind, await call_token(shop.backend)))
    assert (answer.status_code, refusal(answer).error) == (400, "invalid_grant")


def issued(**changed: Any) -> str:
    """A token signed by the backend's own key, with claims of the test's choice."""
    grant: dict[str, Any] = {
        "workspace": "demo", "agent": "restaurant", "call": "none", "caller": None,
        "role": Role.PUBLIC, "resource": CALENDAR, "tools": (),
    }  # fmt: skip
    issuer, now = changed.pop("issuer", ISSUER), changed.pop("now")
    return (
        CallTokens(key_ring(SecretStr(SEED)), issuer=issuer, now=now)
        .issue(TokenGrant(**(grant | changed)))[0]
        .get_secret_value()
    )


async def test_a_token_for_another_server_or_issuer_or_workspace_or_agent_is_refused(shop: Shop) -> None:
    await shop.connect()
    call, now = await shop.backend.start_call(), shop.backend.clock.now
    assert (await exchange(shop.backend, issued(call=call, now=now))).status_code == 200
    for changed in (
        {"resource": ZAPIER},
        {"issuer": "http://elsewhere.test"},
        {"workspace": "another"},
        {"agent": "another"},
        {"call": "another"},
    ):
        answer = await exchange(shop.backend, issued(**{"call": call, "now": now, **changed}))
        assert refusal(answer).error == "invalid_grant", changed


async def test_an_expired_call_token_is_refused(shop: Shop) -> None:
    await shop.connect()
    token = await call_token(shop.backend)
    shop.backend.clock.advance(minutes=9, seconds=59)
    await exchanged(shop.backend, token)
    shop.backend.clock.advance(seconds=1)
    assert refusal(await exchange(shop.backend, token)).error == "invalid_grant"


async def test_once_the_call_has_ended_its_token_gets_nothing(shop: Shop) -> None:
    await shop.connect()
    call = await shop.backend.start_call()
    token = await call_token(shop.backend, call=call)
    await exchanged(shop.backend, token)
    await shop.backend.post(f"/api/calls/{call}/end")
    assert refusal(await exchange(shop.backend, token)).error == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"grant_type": "client_credentials"},
        {"subject_token_type": ACCESS_TOKEN_TYPE},
        {"resource": "http://169.254.169.254/mcp"},
        {"resource": None},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
    ],
)
async def test_a_wrong_form_is_refused_by_name(shop: Shop, changed: dict[str, str | None]) -> None:
    answer = await exchange(shop.backend, await call_token(shop.backend), **changed)
    assert (answer.status_code, refusal(answer).error) == (400, "invalid_request")


async def test_without_a_connection_the_server_is_told_so(shop: Shop) -> None:
    token = await call_token(shop.backend)
    assert refusal(await exchange(shop.backend, token)).error == "not_connected"
    assert refusal(await exchange(shop.backend, token, requested_token_type=HOOKS_TOKEN_TYPE)).error == "not_connected"


async def test_an_expired_access_token_is_refreshed_and_the_fresh_one_shared(shop: Shop) -> None:
    await shop.connect()
    call = await shop.backend.start_call()
    first = await exchanged(shop.backend, await call_token(shop.backend, call=call))
    shop.backend.clock.advance(minutes=59, seconds=30)
    token = await call_token(shop.backend, call=call)
    answers = await asyncio.gather(*(exchanged(shop.backend, token) for _ in range(20)))
    fresh = {answer.access_token.get_secret_value() for answer in answers}
    assert len(fresh) == 1
    assert fresh != {first.access_token.get_secret_value()}
    assert shop.vendor.refreshes == 1


async def test_a_token_that_the_vendor_refused_is_not_given_out_again(shop: Shop) -> None:
    await shop.connect()
    token = await call_token(shop.backend)
    first = await exchanged(shop.backend, token)
    again = await exchanged(shop.backend, token, refused_token=first.access_token.get_secret_value())
    assert again.access_token != first.access_token
    assert shop.vendor.refreshes == 1


async def test_a_rotated_refresh_token_is_kept_and_used_next_time(shop: Shop) -> None:
    await shop.connect()
    shop.vendor.rotates = True
    for refreshes in (1, 2, 3):
        shop.backend.clock.advance(hours=1)
        await exchanged(shop.backend, await call_token(shop.backend))
        assert shop.vendor.refreshes == refreshes


async def test_a_revoked_account_needs_reconnect_and_the_server_gets_the_link(shop: Shop) -> None:
    connection = await shop.connect()
    shop.vendor.revoke_all()
    shop.backend.clock.advance(hours=1)
    told = refusal(await exchange(shop.backend, await call_token(shop.backend)))
    assert told.error == "needs_reconnect"
    assert told.error_uri == f"{shop.backend.app.url}/connections/{connection['id']}/reconnect"
    view = (await shop.connections())[0]
    assert view["status"] == "needs_reconnect"
    assert "revoked" in view["reason"]
    assert view["reconnect_url"] == told.error_uri

    # The link leads to the vendor's consent page, and back to a working connection.
    link = await shop.backend.api.get(told.error_uri)
    assert (await shop.walk(shop.backend.api, link.headers["location"])).status_code == 200
    assert (await shop.connections())[0]["status"] == "connected"
    await exchanged(shop.backend, await call_token(shop.backend))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_vendor_that_is_away_costs_this_exchange_and_not_the_connection(shop: Shop, status: int) -> None:
    await shop.connect()
    shop.backend.clock.advance(hours=1)
    token = await call_token(shop.backend)
    shop.vendor.token_status = status
    answer = await exchange(shop.backend, token)
    assert (answer.status_code, refusal(answer).error) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "7"
    shop.vendor.token_status = None
    await exchanged(shop.backend, token)
    assert (await shop.connections())[0]["status"] == "connected"


async def test_a_refusal_that_says_nothing_of_the_grant_does_not_break_the_connection(shop: Shop) -> None:
    await shop.connect()
    shop.backend.clock.advance(hours=1)
    token = await call_token(shop.backend)
    shop.vendor.token_status = 404
    assert refusal(await exchange(shop.backend, token)).error == "temporarily_unavailable"
    assert (await shop.connections())[0]["status"] == "connected"


async def test_whoever_hangs_up_during_a_refresh_takes_nothing_from_the_others(shop: Shop) -> None:
    await shop.connect()
    shop.backend.clock.advance(hours=1)
    token = await call_token(shop.backend)
    shop.vendor.rotates, shop.vendor.hold = True, asyncio.Event()
    hasty = asyncio.create_task(exchange(shop.backend, token))
    async with asyncio.timeout(10):
        await shop.vendor.reached.wait()
    hasty.cancel()
    patient = asyncio.create_task(exchanged(shop.backend, token))
    shop.vendor.hold.set()
    assert (await patient).access_token.get_secret_value() in shop.vendor.access_tokens
    assert shop.vendor.refreshes == 1


async def test_another_issuer_s_keys_are_not_ours(shop: Shop) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as stranger:
        keys = (await stranger.get(shop.backend.app.url + JWKS_PATH)).json()["keys"]
    assert all("d" not in key for key in keys), "the private half is never published"
