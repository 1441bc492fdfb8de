"""Every tool against every kind of trouble, through a real MCP client: what happens next is said, in the error's kind."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from contracts.meta import Role
from contracts.results import ErrorKind, ToolAnswer
from tests.mcp_servers.zapier.desk import PAYLOAD, Desk, failed, open_desk
from tests.mcp_servers.zapier.test_zapier_ways import INPUTS, SLACK_BY_ID, STEPS, ZAP_OFF
from tests.world import HOOK

pytestmark = [pytest.mark.needs_zapier, pytest.mark.asyncio(loop_scope="module")]

HOOKS = "POST /hooks/catch/*"
TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "zapier_trigger_zap": (HOOKS, {"zap_id": HOOK, "payload": PAYLOAD}),
    "zapier_get_delivery": ("GET /v2/zap-runs", {}),
    "zapier_list_zaps": ("GET /v2/zaps", {}),
    "zapier_get_runs": ("GET /v2/zap-runs", {}),
    "zapier_set_zap_enabled": ("POST /v2/zaps/*/enable", {"zap_id": ZAP_OFF, "enabled": True}),
    "zapier_create_zap": ("POST /v2/zaps", {"title": "New", "steps": STEPS}),
    "zapier_find_actions": ("GET /v2/apps", {"app": "slack"}),
    "zapier_run_action": ("POST /v2/action-runs", {"action_type": SLACK_BY_ID, "params": INPUTS}),
}
TROUBLES: dict[str, dict[str, Any]] = {
    "success": {},
    "wrong credential": {"status": 401},
    "rate limit": {"status": 429, "headers": {"retry-after": "60"}},
    "timeout": {"delay": 2},
    "malformed": {"status": 200, "body": "text"},
    "broken": {"status": 500},
    "cut": {"cut": "after"},
}
OK, READ, WRITE = "ok", ErrorKind.UNAVAILABLE, ErrorKind.OUTCOME_UNKNOWN
SIGN_IN, LATER = ErrorKind.NEEDS_RECONNECT, ErrorKind.TRY_LATER
EXPECTED: dict[str, tuple[object, ...]] = {
    # success, wrong credential, rate limit, timeout, malformed, broken, cut
    "zapier_trigger_zap": ("accepted", ErrorKind.BAD_REQUEST, "queued", "sending", "accepted", "queued", WRITE),
    # What became of a delivery is known here; that its run cannot be looked up changes nothing about it.
    "zapier_get_delivery": ("accepted",) * 7,
    "zapier_list_zaps": (OK, SIGN_IN, LATER, READ, READ, READ, READ),
    "zapier_get_runs": (OK, SIGN_IN, LATER, READ, READ, READ, READ),
    "zapier_set_zap_enabled": (OK, SIGN_IN, LATER, READ, READ, READ, READ),
    "zapier_create_zap": (OK, SIGN_IN, LATER, WRITE, WRITE, WRITE, WRITE),
    "zapier_find_actions": (OK, SIGN_IN, LATER, READ, READ, READ, READ),
    "zapier_run_action": (OK, SIGN_IN, LATER, WRITE, WRITE, WRITE, WRITE),
}
CELLS = [
    pytest.param(tool, trouble, expected, id=f"{tool}-{trouble}")
    for tool, row in EXPECTED.items()
    for trouble, expected in zip(TROUBLES, row, strict=True)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Desk]:
    async with open_desk(tmp_path_factory.mktemp("matrix")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Desk]:
    """Where nobody waits for long: a timeout is over soon."""
    async with open_desk(tmp_path_factory.mktemp("hasty"), MCP_READ_SECONDS="1", MCP_WRITE_SECONDS="1") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def desk(lasting: Desk, hasty: Desk, request: pytest.FixtureRequest) -> AsyncGenerator[Desk]:
    """The module's desk: each test begins at another time, so that nothing is a repetition and every pause is over."""
    wanted = hasty if "timeout" in request.node.name else lasting
    wanted.clock.advance(hours=1)
    yield wanted
    await wanted.clear_faults()


async def test_the_table_has_every_tool_and_every_trouble() -> None:
    assert set(EXPECTED) == set(TOOLS)
    assert len(CELLS) == 8 * 7


@pytest.mark.parametrize(("tool", "trouble", "expected"), CELLS)
async def test_every_tool_in_every_trouble(desk: Desk, tool: str, trouble: str, expected: object) -> None:
    route, arguments = TOOLS[tool]
    if tool == "zapier_get_delivery":
        arguments = {"delivery_id": (await desk.trigger()).data["delivery_id"]}
    if TROUBLES[trouble]:
        await desk.fault(route, times=9, **TROUBLES[trouble])
    # Not the write that another trouble left open.
    answer = await desk.call(tool, role=Role.OWNER, operation=f"{tool}: {trouble}", **arguments)
    if tool == "zapier_trigger_zap" and expected == "accepted":
        # On a slow machine it may still be on its way when the caller has waited long enough.
        answer = await desk.until(answer, "accepted")
    assert outcome(answer) == expected, answer.data
    assert_nothing_secret(answer)
    if expected is LATER:
        assert failed(answer).retry_after == 60.0


async def test_a_server_lists_exactly_the_tools_of_the_table(desk: Desk) -> None:
    assert {tool.name for tool in await desk.listed()} == set(TOOLS)


def outcome(answer: ToolAnswer) -> object:
    if answer.is_error:
        return failed(answer).kind
    return answer.data.get("status", OK) if "delivery_id" in answer.data else OK


def assert_nothing_secret(answer: ToolAnswer) -> None:
    text = json.dumps(answer.data)
    assert "/hooks/catch/" not in text
    assert "http" not in text.replace("http_status", "")
