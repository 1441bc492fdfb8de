"""Another workspace, and tokens that are not good: nothing of the first is reached at either MCP server, by any tool."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from contracts.calls import CallTokenClaims
from contracts.meta import RequestMeta, Role
from tests.e2e.conftest import ACCOUNT, Installation, ask, set_up
from tests.mcp_servers.wire import MODERN, Door
from tests.world import HOOK

pytestmark = pytest.mark.needs_zapier

SERVERS = ("google-calendar", "zapier")
GUEST = "Wilhelmina"
NAMES = {"event_id", "booking_code", "delivery_id", "zap_id", "calendar"}
"""Arguments that name something of the first workspace."""
STRANGER = "bo@sandbox.example"


def signed(installed: Installation, token: str, *, key: Any = None, **changed: Any) -> str:
    """A token like this one, with some claims changed, signed with the installation's own key unless another is given."""
    claims = {**jwt.decode(token, options={"verify_signature": False}), **changed}
    signing = installed.backend.settings.key_ring().signing
    headers = {"kid": signing.id, "typ": "at+jwt"}
    return jwt.encode(claims, key or signing.private, algorithm="EdDSA", headers=headers)


def door(access: dict[str, Any], token: str | None = None) -> Door:
    return Door(access["name"], access["url"].removesuffix("/mcp"), token or access["token"], "", {})


async def access_of(installed: Installation, owner: httpx.AsyncClient, agent: str) -> dict[str, dict[str, Any]]:
    """The servers and call tokens of a call that goes on."""
    spawned = await ask(owner, "POST", f"/api/agents/{agent}/spawn", {})
    return await installed.backend.access(spawned["call_id"])


