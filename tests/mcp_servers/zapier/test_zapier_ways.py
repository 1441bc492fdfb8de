"""The owner's tools, by a Workflow API token and by client credentials, and what each says without a credential."""

import gc
import json
import weakref
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contracts.meta import Role
from contracts.results import Action, ErrorKind
from mcp_servers.zapier.tools import ListedZaps
from mcp_servers.zapier.ways import Zap
from tests.clock import Clock
from tests.mcp_servers.zapier.desk import PAYLOAD, Desk, failed, kind_of, open_desk
from tests.world import HOOK, TOKEN
from voxie_agents.mcp_client import McpClient

pytestmark = pytest.mark.needs_zapier

SLACK_BY_KEY = "SlackCLIAPI@1.32.0/write/channel_message"
SLACK_BY_ID = "4a1c2b7e-6f3d-4d1a-9c55-2f0f6a9d1c01/write/channel_message"
INPUTS = {"channel": "general", "text": "hello"}
ZAP_ON = "00000000-0000-c000-8000-000000012345"
ZAP_OFF = "00000000-0000-c000-8000-000000012346"
STEPS = [{"action": SLACK_BY_ID, "inputs": INPUTS}]


async def with_client_credentials(desk: Desk, secret: str = "sandbox") -> None:
    await desk.stop_server()
    desk.given |= {
        "ZAPIER_CREDENTIALS_CLIENT_ID": "sandbox",
        "ZAPIER_CREDENTIALS_CLIENT_SECRET": secret,
        "ZAPIER_ACTIONS_URL": f"{desk.sandbox.url}/api/v0/sdk/zapier",
        "ZAPIER_TOKEN_URL": f"{desk.sandbox.url}/oauth/token/",
    }
    await desk.start_server()


@pytest.fixture(params=["workflow", "actions"])
async def runner(request: pytest.FixtureRequest, desk: Desk) -> AsyncGenerator[tuple[Desk, str, str]]:
    """Either way to run actions: the desk, the action's name there, and the path of runs."""
    if request.param == "actions":
        await with_client_credentials(desk)
        yield desk, SLACK_BY_KEY, "/api/v0/sdk/zapier/api/actions/v1/runs"
    else:
        yield desk, SLACK_BY_ID, "/v2/action-runs"


# Single actions


async def test_the_actions_that_are_found_can_be_asked_about_and_run_once(runner: tuple[Desk, str, str]) -> None:
    desk, named, path = runner
    found = await desk.own("zapier_find_actions", app="slack")
    assert named in [action["action_type"] for action in found.data["actions"]]
    fields = await desk.own("zapier_find_actions", app="slack", action_type=named)
    assert [(field["name"], field["required"]) for field in fields.data["fields"]] == [
        ("channel", True),
        ("text", True),
    ]
    ran = await desk.own("zapier_run_action", action_type=named, params=INPUTS)
    assert (ran.data["status"], ran.data["speech"]) == ("success", "It's done.")
    assert ran.data["results_untrusted"][0]["text"] == "hello"
    again = await desk.own("zapier_run_action", action_type=named, params=INPUTS)
    assert again.data["run_id"] == ran.data["run_id"], path
    assert again.receipt is not None
    assert again.receipt.replayed


async def test_an_action_that_takes_long_is_said_to_have_been_started(runner: tuple[Desk, str, str]) -> None:
    desk, named, _ = runner
    inputs = {**INPUTS, "sandbox_seconds": 60}
    started = await desk.own("zapier_run_action", action_type=named, params=inputs)
    assert started.data["status"] == "waiting"
    assert started.receipt is not None
    assert started.receipt.action is Action.QUEUED
    desk.clock.advance(seconds=61)
    done = await desk.own("zapier_run_action", action_type=named, params=inputs)
    assert (done.data["status"], done.data["run_id"]) == ("success", started.data["run_id"])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("user", ErrorKind.BAD_REQUEST),
        ("authentication", ErrorKind.NEEDS_RECONNECT),
        ("throttled", ErrorKind.TRY_LATER),
        ("partner", ErrorKind.OUTCOME_UNKNOWN),
    ],
)
async def test_an_error_in_a_200_is_an_error(runner: tuple[Desk, str, str], code: str, kind: ErrorKind) -> None:
    desk, named, _ = runner
    answer = await desk.own("zapier_run_action", action_type=named, params={**INPUTS, "sandbox_error": code})
    assert kind_of(answer) is kind
    assert failed(answer).retry_after == (30.0 if code == "throttled" else None)


async def test_an_action_whose_start_got_no_answer_is_unknown_and_not_repeated(runner: tuple[Desk, str, str]) -> None:
    desk, named, path = runner
    await desk.fault(f"POST {path}", cut="after")
    for _ in range(2):
        answer = await desk.own("zapier_run_action", action_type=named, params=INPUTS)
        assert kind_of(answer) is ErrorKind.OUTCOME_UNKNOWN


async def test_an_action_that_cannot_be_asked_about_has_been_started_all_the_same(
    runner: tuple[Desk, str, str],
) -> None:
    desk, named, path = runner
    await desk.fault(f"GET {path}/*", status=429, times=9)
    answer = await desk.own("zapier_run_action", action_type=named, params=INPUTS)
    assert answer.data["status"] == "waiting"


@pytest.mark.parametrize("named", ["nonsense", "a/b", "a//b"])
async def test_an_action_by_another_name_is_refused(desk: Desk, named: str) -> None:
    answer = await desk.own("zapier_run_action", action_type=named, params={})
    assert (kind_of(answer), failed(answer).field) == (ErrorKind.BAD_REQUEST, "action_type")


