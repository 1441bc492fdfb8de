"""Google's OAuth: what a person agrees to, and what a client then gets, keeps and loses."""

import asyncio
import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from google_auth_oauthlib.flow import Flow

from tests.clock import Clock
from tests.running import RunningApp
from tests.sandbox.conftest import open_sandbox
from tests.sandbox.google import ADMIN, Google, Refused

AUTH, TOKEN, REVOKE = "/o/oauth2/v2/auth", "/token", "/revoke"
BACK = "http://127.0.0.1:8000/api/connections/callback"
EVENTS = "https://www.googleapis.com/auth/calendar.events"
FREE_BUSY = "https://www.googleapis.com/auth/calendar.freebusy"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
MARIA = "maria@sandbox.example"
VERIFIER = "v" * 43
CLIENT = {"client_id": "voxie-client", "client_secret": "a-secret"}
QUESTION = {
    "client_id": "voxie-client",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": f"{EVENTS} {FREE_BUSY} openid email",
    "state": "a state & more",
    "access_type": "offline",
    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("="),
    "code_challenge_method": "S256",
}


async def decide(http: httpx.AsyncClient, question: dict[str, str] | None = None, **form: Any) -> dict[str, str]:
    """Open the consent page and answer it; what the client's address receives is returned."""
    page = await http.get(AUTH, params=question or QUESTION)
    assert page.status_code == 200
    boxes = re.findall(r'type="checkbox" name="scope" value="([^"]+)"', page.text)
    (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
    answer = {"ticket": ticket, "account": "demo@sandbox.example", "scope": boxes, "decision": "allow", **form}
    sent = await http.post(AUTH, data=answer)
    assert sent.status_code == 302, sent.text
    assert sent.headers["location"].startswith(f"{BACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()}


async def exchange(http: httpx.AsyncClient, code: str, **form: str) -> httpx.Response:
    body = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **CLIENT,
        **form,
    }  # fmt: skip
    return await http.post(TOKEN, data=body)


async def refresh(http: httpx.AsyncClient, token: str, **form: str) -> httpx.Response:
    return await http.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token, **CLIENT, **form})


async def connect(http: httpx.AsyncClient, question: dict[str, str] | None = None, **form: Any) -> dict[str, Any]:
    """The whole way; the token endpoint's answer."""
    received = await decide(http, question, **form)
    answer = await exchange(http, received["code"])
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_consent_gives_a_code_and_the_code_gives_tokens(http: httpx.AsyncClient) -> None:
    received = await decide(http)
    assert received["state"] == "a state & more"
    tokens = (await exchange(http, received["code"])).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3599)
    assert set(tokens["scope"].split()) == {EVENTS, FREE_BUSY, "openid", EMAIL}
    assert await Google(http, tokens["access_token"]).listed() == []
    again = await refresh(http, tokens["refresh_token"])
    assert "refresh_token" not in again.json()
    assert await Google(http, again.json()["access_token"]).listed() == []


async def test_each_account_has_a_calendar_of_its_own(http: httpx.AsyncClient) -> None:
    tokens = await connect(http, other_account="Maria@sandbox.example")
    maria = Google(http, tokens["access_token"])
    event = await maria.insert(summary="Maria's dinner")
    assert event["organizer"]["email"] == MARIA
    assert await Google(http).listed() == []
    with pytest.raises(Refused) as caught:
        await Google(http)("events.get", calendarId=MARIA, eventId=event["id"])
    assert caught.value.status == 404
    assert f'value="{MARIA}"' in (await http.get(AUTH, params=QUESTION)).text


async def test_a_person_says_no(http: httpx.AsyncClient) -> None:
    assert await decide(http, decision="deny") == {"error": "access_denied", "state": "a state & more"}


async def test_a_person_allows_a_part_and_the_rest_is_refused(http: httpx.AsyncClient) -> None:
    tokens = await connect(http, scope=[EVENTS])
    assert set(tokens["scope"].split()) == {EVENTS, "openid", EMAIL}
    google = Google(http, tokens["access_token"])
    await google.insert()
    body = {"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-25T00:00:00Z", "items": []}
    with pytest.raises(Refused) as caught:
        await google("freebusy.query", body)
    assert (caught.value.status, caught.value.reason) == (403, "insufficientPermissions")


async def test_a_scope_that_was_not_asked_for_cannot_be_ticked(http: httpx.AsyncClient) -> None:
    calendar = "https://www.googleapis.com/auth/calendar"
    assert calendar not in (await connect(http, scope=[EVENTS, calendar]))["scope"].split()


async def test_grants_add_up_when_asked_to(http: httpx.AsyncClient) -> None:
    await connect(http, {**QUESTION, "scope": EVENTS})
    more = await connect(http, {**QUESTION, "scope": FREE_BUSY, "include_granted_scopes": "true"})
    assert set(more["scope"].split()) == {EVENTS, FREE_BUSY}


