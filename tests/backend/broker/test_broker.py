"""Exchanging live call tokens for vendors' credentials, over HTTP, as an MCP server does."""

import asyncio

import httpx
import pytest

from contracts.broker import (
    HOOKS_TOKEN_TYPE,
    JWKS_PATH,
    ExchangedToken,
)
from tests.backend.broker.exchanges import ZAPIER, call_token, exchange, exchanged, refusal
from tests.backend.connections.conftest import Shop
from tests.backend.two_workspaces import draft
from tests.fakes.oauth_vendor import GOOD_KEY


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


@pytest.mark.parametrize("taken_away", ["the server", "the agent"])
async def test_a_live_call_gets_nothing_once_its_agent_lost_the_server_or_is_out_of_use(
    shop: Shop, taken_away: str
) -> None:
    await shop.connect()
    api = shop.backend.api
    new = draft("Shop", "google-calendar")
    agent = (await api.post("/api/agents", json=new)).json()["spec"]["id"]
    call = await shop.backend.start_call(agent_id=agent)
    token = await call_token(shop.backend, call=call)
    await exchanged(shop.backend, token)
    if taken_away == "the server":
        without = {name: value for name, value in draft("Shop").items() if name != "publish"}
        assert (await api.put(f"/api/agents/{agent}/draft", json=without)).status_code == 200
        await exchanged(shop.backend, token)
        assert (await api.post(f"/api/agents/{agent}/publish")).status_code == 200
    else:
        assert (await api.delete(f"/api/agents/{agent}")).status_code < 300
    assert refusal(await exchange(shop.backend, token)).error == "unauthorized_client"
