"""Call tokens as a server and a worker see them: over HTTP."""

import stat
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from jwt import PyJWK

from backend.settings import SettingsError, load_settings
from backend.tokens.keys import new_seed
from backend.vault.keys import new_key
from contracts.broker import JWKS_PATH, REVOKED_CALLS_PATH
from contracts.calls import CallTokenClaims
from tests.backend.served import ISSUER, SERVICE_TOKEN, Backend, serve_backend

CALENDAR, ZAPIER = "http://127.0.0.1:3002/mcp", "http://127.0.0.1:3001/mcp"


async def published(backend: Backend) -> dict[str, PyJWK]:
    """The keys, fetched as a server does: without a credential."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as stranger:
        answer = await stranger.get(backend.app.url + JWKS_PATH)
    assert answer.status_code == 200
    assert "max-age" in answer.headers["cache-control"]
    return {key["kid"]: PyJWK(key) for key in answer.json()["keys"]}


def read(token: str, keys: dict[str, PyJWK], audience: str) -> dict[str, Any]:
    """A token's payload after an independent check of its signature, issuer and audience."""
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, key, algorithms=["EdDSA"], audience=audience, issuer=ISSUER, options=options)


async def test_each_server_gets_a_token_of_its_own_that_says_who_calls(tmp_path: Path) -> None:
    async with serve_backend(tmp_path) as backend:
        call = await backend.start_call(caller="tel:+15550100")
        access = await backend.access(call)
        keys = await published(backend)
        claims = CallTokenClaims.model_validate(read(access["google-calendar"]["token"], keys, CALENDAR))
        assert (claims.sub, claims.workspace, claims.call) == ("restaurant", "demo", call)
        assert (claims.caller, claims.role) == ("tel:+15550100", "public")
        assert "calendar_create_event" in claims.scope.split()
        assert claims.iat == int(backend.clock.seconds())
        assert claims.exp - claims.iat == 600
        with pytest.raises(jwt.InvalidAudienceError):
            read(access["google-calendar"]["token"], keys, ZAPIER)


async def test_a_call_that_goes_on_gets_fresh_tokens_and_one_that_ended_gets_none(tmp_path: Path) -> None:
    async with serve_backend(tmp_path) as backend:
        call = await backend.start_call()
        first = (await backend.access(call))["google-calendar"]
        backend.clock.advance(minutes=5)
        renewed = (await backend.post(f"/api/calls/{call}/tokens"))["servers"]
        fresh = next(server for server in renewed if server["name"] == "google-calendar")
        keys = await published(backend)
        assert read(fresh["token"], keys, CALENDAR)["exp"] == read(first["token"], keys, CALENDAR)["exp"] + 300
        assert fresh["token_expires_at"] > first["token_expires_at"]
        await backend.post(f"/api/calls/{call}/end")
        refused = await backend.post(f"/api/calls/{call}/tokens", expect=409)
        assert refused["code"] == "call_ended"


async def test_an_ended_call_is_on_the_public_list_until_its_tokens_have_expired(tmp_path: Path) -> None:
    async with serve_backend(tmp_path) as backend, httpx.AsyncClient(trust_env=False, timeout=30) as stranger:
        call, other = await backend.start_call(), await backend.start_call()

        async def listed() -> list[str]:
            answer = await stranger.get(backend.app.url + REVOKED_CALLS_PATH)
            assert answer.status_code == 200
            return answer.json()["calls"]

        assert await listed() == []
        await backend.post(f"/api/calls/{call}/end")
        assert await listed() == [call]
        backend.clock.advance(minutes=10, seconds=30)
        assert await listed() == [call], "a server's clock may run a little behind"
        backend.clock.advance(minutes=1)
        assert await listed() == []
        assert other not in await listed()


async def test_rotation_publishes_the_next_key_before_it_signs_and_the_last_one_after(tmp_path: Path) -> None:
    old, new = new_seed(), new_seed()
    tokens: list[str] = []
    for step, keys in enumerate(([old], [old, new], [new, old], [new])):
        async with serve_backend(tmp_path, BACKEND_SIGNING_KEYS=",".join(keys)) as backend:
            access = await backend.access(await backend.start_call())
            tokens.append(access["google-calendar"]["token"])
            known = await published(backend)
            for earlier in tokens[max(0, step - 1) :]:
                read(earlier, known, CALENDAR)
            if step == 3:
                assert jwt.get_unverified_header(tokens[0])["kid"] not in known
    assert jwt.get_unverified_header(tokens[1])["kid"] != jwt.get_unverified_header(tokens[2])["kid"]


async def test_demo_mode_makes_its_keys_once_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    seen: list[set[str]] = []
    for _ in range(2):
        async with serve_backend(tmp_path) as backend:
            seen.append(set(await published(backend)))
    assert seen[0] == seen[1]
    assert stat.S_IMODE((tmp_path / "signing-keys.txt").stat().st_mode) == 0o600


async def test_with_a_static_bearer_the_servers_get_that_and_no_call_token(tmp_path: Path) -> None:
    async with serve_backend(tmp_path, MCP_AUTH="static", MCP_SERVER_TOKEN="one-bearer-for-all-servers") as backend:
        access = await backend.access(await backend.start_call())
        assert {server["token"] for server in access.values()} == {"one-bearer-for-all-servers"}
        assert {server["token_expires_at"] for server in access.values()} == {None}


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"MCP_AUTH": "jwks"}, "BACKEND_SIGNING_KEYS is missing"),
        ({"MCP_AUTH": "jwks", "BACKEND_SIGNING_KEYS": "short"}, "BACKEND_SIGNING_KEYS: key 1 is not"),
        ({"MCP_AUTH": "jwks", "BACKEND_SIGNING_KEYS": f"{'A' * 43},nonsense"}, "BACKEND_SIGNING_KEYS: key 2 is not"),
        ({"MCP_AUTH": "jwks", "BACKEND_SIGNING_KEYS": " , "}, "BACKEND_SIGNING_KEYS: there is no key in it"),
        ({"MCP_AUTH": "static"}, "MCP_SERVER_TOKEN is missing"),
        ({"MCP_AUTH": "jwks", "BACKEND_SIGNING_KEYS": "A" * 43}, "MCP_SERVICE_TOKEN is missing"),
        ({"MCP_AUTH": "jwks", "BACKEND_VAULT_KEYS": f"{'A' * 43}="}, "BACKEND_VAULT_KEYS: key 1 is not random"),
        ({"MCP_AUTH": "jwks", "BACKEND_VAULT_KEYS": ""}, "BACKEND_VAULT_KEYS: there is no key in it"),
        ({"MCP_AUTH": "jwks", "BACKEND_SANDBOX_URL": "http://127.0.0.1:3010"}, "BACKEND_SANDBOX_URL is set"),
    ],
)
def test_live_mode_does_not_start_without_its_keys_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"VOXIE_MODE": "live", "BACKEND_SERVICE_TOKEN": SERVICE_TOKEN, "BACKEND_VAULT_KEYS": new_key(), **variables}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint) as refused:
        load_settings()
    keys = [value for name, value in variables.items() if name.endswith("KEYS") and value]
    assert not any(key in str(refused.value) for key in keys)


def test_live_mode_does_not_start_without_a_vault_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKEND_SERVICE_TOKEN", SERVICE_TOKEN)
    monkeypatch.setenv("MCP_SERVER_TOKEN", SERVICE_TOKEN)
    with pytest.raises(SettingsError, match="BACKEND_VAULT_KEYS is missing"):
        load_settings()
    monkeypatch.setenv("BACKEND_VAULT_KEYS", new_key())
    assert not load_settings().demo
