"""Connecting an account by the vendor's consent page."""

import httpx
import pytest

from tests.backend.connections.conftest import Shop

SCOPES = {
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.freebusy",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
}


async def test_an_owner_connects_google_by_walking_the_redirects(shop: Shop) -> None:
    connection = await shop.connect()
    assert connection["status"] == "connected"
    assert connection["account"] == "owner@restaurant.example"
    assert set(connection["scopes"]) == SCOPES
    asked = shop.vendor.authorizations[0]
    assert (asked["access_type"], asked["include_granted_scopes"], asked["prompt"]) == ("offline", "true", "consent")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"{shop.backend.app.url}/oauth/callback"
    assert [found["id"] for found in await shop.connections()] == [connection["id"]]


async def test_connecting_again_replaces_the_credential_and_keeps_the_connection(shop: Shop) -> None:
    first = await shop.connect()
    shop.vendor.account = "second@restaurant.example"
    again = await shop.connect()
    assert again["id"] == first["id"]
    assert again["account"] == "second@restaurant.example"


async def test_a_scope_that_was_not_ticked_is_named_and_nothing_is_saved(shop: Shop) -> None:
    missing = "https://www.googleapis.com/auth/calendar.freebusy"
    shop.vendor.unticked = (missing,)
    answer = await shop.consent()
    assert answer.status_code == 422
    assert answer.json()["code"] == "scope_missing"
    assert answer.json()["field"] == missing
    assert missing in answer.json()["message"]
    assert await shop.connections() == []


async def test_an_answer_to_another_browser_is_refused(shop: Shop) -> None:
    url = (await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201))[
        "authorize_url"
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as elsewhere:
        answer = await shop.walk(elsewhere, url)
    assert answer.status_code == 400
    assert answer.json()["code"] == "oauth_state_invalid"
    assert await shop.connections() == []


async def test_a_state_is_good_once_and_for_ten_minutes(shop: Shop) -> None:
    started = await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as vendor:
        callback = (await vendor.get(started["authorize_url"])).headers["location"]
    assert (await shop.backend.api.get(callback)).status_code == 200
    again = await shop.backend.api.get(callback)
    assert (again.status_code, again.json()["code"]) == (400, "oauth_state_invalid")

    started = await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201)
    shop.backend.clock.advance(minutes=10)
    late = await shop.walk(shop.backend.api, started["authorize_url"])
    assert (late.status_code, late.json()["code"]) == (400, "oauth_state_invalid")


@pytest.mark.parametrize("state", ["", "demo.guessed", "nowhere.guessed", "x" * 200])
async def test_a_state_of_nobodys_making_is_refused(shop: Shop, state: str) -> None:
    answer = await shop.backend.api.get("/oauth/callback", params={"state": state, "code": "some"})
    assert (answer.status_code, answer.json()["code"]) == (400, "oauth_state_invalid")


async def test_a_code_without_our_verifier_is_worth_nothing(shop: Shop) -> None:
    """PKCE: a code that was stolen on its way is put into a flow of another."""
    stolen = (await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201))[
        "authorize_url"
    ]
    mine = (await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201))[
        "authorize_url"
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as vendor:
        code = httpx.URL((await vendor.get(stolen)).headers["location"]).params["code"]
        state = httpx.URL((await vendor.get(mine)).headers["location"]).params["state"]
    answer = await shop.backend.api.get("/oauth/callback", params={"state": state, "code": code})
    assert (answer.status_code, answer.json()["code"]) == (422, "credential_refused")
    assert await shop.connections() == []


async def test_whoever_says_no_is_told_so_on_a_page(shop: Shop) -> None:
    shop.vendor.consents = False
    started = await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as vendor:
        callback = (await vendor.get(started["authorize_url"])).headers["location"]
    page = await shop.backend.api.get(callback, headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "the permission was refused" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_an_account_name_cannot_put_markup_on_the_page(shop: Shop) -> None:
    shop.vendor.account = "<script>alert(1)</script>"
    started = await shop.backend.post("/api/connections/oauth", {"server": "google-calendar"}, expect=201)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as vendor:
        callback = (await vendor.get(started["authorize_url"])).headers["location"]
    page = await shop.backend.api.get(callback, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<script>" not in page.text


async def test_without_lasting_access_nothing_is_saved(shop: Shop) -> None:
    shop.vendor.lasting = False
    answer = await shop.consent()
    assert (answer.status_code, answer.json()["code"]) == (422, "credential_refused")
    assert await shop.connections() == []


async def test_a_vendor_that_is_away_is_said_to_be_and_not_the_owner_s_fault(shop: Shop) -> None:
    shop.vendor.token_status = 503
    answer = await shop.consent()
    assert (answer.status_code, answer.json()["code"]) == (503, "vendor_unavailable")
    assert answer.headers["retry-after"] == "7"


async def test_what_the_vendor_says_of_the_end_is_forecast(shop: Shop) -> None:
    shop.vendor.refresh_expires_in = 7 * 24 * 3600
    connection = await shop.connect()
    assert connection["expires_at"] is not None
    assert not connection["expires_soon"]
    shop.backend.clock.advance(days=5)
    assert (await shop.connections())[0]["expires_soon"]


async def test_only_what_has_oauth_is_connected_by_it(shop: Shop) -> None:
    answer = await shop.backend.api.post("/api/connections/oauth", json={"server": "nothing"})
    assert answer.status_code == 404, answer.text
