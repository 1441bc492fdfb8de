"""People sign in, first owners come by a link, and guessing is slow."""

from datetime import timedelta

import pytest

from tests.backend.conftest import ON_BOTH, PASSWORD, Backend

pytestmark = ON_BOTH
LOGIN = {"email": "owner@demo.test", "password": PASSWORD}


def token_of(link: dict[str, str]) -> str:
    return link["url"].partition("#token=")[2]


def owner(token: str) -> dict[str, str]:
    return {"token": token, "email": "ana@example.com", "name": "Ana", "password": PASSWORD}


async def test_the_first_owner_comes_by_a_link_that_works_once(backend: Backend) -> None:
    link = await backend.post("/api/owner-links")
    async with backend.anonymous() as browser:
        made = await browser.post("/api/owner-links/redeem", json=owner(token_of(link)))
        assert (made.status_code, made.json()["user"]["role"]) == (201, "owner")
        assert "httponly" in made.headers["set-cookie"].lower()
        assert (await browser.get("/api/sessions/current")).json()["user"]["email"] == "ana@example.com"
        again = await browser.post("/api/owner-links/redeem", json=owner(token_of(link)))
    assert (again.status_code, again.json()["code"]) == (410, "link_spent")
    assert "voxie owner-link" in again.json()["message"]


async def test_a_link_is_void_after_a_day_and_when_a_newer_one_is_made(backend: Backend) -> None:
    old = await backend.post("/api/owner-links")
    new = await backend.post("/api/owner-links")
    async with backend.anonymous() as browser:
        assert (await browser.post("/api/owner-links/redeem", json=owner(token_of(old)))).status_code == 410
        backend.clock.advance(hours=25)
        assert (await browser.post("/api/owner-links/redeem", json=owner(token_of(new)))).status_code == 410


async def test_only_a_room_of_ours_makes_a_link(backend: Backend) -> None:
    person = await backend.person()
    answer = await person.client.post("/api/owner-links")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_session_ends_when_it_is_signed_out_or_old(backend: Backend) -> None:
    first, second = await backend.person(), await backend.person()
    assert (await first.client.delete("/api/sessions/current")).status_code == 204
    assert (await first.client.get("/api/agents")).status_code == 401
    assert (await second.client.get("/api/agents")).status_code == 200
    backend.clock.advance(days=8)
    assert (await second.client.get("/api/agents")).status_code == 401


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
async def test_a_change_without_the_csrf_token_is_refused(backend: Backend, token: str | None) -> None:
    person = await backend.person()
    del person.client.headers["x-csrf-token"]
    headers = {} if token is None else {"x-csrf-token": token.encode("latin-1")}
    body = {"name": "k", "scopes": ["agents:read"]}
    answer = await person.client.post("/api/keys", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert (await person.client.get("/api/keys")).json()["items"] == []


async def test_guessing_a_password_is_slowed_down_and_then_works_again(backend: Backend) -> None:
    await backend.person()
    async with backend.anonymous() as client:
        for _ in range(5):
            wrong = await client.post("/api/sessions", json={**LOGIN, "password": "wrong"})
            assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_login")
        refused = await client.post("/api/sessions", json=LOGIN)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_logins")
        backend.clock.advance(seconds=int(refused.headers["retry-after"]))
        assert (await client.post("/api/sessions", json=LOGIN)).status_code == 201


async def test_an_unknown_address_is_answered_like_a_wrong_password(backend: Backend) -> None:
    await backend.person()
    async with backend.anonymous() as client:
        wrong = await client.post("/api/sessions", json={**LOGIN, "password": "wrong"})
        unknown = await client.post("/api/sessions", json={**LOGIN, "email": "nobody@demo.test"})
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())


async def test_a_member_does_not_manage_people_keys_or_the_log(backend: Backend) -> None:
    await backend.person()
    member = await backend.person("member")
    for path in ("/api/users", "/api/keys", "/api/audit"):
        assert (await member.client.get(path)).status_code == 403, path
    assert (await member.client.get("/api/agents")).status_code == 200


