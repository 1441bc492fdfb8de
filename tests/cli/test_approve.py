"""The operator sees what changed of a server's tools, and approves what was seen."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.approve import approve, waiting_tools
from cli.errors import Stop
from cli.services import BACKEND_PORT
from cli.state import SECRET_NAMES, SECRETS_FILE, State
from tests.backend.registry.conftest import Desk
from tests.backend.registry.conftest import desk as desk
from tests.backend.served import SERVICE_TOKEN
from tests.fakes.strange_mcp import tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def database() -> None:
    """The backend's own file: which database it is makes no difference here."""


@pytest.fixture
def copy(desk: Desk, tmp_path: Path) -> State:
    """The command line's view of the running backend."""
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / SECRETS_FILE).write_text(json.dumps(dict.fromkeys(SECRET_NAMES, SERVICE_TOKEN)))
    port = urlsplit(desk.backend.app.url).port
    assert port is not None
    return State(folder, port_offset=port - BACKEND_PORT)


async def test_what_changed_is_shown_and_approved(desk: Desk, copy: State, capsys: pytest.CaptureFixture[str]) -> None:
    server = await desk.added()
    await desk.approve(server["id"])
    agent = await desk.agent("tools__look", "tools__book")
    desk.stranger.tools = [tool("look", description=f"Another\x1b[2J one{' ' * 900}that pays"), tool("book")]
    await desk.later()
    assert await asyncio.to_thread(waiting_tools, copy) == {"tools": 1}
    await asyncio.to_thread(approve, copy, "tools", yes=True)
    shown = capsys.readouterr().out
    assert "look (changed)" in shown
    assert '+ "Another\\u001b[2J one' in shown
    assert "that pays" in shown, "nothing is approved unseen"
    assert "Approved: look" in shown
    assert await asyncio.to_thread(waiting_tools, copy) == {}
    assert {tool["name"] for tool in (await desk.offered(agent))["tools"]["tools"]} == {"look", "book"}


async def test_nothing_waits_and_no_such_server(desk: Desk, copy: State, capsys: pytest.CaptureFixture[str]) -> None:
    server = await desk.added()
    await desk.approve(server["id"])
    await asyncio.to_thread(approve, copy, "tools", yes=True)
    assert "Nothing of tools waits" in capsys.readouterr().out
    with pytest.raises(Stop, match=r"there is no server 'tool'; there are: .*tools"):
        await asyncio.to_thread(approve, copy, "tool", yes=True)


async def test_another_copys_secrets_are_refused_with_one_line(copy: State, tmp_path: Path) -> None:
    other = State(tmp_path / "other", port_offset=copy.port_offset)
    with pytest.raises(Stop, match="name its state folder with --state"):
        await asyncio.to_thread(approve, other, "tools", yes=True)
