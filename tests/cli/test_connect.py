"""``voxie connect google``: the person, the consent page, the loopback redirect and the token file."""

import asyncio
import json
import re
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from mcp_servers.google_calendar.server import create as create_calendar
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from tests.cli.copies import VOXIE, environment, told
from tests.clock import Clock
from tests.running import RunningApp, running
from tests.sandbox.conftest import open_sandbox
from tests.world import TOKEN
from voxie_agents.mcp_client import McpClient

EVENTS = "https://www.googleapis.com/auth/calendar.events"
FREE_BUSY = "https://www.googleapis.com/auth/calendar.freebusy"
WAIT_SECONDS = 40.0

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncGenerator[RunningApp]:
    async with open_sandbox(tmp_path, Clock()) as served:
        yield served


def client_file(tmp_path: Path, sandbox: RunningApp) -> Path:
    """What Google's console gives for a client of the kind Desktop app."""
    path = tmp_path / "client.json"
    endpoints = {"auth_uri": f"{sandbox.url}/o/oauth2/v2/auth", "token_uri": f"{sandbox.url}/token"}
    path.write_text(json.dumps({"installed": {"client_id": "voxie-desktop", "client_secret": "a-secret", **endpoints}}))
    return path


@asynccontextmanager
async def connecting(client: Path, token: Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """The command, as far as the address that it asks to open."""
    # The sandbox is plain http on loopback, which Google never is.
    around = environment(OAUTHLIB_INSECURE_TRANSPORT="1", BROWSER="", PYTHONUNBUFFERED="1")
    process = await asyncio.create_subprocess_exec(
        VOXIE, "connect", "google", "--client", str(client), "--token", str(token), "--state", str(token.parent),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=around,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := re.search(r"http://\S+", (await process.stdout.readline()).decode())):
                pass
        yield process, found.group()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answer(address: str, **form: Any) -> None:
    """The person decides on the consent page, and their browser goes back to the command."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(address)
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
        boxes = re.findall(r'type="checkbox" name="scope" value="([^"]+)"', page.text)
        decided = {"ticket": ticket, "account": "demo@sandbox.example", "scope": boxes, "decision": "allow", **form}
        sent = await browser.post(address.split("?", maxsplit=1)[0], data=decided)
        assert sent.status_code == 302, sent.text
        await browser.get(sent.headers["location"])


async def test_the_token_is_kept_for_its_owner_alone_and_the_server_works_with_it(
    tmp_path: Path, sandbox: RunningApp
) -> None:
    token = tmp_path / "kept" / "token.json"
    async with connecting(client_file(tmp_path, sandbox), token) as (process, address):
        assert "code_challenge_method=S256" in address
        assert "access_type=offline" in address
        await answer(address)
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints
    assert f"GOOGLE_CALENDAR_TOKEN_PATH={token}" in said.decode()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    settings = GoogleCalendarSettings(
        _env_file=None,
        VOXIE_MODE="demo",
        VOXIE_STATE=str(tmp_path),
        MCP_SERVER_TOKEN=TOKEN,
        GOOGLE_CALENDAR_TOKEN_PATH=str(token),
        GOOGLE_CALENDAR_API_URL=f"{sandbox.url}/calendar/v3/",
    )
    async with running(create_calendar(settings)) as served, McpClient(served.url, token=SecretStr(TOKEN)) as client:
        assert not (
            await client.call_tool("calendar_check_availability", start="2027-03-01T10:00", end="2027-03-01T11:00")
        ).is_error


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"scope": [EVENTS]}, FREE_BUSY),
        ({"decision": "deny"}, "the access was not given (access_denied)"),
    ],
)
async def test_what_was_not_allowed_is_named_and_nothing_is_kept(
    tmp_path: Path, sandbox: RunningApp, decision: dict[str, Any], said: str
) -> None:
    token = tmp_path / "token.json"
    async with connecting(client_file(tmp_path, sandbox), token) as (process, address):
        await answer(address, **decision)
        _, complaints = await process.communicate()
    assert process.returncode == 1
    assert said in complaints.decode()
    assert "Traceback" not in complaints.decode()
    assert not token.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("goggle",), "there are: google-calendar"),
        # Connected in the dashboard: its server, alone, takes no token file.
        (("zapier",), "there are: google-calendar"),
        (("google",), "--client, or set GOOGLE_CALENDAR_CREDENTIALS_PATH"),
        (("google", "--client", "/nowhere.json"), "cannot read /nowhere.json"),
        (("google", "--client", "/dev/null"), "not an OAuth client of the kind Desktop app"),
    ],
)
def test_a_silly_argument_is_answered_with_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = told("connect", *arguments, "--state", str(tmp_path), cwd=tmp_path)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
