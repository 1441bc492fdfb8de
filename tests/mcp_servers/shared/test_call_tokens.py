"""Call tokens: who holds a live one for this server comes in, with the rights that it says, and nobody else."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from mcp_servers.shared.app import create_app
from mcp_servers.shared.settings import ServerSettings
from tests.clock import Clock
from tests.fakes.backend import SigningKey, StandInBackend, stand_in_backend
from tests.mcp_servers.shared.test_tools import MANIFEST, Tried
from tests.mcp_servers.wire import LEGACY, MODERN, REVISIONS, Door
from tests.running import running

RESOURCE = MANIFEST.service.resource
TOOLS = "hear owner_only"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def backend(clock: Clock) -> AsyncGenerator[StandInBackend]:
    async with stand_in_backend(clock.seconds) as served:
        yield served


@asynccontextmanager
async def guarded(backend: StandInBackend, clock: Clock, state: Path) -> AsyncGenerator[Door]:
    settings = ServerSettings(_env_file=None, VOXIE_STATE=str(state), MCP_AUTH="jwks", MCP_ISSUER_URL=backend.url)
    async with running(create_app(MANIFEST, settings, Tried(), now=clock.seconds)) as served:
        door = Door("tried", served.url, backend.token(resource=RESOURCE, tools=TOOLS), "hear", {})
        yield door
        await door.http.aclose()


@pytest.fixture
async def door(backend: StandInBackend, clock: Clock, tmp_path: Path) -> AsyncGenerator[Door]:
    async with guarded(backend, clock, tmp_path) as opened:
        yield opened


async def status(door: Door, token: str | None, *, tool: str = "hear", revision: str = MODERN) -> int:
    body = door.request("tools/call", {"name": tool, "arguments": {}}, revision=revision)
    headers = door.headers(revision=revision, authorization=f"Bearer {token}" if token else None)
    if revision == MODERN:
        headers["mcp-name"] = tool
    return (await door.post(json.dumps(body), headers)).status_code


async def test_who_holds_a_live_token_is_who_it_says(door: Door, backend: StandInBackend) -> None:
    door.token = backend.token(resource=RESOURCE, tools=TOOLS, caller="tel:+15550100", role="owner")
    said = (await door.call())["structuredContent"]
    assert (said["caller"], said["role"]) == ("tel:+15550100", "owner")


async def test_only_the_tokens_claims_count_never_what_is_said_beside_the_arguments(door: Door) -> None:
    meta = {"voxie/role": "owner", "voxie/caller": "tel:+15550199", "voxie/workspace": "w2", "voxie/call": "c2"}
    said = (await door.call(meta=meta))["structuredContent"]
    assert (said["role"], said["caller"], said["person"]) == ("public", None, "call:call-1")


async def test_an_agent_named_like_the_static_client_is_not_trusted(door: Door, backend: StandInBackend) -> None:
    door.token = backend.token(resource=RESOURCE, tools=TOOLS, sub="static")
    assert (await door.call(meta={"voxie/role": "owner"}))["structuredContent"]["role"] == "public"


BAD: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1_000},
    "for another server": {"aud": "http://127.0.0.1:3001/mcp"},
    "for several servers": {"aud": [RESOURCE, "http://127.0.0.1:3001/mcp"]},
    "for no server": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "of no call": {"call": None},
    "of no workspace": {"workspace": None},
    "without a role": {"role": None},
    "of an unknown role": {"role": "king"},
    "without an end": {"exp": None},
    "with more than we know": {"admin": True},
    "that lives too long": {"exp": 99_999_999_999},
    "from the future": {"iat": 9_999_999_999, "exp": 9_999_999_999 + 600},
}


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_token_that_is_not_good_is_refused(door: Door, backend: StandInBackend, bad: str) -> None:
    assert await status(door, backend.token(resource=RESOURCE, tools=TOOLS, **BAD[bad])) == 401


@pytest.mark.parametrize("revision", REVISIONS)
async def test_without_a_token_the_answer_says_where_to_learn_more(door: Door, revision: str) -> None:
    answer = await door.send("tools/list", {}, revision=revision)
    assert answer.status_code == 200
    headers = door.headers("tools/list", revision=revision, authorization=None)
    refused = await door.post(json.dumps(door.request("tools/list", {}, revision=revision)), headers)
    assert refused.status_code == 401
    metadata_url = "http://127.0.0.1:3999/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata_url}"' in refused.headers["www-authenticate"]


async def test_the_metadata_names_this_resource_and_its_issuer(door: Door, backend: StandInBackend) -> None:
    found = (await door.http.get(f"{door.url}/.well-known/oauth-protected-resource/mcp")).json()
    assert found["resource"] == RESOURCE
    assert [server.rstrip("/") for server in found["authorization_servers"]] == [backend.url]


async def test_a_token_signed_by_somebody_else_is_refused(door: Door, backend: StandInBackend) -> None:
    stranger = SigningKey(backend.keys[0].id)
    unknown = SigningKey()
    for key in (stranger, unknown):
        assert await status(door, backend.token(resource=RESOURCE, tools=TOOLS, key=key)) == 401


async def test_a_token_without_a_signature_is_refused(door: Door, backend: StandInBackend) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = part(backend.claims(resource=RESOURCE, tools=TOOLS))
    for algorithm in ("none", "None", "EdDSA"):
        header = part({"alg": algorithm, "typ": "at+jwt", "kid": backend.keys[0].id})
        assert await status(door, f"{header}.{claims}.") == 401


async def test_a_token_signed_with_the_public_key_as_a_password_is_refused(door: Door, backend: StandInBackend) -> None:
    public = backend.keys[0].private.public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    claims = backend.claims(resource=RESOURCE, tools=TOOLS)
    headers = {"kid": backend.keys[0].id, "typ": "at+jwt"}
    assert await status(door, jwt.encode(claims, raw, algorithm="HS256", headers=headers)) == 401


async def test_a_token_of_another_kind_is_refused_though_it_is_the_backends(
    door: Door, backend: StandInBackend
) -> None:
    claims, key = backend.claims(resource=RESOURCE, tools=TOOLS), backend.keys[0]
    for kind, wanted in (("at+jwt", 200), ("voxie-deferred+jwt", 401), ("JWT", 401)):
        headers = {"kid": key.id, "typ": kind}
        assert await status(door, jwt.encode(claims, key.private, algorithm="EdDSA", headers=headers)) == wanted, kind


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "e30.e30.e30"])
async def test_what_is_no_token_is_refused(door: Door, token: str) -> None:
    assert await status(door, token) == 401


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
async def test_a_tool_that_the_token_does_not_open_is_403_and_says_which_scope_is_missing(
    door: Door, backend: StandInBackend, revision: str
) -> None:
    door.token = backend.token(resource=RESOURCE, tools="crash hearsay")
    body = door.request("tools/call", {"name": "hear", "arguments": {}}, revision=revision)
    answer = await door.post(json.dumps(body), door.headers(revision=revision))
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="hear"' in challenge
    assert answer.json()["result"]["structuredContent"]["kind"] == "not_allowed"


async def test_a_public_token_does_not_open_an_owners_tool(door: Door, backend: StandInBackend) -> None:
    result = await door.call({}, tool="owner_only", meta={"voxie/role": "owner"})
    assert result["structuredContent"]["kind"] == "not_allowed"


async def test_a_token_of_an_ended_call_is_refused_within_thirty_seconds(
    door: Door, backend: StandInBackend, clock: Clock
) -> None:
    assert await status(door, door.token) == 200
    backend.ended.append("call-1")
    clock.advance(seconds=29)
    assert await status(door, door.token) == 401
    assert await status(door, backend.token(resource=RESOURCE, tools=TOOLS, call="call-2")) == 200


async def test_while_the_backend_is_away_nobody_comes_in_on_an_old_list(
    door: Door, backend: StandInBackend, clock: Clock
) -> None:
    assert await status(door, door.token) == 200
    backend.up = False
    clock.advance(seconds=9)
    assert await status(door, door.token) == 200
    clock.advance(seconds=20)
    with capture_logs():
        assert await status(door, door.token) == 503
    backend.up = True
    assert await status(door, door.token) == 200


async def test_a_new_key_is_known_as_soon_as_it_signs_and_the_old_one_until_it_is_dropped(
    door: Door, backend: StandInBackend, clock: Clock
) -> None:
    assert await status(door, door.token) == 200
    old = backend.keys[0]
    backend.keys.insert(0, SigningKey())
    clock.advance(seconds=6)
    for key in (backend.keys[0], old):
        assert await status(door, backend.token(resource=RESOURCE, tools=TOOLS, key=key)) == 200


async def test_unknown_keys_do_not_make_the_server_ask_the_backend_over_and_over(
    door: Door, backend: StandInBackend
) -> None:
    assert await status(door, door.token) == 200
    for _ in range(20):
        assert await status(door, backend.token(resource=RESOURCE, key=SigningKey())) == 401
    assert len(backend.asked) == 2


async def test_fifty_tenants_are_each_themselves(door: Door, backend: StandInBackend) -> None:
    for n in range(50):
        door.token = backend.token(
            resource=RESOURCE, tools=TOOLS, workspace=f"w{n}", call=f"c{n}", caller=None if n % 2 else f"tel:{n}"
        )
        meta = {"voxie/workspace": f"w{n + 1}", "voxie/caller": f"tel:{n + 1}", "voxie/call": f"c{n + 1}"}
        said = (await door.call(meta=meta))["structuredContent"]
        assert said["person"] == (f"call:c{n}" if n % 2 else f"tel:{n}")
