"""Zapier's own SDK runs unchanged against the sandbox, told by its base URLs alone."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.app import create_app
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.node.packages import NodePackages
from tests.running import running
from tests.world import recording

pytestmark = [pytest.mark.needs_node, pytest.mark.needs_zapier, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).parent / "sdk.mjs"
MESSAGE = {"app": "slack", "actionType": "write", "action": "channel_message"}
INPUTS = {"channel": "#kitchen", "text": "A table for four"}

Call = list[Any]
Sdk = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def requests() -> list[str]:
    """What reached the sandbox."""
    return []


@pytest.fixture
async def sdk(node_packages: NodePackages, tmp_path: Path, requests: list[str]) -> AsyncGenerator[Sdk]:
    """Calls methods in one process that knows nothing but where the sandbox is and its client."""
    app = create_app(SandboxSettings(_env_file=None, state=tmp_path, zone="UTC"), now=Clock().now)
    async with running(recording(app, requests)) as served:

        async def run(*calls: Call, secret: str = "sandbox") -> list[dict[str, Any]]:
            process = await asyncio.create_subprocess_exec(
                node_packages.node,
                SCRIPT,
                node_packages.zapier_sdk,
                json.dumps(calls),
                env={
                    **node_packages.environment,
                    "ZAPIER_BASE_URL": served.url,
                    "ZAPIER_CREDENTIALS_BASE_URL": served.url,
                    "ZAPIER_CREDENTIALS_CLIENT_ID": "sandbox",
                    "ZAPIER_CREDENTIALS_CLIENT_SECRET": secret,
                },
                stdout=asyncio.subprocess.PIPE,
            )
            return json.loads((await process.communicate())[0])

        yield run


async def test_it_lists_apps_finds_an_action_and_a_connection_and_runs_it(sdk: Sdk, requests: list[str]) -> None:
    apps, found, actions, fields, schema, connection, expired, profile, ran, failed = await sdk(
        ["listApps", {"pageSize": 1}, "items"],
        ["listApps", {"search": "sheet"}],
        ["listActions", {"app": "slack"}],
        ["listActionInputFields", MESSAGE],
        ["getActionInputFieldsSchema", MESSAGE],
        ["findUniqueConnection", {"app": "slack"}],
        ["listConnections", {"expired": True}],
        ["getProfile", {}],
        ["runAction", {**MESSAGE, "connection": 501, "inputs": INPUTS}],
        ["runAction", {**MESSAGE, "connection": 501, "inputs": {**INPUTS, "sandbox_error": "user"}}],
    )
    assert [app["key"] for app in apps["data"]] == ["SlackCLIAPI", "GoogleSheetsV2CLIAPI"]
    assert [app["title"] for app in found["data"]] == ["Google Sheets"]
    assert [action["key"] for action in actions["data"]] == ["channel_message", "user"]
    assert [(field["key"], field["is_required"]) for field in fields["data"]] == [("channel", True), ("text", True)]
    assert schema["data"]["required"] == ["channel", "text"]
    assert (connection["data"]["title"], connection["data"]["is_expired"]) == ("Demo workspace", "false")
    assert [item["title"] for item in expired["data"]] == ["Demo sheets"]
    assert profile["data"]["full_name"] == "Demo Owner"
    assert ran["data"][0] | INPUTS == ran["data"][0]
    # The wire says 200; the SDK must still see that it failed.
    assert failed["error"] == "ZapierActionError"
    assert requests.count("POST /oauth/token/") == 1
    assert requests.count("POST /api/v0/sdk/zapier/api/actions/v1/runs") == 2


async def test_what_is_not_there_is_not_found(sdk: Sdk) -> None:
    app, action, connection = await sdk(
        ["getApp", {"app": "no-such-app"}],
        ["runAction", {**MESSAGE, "action": "no_such_action"}],
        ["getConnection", {"connection": 999}],
    )
    assert app["error"] == "ZapierAppNotFoundError"
    assert action["error"] == connection["error"] == "ZapierResourceNotFoundError"


async def test_a_wrong_secret_gets_no_token(sdk: Sdk, requests: list[str]) -> None:
    (refused,) = await sdk(["listConnections", {}], secret="wrong")
    assert "exchange failed: 401" in refused["message"]
    assert not any("connections" in request for request in requests)