async def test_a_refresh_token_comes_with_the_first_consent_or_when_consent_is_asked_for(
    http: httpx.AsyncClient,
) -> None:
    assert "refresh_token" not in await connect(http, {**QUESTION, "access_type": "online"})
    await http.post("/_sandbox/reset", headers=ADMIN)
    assert "refresh_token" in await connect(http)
    assert "refresh_token" not in await connect(http)
    assert "refresh_token" in await connect(http, {**QUESTION, "prompt": "consent"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": ""}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"redirect_uri": "javascript:alert(1)"}, "invalid_request"),
        ({"redirect_uri": "//nowhere.example"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "https://www.googleapis.com/auth/calendar.everything"}, "invalid_scope"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
async def test_a_wrong_question_is_not_asked(http: httpx.AsyncClient, change: dict[str, str], error: str) -> None:
    page = await http.get(AUTH, params={**QUESTION, **change})
    assert page.status_code == 400
    assert f"Error 400: {error}" in page.text


async def test_a_registered_client_is_held_to_its_address_and_secret(http: httpx.AsyncClient) -> None:
    client = {**CLIENT, "redirect_uris": [BACK]}
    assert (await http.post("/_sandbox/google/clients", json=client, headers=ADMIN)).status_code == 200
    elsewhere = await http.get(AUTH, params={**QUESTION, "redirect_uri": "https://evil.example/"})
    assert "redirect_uri_mismatch" in elsewhere.text
    received = await decide(http)
    assert refused(await exchange(http, received["code"], client_secret="guess")) == (401, "invalid_client")
    assert (await exchange(http, received["code"])).status_code == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "4/0guess"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9/"}, "redirect_uri_mismatch"),
        ({"client_id": "another-client"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_good_only_for_who_asked(http: httpx.AsyncClient, change: dict[str, str], error: str) -> None:
    received = await decide(http)
    assert refused(await exchange(http, **{"code": received["code"], **change})) == (400, error)


async def test_a_code_is_good_once_and_for_ten_minutes(http: httpx.AsyncClient, clock: Clock) -> None:
    code = (await decide(http))["code"]
    assert (await exchange(http, code)).status_code == 200
    assert refused(await exchange(http, code)) == (400, "invalid_grant")
    late = (await decide(http))["code"]
    clock.advance(minutes=10)
    assert refused(await exchange(http, late)) == (400, "invalid_grant")


async def test_the_ticket_of_the_page_is_no_code_and_is_good_once(http: httpx.AsyncClient) -> None:
    page = await http.get(AUTH, params=QUESTION)
    (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
    assert refused(await exchange(http, ticket)) == (400, "invalid_grant")
    form = {"ticket": ticket, "account": MARIA, "scope": EVENTS, "decision": "allow"}
    assert (await http.post(AUTH, data=form)).status_code == 400


async def test_an_access_token_ends_after_an_hour(http: httpx.AsyncClient, clock: Clock) -> None:
    google = Google(http, (await connect(http))["access_token"])
    clock.advance(seconds=3598)
    await google.listed()
    clock.advance(seconds=1)
    with pytest.raises(Refused) as caught:
        await google.listed()
    assert (caught.value.status, caught.value.reason) == (401, "authError")


async def test_rotation_ends_the_old_refresh_token(http: httpx.AsyncClient) -> None:
    await Google(http).admin("/google/settings", {"rotate_refresh_tokens": True})
    first = (await connect(http))["refresh_token"]
    second = (await refresh(http, first)).json()["refresh_token"]
    assert refused(await refresh(http, first)) == (400, "invalid_grant")
    assert (await refresh(http, second)).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revocation_by_either_token_ends_the_grant(http: httpx.AsyncClient, which: str) -> None:
    tokens = await connect(http)
    assert (await http.post(REVOKE, data={"token": tokens[which]})).status_code == 200
    assert refused(await refresh(http, tokens["refresh_token"])) == (400, "invalid_grant")
    with pytest.raises(Refused):
        await Google(http, tokens["access_token"]).listed()
    assert refused(await http.post(REVOKE, data={"token": tokens[which]})) == (400, "invalid_token")


async def test_a_person_signs_the_account_out(http: httpx.AsyncClient) -> None:
    demo, maria = await connect(http), await connect(http, other_account=MARIA)
    await Google(http).admin("/google/grants/revoke", {"account": MARIA})
    answer = await refresh(http, maria["refresh_token"])
    assert refused(answer) == (400, "invalid_grant")
    assert answer.json()["error_description"] == "Token has been expired or revoked."
    assert (await refresh(http, demo["refresh_token"])).status_code == 200


async def test_access_tokens_can_be_ended_by_hand_and_refreshed(http: httpx.AsyncClient) -> None:
    tokens = await connect(http)
    assert await Google(http).admin("/google/access-tokens/expire") == {"expired": 1}
    with pytest.raises(Refused):
        await Google(http, tokens["access_token"]).listed()
    renewed = (await refresh(http, tokens["refresh_token"])).json()["access_token"]
    await Google(http, renewed).listed()


async def test_the_demo_accounts_fixed_tokens_work(http: httpx.AsyncClient, clock: Clock) -> None:
    answer = (await refresh(http, "sandbox-refresh", scope=f"{EVENTS} {FREE_BUSY}")).json()
    assert set(answer["scope"].split()) == {EVENTS, FREE_BUSY}
    await Google(http, answer["access_token"]).insert()
    clock.advance(days=400)
    assert len(await Google(http).listed()) == 1


async def test_a_refresh_cannot_widen_what_was_granted(http: httpx.AsyncClient) -> None:
    tokens = await connect(http, scope=[EVENTS])
    assert refused(await refresh(http, tokens["refresh_token"], scope=FREE_BUSY)) == (400, "invalid_scope")
    assert refused(await refresh(http, tokens["refresh_token"], client_id="thief")) == (401, "unauthorized_client")


async def test_with_one_refresh_token_too_many_the_oldest_dies_silently(http: httpx.AsyncClient) -> None:
    most = (await Google(http).admin("/google/settings", {}))["most_refresh_tokens"]
    assert most == 100, "as at Google"
    await Google(http).admin("/google/settings", {"most_refresh_tokens": 4})
    tokens = [(await connect(http, {**QUESTION, "prompt": "consent"}))["refresh_token"] for _ in range(5)]
    assert refused(await refresh(http, tokens[0])) == (400, "invalid_grant")
    assert (await refresh(http, tokens[1])).status_code == 200


async def test_userinfo_tells_what_the_scopes_allow(http: httpx.AsyncClient) -> None:
    async def person(scope: str) -> httpx.Response:
        tokens = await connect(http, {**QUESTION, "scope": scope}, other_account=MARIA)
        return await http.get("/oauth2/v3/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})

    told = (await person(f"{EVENTS} openid email profile")).json()
    assert (told["email"], told["email_verified"], told["name"]) == (MARIA, True, "Maria")
    assert (await person("openid")).json() == {"sub": told["sub"]}
    assert (await person(EVENTS)).status_code == 401


async def test_tokeninfo_tells_scope_and_time_left(http: httpx.AsyncClient, clock: Clock) -> None:
    tokens = await connect(http)
    clock.advance(seconds=99)
    told = (await http.get("/tokeninfo", params={"access_token": tokens["access_token"]})).json()
    assert (told["aud"], told["expires_in"], told["email"]) == ("voxie-client", "3500", "demo@sandbox.example")
    assert (await http.get("/tokeninfo", params={"access_token": "x"})).status_code == 400


async def test_grants_outlive_a_restart_and_so_does_a_revocation(tmp_path: Path) -> None:
    clock = Clock()
    async with open_sandbox(tmp_path, clock) as served, httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        tokens = await connect(http, other_account=MARIA)
        await http.post(REVOKE, data={"token": "sandbox"})
    async with open_sandbox(tmp_path, clock) as served, httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        assert (await refresh(http, tokens["refresh_token"])).status_code == 200
        assert refused(await refresh(http, "sandbox-refresh")) == (400, "invalid_grant")
        await http.post("/_sandbox/reset", headers=ADMIN)
        assert (await refresh(http, "sandbox-refresh")).status_code == 200


async def test_what_a_client_says_of_itself_is_shown_as_text(http: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    page = await http.get(AUTH, params={**QUESTION, "client_id": evil, "login_hint": evil})
    assert "<script" not in page.text
    assert html.escape(evil, quote=False).replace('"', "&#34;") in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_googles_own_flow_library_walks_it(sandbox: RunningApp, socket: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    endpoints = {"auth_uri": f"{sandbox.url}{AUTH}", "token_uri": f"{sandbox.url}{TOKEN}"}
    config = {"web": {**CLIENT, **endpoints}}
    flow = Flow.from_client_config(config, scopes=[EVENTS], redirect_uri=BACK, autogenerate_code_verifier=True)
    address, state = flow.authorization_url(access_type="offline", prompt="consent")
    question = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    received = await decide(socket, question)
    assert received["state"] == state
    await asyncio.to_thread(flow.fetch_token, authorization_response=f"{BACK}?{urlencode(received)}")
    assert flow.credentials.refresh_token
    assert flow.credentials.granted_scopes == [EVENTS]


@pytest.mark.parametrize("body", [{"unknown": 1}, {"limit_status": 500}, {"requests_per_minute": 0}])
async def test_a_malformed_setting_is_named_and_not_taken(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    before = (await http.get("/_sandbox/google/settings")).json()
    answer = await http.post("/_sandbox/google/settings", json=body, headers=ADMIN)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.json()["error"]
    assert (await http.get("/_sandbox/google/settings")).json() == before