async def call(at: Door, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    at.tool = tool
    return await at.call(arguments, tool=tool, meta=RequestMeta(operation=f"op-{tool}").to_wire())


async def tools_of(at: Door) -> list[dict[str, Any]]:
    listed = (await at.send("tools/list", {})).json()["result"]["tools"]
    await at.http.aclose()
    return listed


def arguments_for(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The first workspace's own values for every argument that names something, and plain good ones for the rest."""
    given = {name: known[name] for name in schema["properties"] if name in known}
    missing = set(schema.get("required", [])) - given.keys()
    assert not missing, f"say here what a stranger would give for {missing}"
    return given


async def test_with_the_others_ids_and_codes_no_tool_of_either_server_reaches_anything(
    installed: Installation,
) -> None:
    agent = await installed.set_up()
    mine = await access_of(installed, installed.owner, agent)
    calendar, zapier = door(mine["google-calendar"]), door(mine["zapier"])
    times = {"start": "2026-11-24T19:00:00+01:00", "end": "2026-11-24T20:30:00+01:00"}
    booked = (await call(calendar, "calendar_create_event", {"summary": f"{GUEST}, a party of two", **times}))[
        "structuredContent"
    ]
    payload = {"booking": booked["event_id"], "name": GUEST}
    sent = await call(zapier, "zapier_trigger_zap", {"zap_id": HOOK, "payload": payload})
    before = json.dumps([await installed.world.events(), await installed.world.deliveries()])
    known = {
        "event_id": booked["event_id"], "booking_code": booked["booking_code"], "calendar": ACCOUNT, "query": "party",
        "delivery_id": sent["structuredContent"]["receipt"]["resource_id"], "zap_id": HOOK, "payload": {"booking": "x"},
        "start": "2026-11-25T19:00:00+01:00", "end": "2026-11-25T20:30:00+01:00", "summary": "stolen", "minutes": 30,
        "scope": None, "time_min": "2026-11-24T00:00:00+01:00", "time_max": "2026-11-25T00:00:00+01:00",
        "enabled": False, "title": "stolen", "app": "gmail", "action_type": "x", "params": {}, "send_updates": "none",
        "steps": [{"action": "core:x", "inputs": {}}],
    }  # fmt: skip
    secrets = (GUEST, booked["event_id"], booked["booking_code"], known["delivery_id"], HOOK, "2026-11-24T19:00")
    async with installed.other_owner("second") as stranger:
        foreign = await set_up(stranger, installed.world, account=STRANGER, hook="another_hook")
        theirs = await access_of(installed, stranger, foreign)
        reached: list[str] = []
        for role in (Role.PUBLIC, Role.OWNER):
            for access in theirs.values():
                listed = await tools_of(door(access))
                everything = signed(
                    installed, access["token"], role=role.value, scope=" ".join(tool["name"] for tool in listed)
                )
                at = door(access, everything)
                for tool in listed:
                    given = arguments_for(tool["inputSchema"], known)
                    answer = (await call(at, tool["name"], given))["structuredContent"]
                    if given.keys() & NAMES and "kind" not in answer:
                        reached.append(f"{role} {tool['name']} took a name of the first workspace")
                    unnamed = {name: value for name, value in given.items() if name not in NAMES}
                    text = json.dumps(await call(at, tool["name"], unnamed))
                    reached += [f"{role} {tool['name']} shows {secret}" for secret in secrets if secret in text]
                await at.http.aclose()
    assert reached == []
    after = [await installed.world.events(), await installed.world.deliveries()]
    assert [event for event in after[0] if event.get("summary") != "stolen"] == json.loads(before)[0]
    of_first = [delivery for delivery in after[1] if delivery["hook"] == HOOK]
    assert of_first == [delivery for delivery in json.loads(before)[1] if delivery["hook"] == HOOK]
    for client in (calendar, zapier):
        await client.http.aclose()


Spoil = Callable[[Installation, str], str]
BAD: dict[str, Spoil] = {
    "expired": lambda world, token: signed(world, token, iat=1_000, exp=1_600),
    "for another server": lambda world, token: signed(world, token, aud="http://127.0.0.1:1/mcp"),
    "signed by somebody else": lambda world, token: signed(
        world, token, key=jwt.algorithms.OKPAlgorithm.from_jwk(STRANGE_KEY)
    ),
    "without a signature": lambda _, token: jwt.encode(
        jwt.decode(token, options={"verify_signature": False}), None, algorithm="none", headers={"typ": "at+jwt"}
    ),
    "changed by hand": lambda _, token: token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8),
}
STRANGE_KEY = {
    "kty": "OKP", "crv": "Ed25519",
    # The test vector of RFC 8037: nobody's secret.
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}  # fmt: skip


async def test_both_servers_refuse_tokens_that_are_not_good(installed: Installation) -> None:
    agent = await installed.set_up()
    accesses = await access_of(installed, installed.owner, agent)
    assert set(accesses) == set(SERVERS)
    for name, access in accesses.items():
        assert await _status(access, access["token"]) == 200
        for what, spoil in BAD.items():
            assert await _status(access, spoil(installed, access["token"])) == 401, f"{name}: {what}"
        # The other server's own good token.
        (other,) = (found for key, found in accesses.items() if key != name)
        assert await _status(access, other["token"]) == 401, name


async def test_both_servers_refuse_a_tool_that_the_token_does_not_open_and_an_owners_to_the_public(
    installed: Installation,
) -> None:
    agent = await installed.set_up()
    owners_tool = {
        "google-calendar": ("calendar_list_events", {"calendar": ACCOUNT}),
        "zapier": ("zapier_list_zaps", {}),
    }
    for name, access in (await access_of(installed, installed.owner, agent)).items():
        tool, arguments = owners_tool[name]
        closed = door(access, signed(installed, access["token"], scope="another_tool"))
        closed.tool = tool
        body = json.dumps(closed.request("tools/call", {"name": tool, "arguments": {}}))
        assert (await closed.post(body, closed.headers(revision=MODERN))).status_code == 403
        public = door(access, signed(installed, access["token"], scope=tool, role="public"))
        refused = (await call(public, tool, arguments))["structuredContent"]
        assert refused["kind"] == "not_allowed", name
        owner = door(access, signed(installed, access["token"], scope=tool, role="owner"))
        allowed = (await call(owner, tool, arguments))["structuredContent"]
        assert allowed.get("kind") != "not_allowed", name
        for client in (closed, public, owner):
            await client.http.aclose()


async def _status(access: dict[str, Any], token: str) -> int:
    at = door(access, token)
    status = (await at.send("tools/list", {})).status_code
    await at.http.aclose()
    return status


def test_the_claims_that_are_changed_here_are_all_that_there_are() -> None:
    assert set(CallTokenClaims.model_fields) == {
        "iss", "sub", "aud", "workspace", "call", "caller", "role", "scope", "iat", "exp", "jti",
    }  # fmt: skip
