"""With call tokens: hooks and tokens come from the backend, for live calls, and for what a call left to be delivered."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from contracts.meta import Role
from contracts.results import ErrorKind
from tests.fakes.backend import SERVICE_TOKEN
from tests.mcp_servers.zapier.brokered import CANARY, BrokeredDesk, open_brokered_desk
from tests.mcp_servers.zapier.desk import PAYLOAD, WAIT_SECONDS, failed, kind_of
from tests.mcp_servers.zapier.test_zapier_deliveries import command
from tests.mcp_servers.zapier.test_zapier_ways import INPUTS, SLACK_BY_ID, SLACK_BY_KEY
from tests.world import HOOK
from voxie_agents.mcp_errors import Unauthorized

pytestmark = pytest.mark.needs_zapier


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[BrokeredDesk]:
    async with open_brokered_desk(tmp_path) as opened:
        opened.connect(HOOK, key_fields=["booking"])
        yield opened


async def left_behind(desk: BrokeredDesk, hook: str = HOOK, **payload: Any) -> str:
    """A delivery that was accepted in a call and not taken by Zapier; then the server was started anew, and the call is over."""
    await desk.break_hooks(status=503, headers={"retry-after": "600"})
    answer = await desk.trigger({**PAYLOAD, **payload}, hook=hook)
    assert answer.data["status"] == "queued"
    await desk.stop_server()
    desk.backend.ended.append("call-1")
    desk.backend.exchanges.clear()
    desk.clock.advance(minutes=11)
    return answer.data["delivery_id"]


async def asked(desk: BrokeredDesk, delivery_id: str, status: str) -> Any:
    """Ask in another call."""
    desk.backend.ended.clear()
    return await desk.until(delivery_id, status)


async def arrived(desk: BrokeredDesk, count: int) -> list[dict[str, Any]]:
    """Wait, without a call, until so many deliveries are at Zapier."""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(there := await desk.deliveries()) < count:  # noqa: ASYNC110 - another server fills the list
            await asyncio.sleep(0.05)
    return there


async def test_a_live_calls_hook_is_exchanged_once_and_the_payload_delivered(desk: BrokeredDesk) -> None:
    answer = await desk.trigger()
    assert answer.data["status"] in {"sending", "accepted"}
    assert [delivery["hook"] for delivery in await arrived(desk, 1)] == [f"{CANARY}-{HOOK}"]
    assert desk.subjects() == ["call"]
    assert desk.backend.exchanges[0]["authorization"] == f"Bearer {SERVICE_TOKEN}"


async def test_what_a_call_left_is_delivered_after_a_restart_without_any_live_call(desk: BrokeredDesk) -> None:
    named = await left_behind(desk)
    await desk.start_server()
    (delivery,) = await arrived(desk, 1)
    assert delivery["body"]["voxie_delivery_id"] == named
    assert desk.subjects() == [f"deferred:{HOOK}"]


async def test_a_grant_is_good_for_its_own_hook_alone_and_asked_for_once(desk: BrokeredDesk) -> None:
    desk.connect("order")
    # The account is asked to wait, so that nothing of it leaves.
    await desk.break_hooks(status=429, headers={"retry-after": "600"})
    await desk.trigger()
    for number in range(3):
        await desk.trigger({"n": number}, hook="order")
    await desk.stop_server()
    desk.backend.ended.append("call-1")
    desk.backend.exchanges.clear()
    desk.clock.advance(minutes=11)
    await desk.start_server()
    await arrived(desk, 4)
    assert sorted(desk.subjects()) == ["deferred:order", f"deferred:{HOOK}"]


async def test_a_hook_that_the_owner_disconnected_makes_a_dead_letter_with_the_reason(
    desk: BrokeredDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    named = await left_behind(desk)
    hook = desk.hooks.pop(HOOK)
    await desk.start_server()
    seen = await asked(desk, named, "dead")
    assert seen.data["reason"] == "disconnected"
    assert seen.data["speech"] == "The notification has not been sent."
    listed = await command(desk, monkeypatch, capsys)
    assert f"{named}  dead  {HOOK}" in listed
    assert "disconnected" in listed
    assert CANARY not in listed
    assert "deferred:" not in listed

    # Connected again, a person replays it.
    desk.hooks[HOOK] = hook
    await command(desk, monkeypatch, capsys, "replay", named)
    await desk.until(named, "accepted")
    assert len(await desk.deliveries()) == 1


async def test_a_grant_that_has_expired_makes_a_dead_letter_with_the_reason(desk: BrokeredDesk) -> None:
    named = await left_behind(desk)
    desk.backend.exchange = lambda _: (400, {"error": "invalid_grant", "error_description": "expired"})
    await desk.start_server()
    assert (await asked(desk, named, "dead")).data["reason"] == "grant_ended"


async def test_a_backend_that_is_away_only_delays_a_delivery(desk: BrokeredDesk) -> None:
    named = await left_behind(desk)
    desk.backend.exchange = lambda _: (503, {})
    await desk.start_server()
    desk.backend.ended.clear()
    seen = await desk.until(named, "queued")
    while seen.data["reason"] != "no_credential":
        seen = await desk.until(named, "queued")
    desk.backend.exchange = desk.exchange
    await desk.until(named, "accepted", advancing=60)
    assert len(await desk.deliveries()) == 1


async def test_the_ledger_never_holds_a_hooks_url_and_no_grant_once_zapier_has_it(desk: BrokeredDesk) -> None:
    named = await left_behind(desk)
    kept = b"".join(path.read_bytes() for path in desk.state.glob("zapier-ledger*"))
    assert b"deferred:" in kept
    assert CANARY.encode() not in kept
    await desk.start_server()
    await asked(desk, named, "accepted")
    await desk.stop_server()
    with sqlite3.connect(desk.state / "zapier-ledger.sqlite3") as ledger:
        assert ledger.execute("select payload, deferred from zapier_deliveries").fetchall() == [(None, None)]


async def test_a_record_keeps_its_rule_when_its_hook_comes_from_the_backend(desk: BrokeredDesk) -> None:
    desk.connect("results", contact_on_file="patient")
    refused = await desk.trigger({"patient": "p-1", "to": "ann@example.com"}, hook="results")
    assert "contact we already have on file" in failed(refused).speech
    assert await desk.deliveries() == []


async def test_a_retry_safe_hook_from_the_backend_is_sent_again_when_nobody_knows(desk: BrokeredDesk) -> None:
    desk.connect("safe", retry_safe=True)
    await desk.break_hooks(cut="after")
    answer = await desk.trigger(hook="safe")
    await desk.until(answer, "accepted", advancing=5)
    assert len({item["body"]["voxie_delivery_id"] for item in await desk.deliveries()}) == 1
    assert len(await desk.deliveries()) == 2


async def test_a_token_without_the_tool_is_refused(desk: BrokeredDesk) -> None:
    with pytest.raises(Unauthorized):
        await desk.call("zapier_trigger_zap", scope="zapier_get_delivery", zap_id=HOOK, payload=PAYLOAD)
    assert desk.backend.exchanges == []


async def test_another_workspaces_delivery_is_not_found(desk: BrokeredDesk) -> None:
    named = (await desk.trigger()).data["delivery_id"]
    stranger = desk.backend.token
    desk.backend.token = lambda **claims: stranger(**{**claims, "workspace": "workspace-2"})  # type: ignore[method-assign]
    assert kind_of(await desk.call("zapier_get_delivery", delivery_id=named)) is ErrorKind.NOT_FOUND


# The ways that the owner connected


@pytest.mark.parametrize(
    ("tokens", "action", "used"),
    [
        ({"api_key": "sandbox"}, SLACK_BY_ID, "api_key"),
        ({"oauth": "sandbox", "api_key": "wrong"}, SLACK_BY_ID, "oauth"),
        ({"api_key": "wrong", "client_credentials": "sandbox"}, SLACK_BY_KEY, "client_credentials"),
    ],
)
async def test_an_action_runs_by_the_way_that_the_owner_connected(
    desk: BrokeredDesk, tokens: dict[str, str], action: str, used: str
) -> None:
    desk.tokens |= tokens
    ran = await desk.own("zapier_run_action", action_type=action, params=INPUTS)
    assert (ran.data["status"], ran.data["speech"]) == ("success", "It's done."), used


async def test_zaps_are_listed_by_a_key_although_client_credentials_are_connected_too(desk: BrokeredDesk) -> None:
    desk.tokens |= {"client_credentials": "wrong", "api_key": "sandbox"}
    listed = await desk.own("zapier_list_zaps")
    assert listed.data["hooks"] == [HOOK]
    assert len(listed.data["zaps"]) == 2


async def test_without_a_connection_a_tool_says_what_it_needs_and_which_hooks_work(desk: BrokeredDesk) -> None:
    desk.tokens |= {"client_credentials": "sandbox"}
    answer = await desk.own("zapier_list_zaps")
    assert kind_of(answer) is ErrorKind.NEEDS_RECONNECT
    assert "Workflow API token" in failed(answer).error
    assert HOOK in failed(answer).error


# Exactly one action

GRANT = f"zapier_run_action:{SLACK_BY_ID}"


@pytest.mark.parametrize(
    ("role", "scope", "action", "allowed"),
    [
        (Role.PUBLIC, GRANT, SLACK_BY_ID, True),
        (Role.PUBLIC, GRANT, SLACK_BY_ID.replace("channel_message", "user"), False),
        (Role.PUBLIC, f"zapier_run_action {GRANT}", SLACK_BY_ID, True),
        (Role.PUBLIC, f"zapier_run_action {GRANT}", SLACK_BY_ID + "2", False),
        (Role.PUBLIC, "zapier_run_action", SLACK_BY_ID, False),
        (Role.OWNER, "zapier_run_action", SLACK_BY_ID, True),
        (Role.OWNER, GRANT, SLACK_BY_ID, True),
        (Role.OWNER, GRANT, SLACK_BY_ID.replace("channel_message", "user"), False),
    ],
)
async def test_a_grant_of_one_action_opens_that_action_and_no_other(
    desk: BrokeredDesk, role: Role, scope: str, action: str, *, allowed: bool
) -> None:
    desk.tokens["api_key"] = "sandbox"
    answer = await desk.call("zapier_run_action", role=role, scope=scope, action_type=action, params=INPUTS)
    if allowed:
        assert answer.data["status"] == "success"
    else:
        assert kind_of(answer) is ErrorKind.NOT_ALLOWED
        assert desk.backend.exchanges == [], "no credential is fetched for it"


@pytest.mark.parametrize(
    ("tool", "arguments", "allowed"),
    [
        ("zapier_get_runs", {"zap_number": 12345}, True),
        ("zapier_get_runs", {"zap_number": 12346}, False),
        ("zapier_get_runs", {}, False),
        ("zapier_trigger_zap", {"zap_id": HOOK, "payload": PAYLOAD}, True),
        ("zapier_trigger_zap", {"zap_id": "order", "payload": PAYLOAD}, False),
        ("zapier_list_zaps", {}, False),
    ],
)
async def test_runs_and_hooks_can_be_granted_one_by_one_too(
    desk: BrokeredDesk, tool: str, arguments: dict[str, Any], *, allowed: bool
) -> None:
    desk.tokens["api_key"] = "sandbox"
    desk.connect("order")
    scope = f"zapier_get_runs:12345 zapier_trigger_zap:{HOOK} zapier_list_zaps:x"
    answer = await desk.call(tool, scope=scope, **arguments)
    assert answer.is_error is not allowed, json.dumps(answer.data)


async def test_what_the_client_says_it_may_do_counts_for_nothing_with_a_call_token(desk: BrokeredDesk) -> None:
    from pydantic import SecretStr

    from contracts.meta import RequestMeta
    from tests.mcp_servers.zapier.brokered import RESOURCE
    from voxie_agents.mcp_client import McpClient

    assert desk.server is not None
    token = desk.backend.token(resource=RESOURCE, tools="zapier_run_action")
    meta = RequestMeta(role=Role.OWNER, grants=(SLACK_BY_ID,)).to_wire()
    async with McpClient(desk.server.url, token=SecretStr(token)) as client:
        arguments = {"action_type": SLACK_BY_ID, "params": INPUTS}
        assert kind_of(await client.call("zapier_run_action", arguments, meta=meta)) is ErrorKind.NOT_ALLOWED


async def test_in_live_mode_a_hook_that_is_not_zapiers_is_none_whoever_brought_it(tmp_path: Path) -> None:
    live = {
        "VOXIE_MODE": "live",
        "ZAPIER_API_URL": "https://api.zapier.com/",
        "ZAPIER_ACTIONS_URL": "https://sdkapi.zapier.com/api/v0/sdk/zapier",
    }
    async with open_brokered_desk(tmp_path, **live) as desk:
        desk.connect(HOOK)
        assert kind_of(await desk.trigger()) is ErrorKind.NOT_FOUND
        assert desk.subjects() == ["call"], "the backend gave it"
        assert await desk.deliveries() == []