async def test_wrong_client_credentials_ask_for_others(desk: Desk) -> None:
    await with_client_credentials(desk, secret="wrong")
    answer = await desk.own("zapier_find_actions", app="slack")
    assert kind_of(answer) is ErrorKind.NEEDS_RECONNECT


# Zaps


async def test_a_zap_is_turned_off_and_on_and_the_list_shows_it(desk: Desk) -> None:
    await desk.own("zapier_list_zaps")
    off = await desk.own("zapier_set_zap_enabled", zap_id=ZAP_ON, enabled=False)
    assert off.data["speech"] == "Restaurant reservation is off now."
    listed = await desk.own("zapier_list_zaps")
    assert [zap["enabled"] for zap in listed.data["zaps"]] == [False, False]
    assert [zap["number"] for zap in listed.data["zaps"]] == [12345, 12346]
    on = await desk.own("zapier_set_zap_enabled", zap_id=ZAP_OFF, enabled=True)
    assert on.data["zap"]["enabled"] is True


async def test_a_zap_is_made_once(desk: Desk) -> None:
    first = await desk.own("zapier_create_zap", title="New", steps=STEPS)
    again = await desk.own("zapier_create_zap", title="New", steps=STEPS)
    assert first.data["zap"]["id"] == again.data["zap"]["id"]
    listed = await desk.own("zapier_list_zaps")
    assert [zap["title"] for zap in listed.data["zaps"]].count("New") == 1


async def test_lists_are_kept_for_as_long_as_the_manifest_says(desk: Desk) -> None:
    await desk.own("zapier_list_zaps")
    await desk.fault("GET /v2/zaps", status=500, times=9)
    assert not (await desk.own("zapier_list_zaps")).is_error
    desk.clock.advance(seconds=301)
    assert kind_of(await desk.own("zapier_list_zaps")) is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize(("fails", "status"), [(False, "ran"), (True, "failed")])
async def test_the_run_of_a_delivery_is_found_by_its_id(desk: Desk, *, fails: bool, status: str) -> None:
    answer = await desk.trigger({**PAYLOAD, "sandbox_fails": fails})
    named = answer.data["delivery_id"]
    assert (await desk.call("zapier_get_delivery", delivery_id=named)).data["run_id"] is None
    desk.clock.advance(seconds=41)
    seen = await desk.call("zapier_get_delivery", delivery_id=named)
    assert seen.data["status"] == status
    assert seen.data["run_id"] not in {None, named}
    runs = await desk.own("zapier_get_runs", zap_number=12345)
    assert [run["id"] for run in runs.data["runs"]] == [seen.data["run_id"]]


# Who may, and by which credential

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "zapier_get_runs": ("GET /v2/zap-runs", {}),
    "zapier_set_zap_enabled": ("POST /v2/zaps/*/enable", {"zap_id": ZAP_OFF, "enabled": True}),
    "zapier_create_zap": ("POST /v2/zaps", {"title": "New", "steps": STEPS}),
    "zapier_find_actions": ("GET /v2/apps", {"app": "slack"}),
    "zapier_run_action": ("POST /v2/action-runs", {"action_type": SLACK_BY_ID, "params": INPUTS}),
}


@pytest.mark.parametrize("tool", [*CALLS, "zapier_list_zaps"])
async def test_a_tool_that_the_credential_does_not_serve_says_what_it_needs_and_what_works(
    tmp_path: Path, tool: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.stop_server()
        desk.given["ZAPIER_API_KEY"] = ""
        await desk.start_server()
        answer = await desk.own(tool, **CALLS.get(tool, ("", {}))[1])
        assert kind_of(answer) is ErrorKind.NEEDS_RECONNECT
        assert "ZAPIER_API_KEY" in failed(answer).error
        assert HOOK in failed(answer).error


@pytest.mark.parametrize("tool", CALLS)
async def test_a_caller_may_use_none_of_the_owners_tools(desk: Desk, tool: str) -> None:
    answer = await desk.call(tool, role=Role.PUBLIC, **CALLS[tool][1])
    assert kind_of(answer) is ErrorKind.NOT_ALLOWED


async def test_a_token_without_the_scope_is_refused_by_zapier_and_said_so(desk: Desk) -> None:
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox",
        "scope": "zap", "audience": "zapier.com",
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=desk.sandbox.url, trust_env=False) as client:
        narrow = (await client.post("/oauth/token/", data=form)).json()["access_token"]
    await desk.stop_server()
    desk.given["ZAPIER_API_KEY"] = narrow
    await desk.start_server()
    assert not (await desk.own("zapier_list_zaps")).is_error
    assert kind_of(await desk.own("zapier_get_runs")) is ErrorKind.NEEDS_RECONNECT


async def test_what_a_model_sees_of_the_tools_is_at_most_six_kilobytes(desk: Desk) -> None:
    assert desk.server is not None
    async with McpClient(desk.server.url, token=SecretStr(TOKEN)) as client:
        tools = await client.list_tools()
    assert len(tools) == 8
    seen = [{"name": tool.name, "description": tool.description, "schema": tool.input_schema} for tool in tools]
    assert len(json.dumps(seen, separators=(",", ":"))) <= 6_000


class FewZaps:
    """A way to one Zap, made anew each time that it is asked for."""

    async def list_zaps(self) -> list[Zap]:
        return [Zap(id="1", number=None, title="One", enabled=True)]


async def test_the_zaps_of_a_workspace_are_forgotten_when_their_time_is_over() -> None:
    clock = Clock()
    listed = ListedZaps(ttl=300, now=clock.seconds)
    way: Any = FewZaps()
    first = weakref.ref((await listed.of("first", way))[0])
    assert first() is (await listed.of("first", way))[0]
    clock.advance(seconds=301)
    await listed.of("second", way)
    gc.collect()
    assert first() is None