async def test_removing_somebody_ends_their_sessions_and_the_last_owner_stays(backend: Backend) -> None:
    person, member = await backend.person(), await backend.person("member")
    assert (await person.client.delete(f"/api/users/{member.user['id']}")).status_code == 204
    assert (await member.client.get("/api/agents")).status_code == 401
    last = await person.client.delete(f"/api/users/{person.user['id']}")
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")


async def test_one_address_in_two_workspaces_reaches_the_one_of_its_password(backend: Backend) -> None:
    await backend.post("/api/workspaces", {"id": "other", "name": "Other"})
    for workspace, password in (("demo", "password of demo"), ("other", "password of other")):
        new = {"email": "ana@example.com", "name": "Ana", "password": password}
        await backend.post("/api/users", new, headers={"x-voxie-workspace": workspace})
    async with backend.anonymous() as client:
        for workspace in ("demo", "other"):
            login = {"email": "Ana@example.com", "password": f"password of {workspace}"}
            answer = await client.post("/api/sessions", json=login)
            assert answer.json()["user"]["workspace_id"] == workspace


async def test_an_address_is_in_a_workspace_once(backend: Backend) -> None:
    new = {"email": "ana@example.com", "name": "Ana", "password": PASSWORD}
    await backend.post("/api/users", new)
    again = await backend.client.post("/api/users", json=new)
    assert (again.status_code, again.json()["field"]) == (409, "email")


async def test_a_key_does_what_its_scopes_say_until_it_is_revoked_or_old(backend: Backend) -> None:
    person = await backend.person()
    body = {"name": "reader", "scopes": ["agents:read"], "valid_days": 30}
    made = (await person.client.post("/api/keys", json=body)).json()
    async with backend.anonymous(authorization=f"Bearer {made['secret']}") as program:
        assert (await program.get("/api/agents")).status_code == 200
        refused = await program.post("/api/calls", json={"agent_id": "restaurant"})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "calls:write" in refused.json()["message"]
        backend.clock.advance(days=31)
        assert (await program.get("/api/agents")).status_code == 401
        backend.clock.advance(seconds=-timedelta(days=31).total_seconds())
        await backend.client.delete(f"/api/keys/{made['key']['id']}")
        assert (await program.get("/api/agents")).status_code == 401


@pytest.mark.parametrize("scope", ["worker", "operator"])
async def test_no_key_can_pass_for_a_room_of_ours(backend: Backend, scope: str) -> None:
    answer = await backend.client.post("/api/keys", json={"name": "k", "scopes": [scope]})
    assert (answer.status_code, answer.json()["field"]) == (422, "scopes")


async def test_nobody_gives_a_key_more_than_they_have(backend: Backend) -> None:
    program = await backend.key("admin")
    answer = await program.post("/api/keys", json={"name": "k", "scopes": ["agents:write"]})
    assert (answer.status_code, answer.json()["field"]) == (403, "scopes")


async def test_a_key_cannot_name_another_workspace(backend: Backend) -> None:
    await backend.post("/api/workspaces", {"id": "other", "name": "Other"})
    program = await backend.key("agents:read", workspace="other")
    answer = await program.get("/api/agents", headers={"x-voxie-workspace": "demo"})
    assert answer.json()["items"] == []


async def test_changes_are_in_the_log_page_by_page_and_secrets_are_not(backend: Backend) -> None:
    person = await backend.person()
    secrets = []
    for number in range(5):
        backend.clock.advance(seconds=1)
        made = await person.client.post("/api/keys", json={"name": f"k{number}", "scopes": ["agents:read"]})
        secrets.append(made.json()["secret"])
    seen, cursor = [], None
    while True:
        page = (
            await person.client.get("/api/audit", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [entry["action"] for entry in seen[:5]] == ["key.made"] * 5
    assert seen[0]["actor"] == f"user:{person.user['id']}"
    assert len({entry["id"] for entry in seen}) == len(seen) > 5
    assert not any(secret in str(seen) for secret in secrets)


async def test_a_made_up_cursor_is_a_clear_error(backend: Backend) -> None:
    for cursor in ("x", "bm8", "eyJhIjoxfQ", "WyJ4IiwgIngiXQ", "WzEsMl0", "WyJhXHUwMDAwIiwgImIiXQ"):
        answer = await backend.client.get("/api/audit", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor"), cursor
