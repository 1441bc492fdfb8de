"""The MCP client against a server that misbehaves, over real sockets."""

import asyncio
import gc
import json
import socket
from collections.abc import AsyncGenerator, Callable
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from contracts.results import ErrorKind
from tests.fakes.mcp_server import SECRET, Served, serving
from tests.world import TOKEN, World
from voxie_agents.mcp_client import McpClient, mcp_url
from voxie_agents.mcp_errors import (
    DeadlineExceeded,
    McpClientError,
    ProtocolError,
    ServerFailed,
    ServerUnreachable,
    Unauthorized,
    WrongAddress,
)
from voxie_agents.mcp_transport import open_pool

SOON = 30.0
PROTOCOLS = ["2026-07-28", "legacy", "auto"]
TOOLS = 12


@pytest.fixture
async def served() -> AsyncGenerator[Served]:
    async with serving() as one:
        yield one


# What it does when all is well


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("json_replies", [True, False])
@pytest.mark.parametrize("stateless", [True, False])
async def test_every_page_of_tools_and_resources_is_read_and_tools_are_called(
    protocol: Any, json_replies: bool, stateless: bool
) -> None:
    async with (
        serving(json_replies=json_replies, stateless=stateless) as served,
        served.client(protocol=protocol) as client,
    ):
        assert len(await client.list_tools()) == TOOLS
        assert [resource.name for resource in await client.get_resources()] == [f"resource {n}" for n in range(3)]
        assert [prompt.name for prompt in await client.get_prompts()] == ["a prompt"]
        answer = await client.call_tool("echo", text="hello")
        assert answer.data == {"said": "hello"}
        assert not answer.is_error


async def test_the_list_is_asked_for_once_and_again_on_request(served: Served) -> None:
    async with served.client() as client:
        first = await client.list_tools()
        asked = served.fake.count("tools/list")
        assert await client.list_tools() is first
        assert served.fake.count("tools/list") == asked
        await client.list_tools(refresh=True)
        assert served.fake.count("tools/list") == 2 * asked


async def test_a_call_costs_one_request(served: Served) -> None:
    async with served.client() as client:
        await client.call_tool("echo", text="hello")
        await client.call_tool("echo", text="again")
    assert served.fake.seen == ["echo", "echo"]


async def test_what_goes_beside_the_arguments_reaches_the_server_in_meta(world: World) -> None:
    assert world.calendar is not None
    async with world.client(world.calendar) as client:
        answer = await client.call("calendar_list_events", {}, meta={"voxie/nonsense": 1})
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.BAD_REQUEST


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://127.0.0.1:3002", "http://127.0.0.1:3002/mcp"),
        ("http://127.0.0.1:3002/", "http://127.0.0.1:3002/mcp"),
        ("http://127.0.0.1:3002/mcp", "http://127.0.0.1:3002/mcp"),
        (" http://calendar:3002/mcp ", "http://calendar:3002/mcp"),
        ("https://mcp.example.com/api/v1/connect?token=x", "https://mcp.example.com/api/v1/connect?token=x"),
        ("http://[::1]:3002", "http://[::1]:3002/mcp"),
    ],
)
def test_an_address_is_taken_with_and_without_its_path(given: str, used: str) -> None:
    assert mcp_url(given) == used


@pytest.mark.parametrize("url", ["127.0.0.1:3002", "ftp://127.0.0.1/mcp", "http://", "", "calendar"])
async def test_an_address_that_is_none_is_named_when_it_is_used(url: str) -> None:
    async with McpClient(url, name="calendar") as client:
        with pytest.raises(WrongAddress) as raised:
            await client.list_tools()
    assert "its URL must look like http://host:port/mcp" in str(raised.value)


@pytest.mark.parametrize("path", ["", "/", "/mcp", "/mcp/"])
async def test_the_calendar_answers_at_each_form_of_its_address(world: World, path: str) -> None:
    assert world.calendar is not None
    async with McpClient(world.calendar.url + path, token=SecretStr(TOKEN)) as client:
        assert await client.list_tools()


# Restarts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("stateless", [True, False])
async def test_a_restart_of_the_server_is_survived(protocol: Any, stateless: bool) -> None:
    async with serving(stateless=stateless) as served, served.client(protocol=protocol) as client:
        assert await client.list_tools()
        for _ in range(2):
            await served.restart()
            assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}
    assert served.fake.count("echo") <= 4, "only a call that a forgotten session refused is sent again"


@pytest.mark.parametrize("protocol", ["2026-07-28", "legacy"])
async def test_a_server_that_dies_during_a_call_fails_that_call_and_the_next_works(protocol: Any) -> None:
    async with serving(stateless=False) as served, served.client(protocol=protocol) as client:
        call = asyncio.create_task(client.call("wait", {}))
        await asyncio.wait_for(served.fake.waiting.wait(), SOON)
        await served.restart()
        with pytest.raises((ServerFailed, ProtocolError)):
            await asyncio.wait_for(call, SOON)
        served.fake.release.set()
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}


# Calls do not disturb each other


@pytest.mark.parametrize("protocol", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("json_replies", [True, False])
async def test_of_a_hundred_calls_at_once_only_those_fail_that_fail(protocol: Any, json_replies: bool) -> None:
    faults = ["cut_before", "cut_within", "events_cut", "http_500", "html", "wrong_id", "hang", "http_404"]
    async with serving(json_replies=json_replies) as served, served.client(protocol=protocol) as client:
        await client.list_tools()

        async def one(number: int) -> str:
            if number % 3:
                answer = await client.call("echo", {"text": str(number)}, timeout=20.0)
                return answer.data["said"]
            with pytest.raises(McpClientError):
                await client.call(faults[number % len(faults)], {}, timeout=0.5)
            return str(number)

        said = await asyncio.gather(*(one(number) for number in range(100)))
    assert said == [str(number) for number in range(100)]


@pytest.mark.parametrize("fault", ["events_cut", "cut_before", "http_404", "huge"])
@pytest.mark.parametrize("protocol", ["2026-07-28", "legacy"])
async def test_a_call_under_way_outlives_the_failure_of_another(protocol: Any, fault: str) -> None:
    async with serving(stateless=False) as served, served.client(protocol=protocol) as client:
        slow = asyncio.create_task(client.call("wait", {}))
        await asyncio.wait_for(served.fake.waiting.wait(), SOON)
        with pytest.raises(McpClientError):
            await client.call(fault, {})
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}
        served.fake.release.set()
        assert (await asyncio.wait_for(slow, SOON)).data == {"said": "at last"}


@pytest.mark.parametrize(
    ("protocol", "json_replies", "ended"), [("2026-07-28", True, 0), ("2026-07-28", False, 1), ("legacy", False, 1)]
)
async def test_a_cancelled_call_leaves_the_rest(protocol: Any, json_replies: bool, ended: int) -> None:
    """Where the server can learn of it, the call ends there too; with JSON replies it goes on to its end."""
    async with (
        serving(stateless=False, json_replies=json_replies) as served,
        served.client(protocol=protocol) as client,
    ):
        calls = [asyncio.create_task(client.call("wait", {})) for _ in range(3)]
        await _until(lambda: served.fake.running == 3)
        calls[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[1]
        await _until(lambda: served.fake.cancelled == ended)
        served.fake.release.set()
        others = await asyncio.gather(calls[0], calls[2])
        assert [answer.data for answer in others] == [{"said": "at last"}] * 2
        assert served.fake.cancelled == ended


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not true():  # noqa: ASYNC110 - what is waited for happens at the other end of a socket
            await asyncio.sleep(0.005)


async def test_giving_up_while_connecting_harms_nobody(served: Served) -> None:
    """The handshake of the older revision hangs; the caller who waits for it goes away."""
    served.fake.tokens = None
    async with served.client(protocol="legacy") as client:
        first = asyncio.create_task(client.call("echo", {"text": "hello"}))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}


async def test_a_deadline_holds_while_the_server_does_not_accept() -> None:
    """A listener whose queue is never served: the connection stands, and nothing comes."""
    before = len(asyncio.all_tasks())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with McpClient(url, protocol="legacy") as client:
            with pytest.raises((ServerUnreachable, DeadlineExceeded)):
                await client.call("echo", {}, timeout=0.3)
        async with McpClient(url) as client:
            with pytest.raises(DeadlineExceeded):
                await client.call("echo", {}, timeout=0.3)
    assert len(asyncio.all_tasks()) == before


# Closing


@pytest.mark.parametrize("protocol", ["2026-07-28", "legacy"])
async def test_closing_ends_open_calls_and_refuses_later_ones(served: Served, protocol: Any) -> None:
    client = served.client(protocol=protocol)
    calls = [asyncio.create_task(client.call("wait", {}, read_only=True)) for _ in range(5)]
    await _until(lambda: served.fake.running == 5)
    await client.aclose()
    ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), SOON)
    assert all(isinstance(one, McpClientError) for one in ended)
    with pytest.raises(ServerUnreachable, match="closed"):
        await client.call("echo", {"text": "hello"})
    await client.aclose()


@pytest.mark.parametrize("protocol", ["legacy", "auto"])
async def test_closing_does_not_wait_for_a_server_that_hangs_while_it_is_connected_to(protocol: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SOON)
        client = McpClient(f"http://127.0.0.1:{listener.getsockname()[1]}", protocol=protocol)
        calls = [asyncio.create_task(client.list_tools(timeout=10 * SOON)) for _ in range(2)]
        connected, _ = await asyncio.to_thread(listener.accept)
        async with asyncio.timeout(SOON):
            await client.aclose()
            ended = await asyncio.gather(*calls, return_exceptions=True)
        connected.close()
    assert [type(one) for one in ended] == [ServerUnreachable] * 2


async def test_a_closed_pool_is_a_failure_of_the_call(served: Served) -> None:
    pool = open_pool()
    async with served.client(pool=pool) as client:
        await client.list_tools()
        await pool.close()
        with pytest.raises(ServerUnreachable):
            await client.call("echo", {"text": "hello"})


async def test_nothing_is_left_behind(served: Served) -> None:
    await _use_and_close(served)
    before = _left()
    for _ in range(2):
        await _use_and_close(served)
    gc.collect()
    await _until(lambda: all(now <= then for now, then in zip(_left(), before, strict=True)))


async def _use_and_close(served: Served) -> None:
    for protocol in PROTOCOLS:
        async with served.client(protocol=protocol) as client:
            await client.list_tools()
            for fault in ("hang", "drip", "cut_within", "events_cut", "huge"):
                with pytest.raises(McpClientError):
                    await client.call(fault, {}, timeout=0.05)
            call = asyncio.create_task(client.call("hang", {}))
            await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


def _left() -> tuple[int, int]:
    return len(asyncio.all_tasks()), len(psutil.Process().net_connections("tcp"))


# Credentials


async def test_the_bearer_is_sent_and_a_wrong_one_is_told(served: Served) -> None:
    served.fake.tokens = {"right"}
    async with served.client(token=SecretStr("right")) as client:
        assert await client.list_tools()
    async with served.client(token=SecretStr("wrong")) as client:
        with pytest.raises(Unauthorized) as raised:
            await client.list_tools()
    assert "wrong" not in f"{raised.value!r} {client!r}"


async def test_a_refused_bearer_is_renewed_once_and_the_call_sent_again(served: Served) -> None:
    served.fake.tokens = {"new"}
    refused: list[str | None] = []

    async def source(old: str | None) -> str:
        refused.append(old)
        return "new" if old == "old" else "old"

    async with served.client(token=source) as client:
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}
    assert refused == [None, "old"]


async def test_a_source_of_bearers_that_fails_costs_only_its_call(served: Served) -> None:
    broken = True

    async def source(_: str | None) -> str:
        if broken:
            raise OSError(SECRET)
        return "fine"

    async with served.client(token=source) as client:
        with pytest.raises(Unauthorized) as raised:
            await client.call("echo", {"text": "hello"})
        broken = False
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}
    assert SECRET not in repr(raised.value)


async def test_headers_of_ones_own_are_sent_and_cookies_are_not_kept(served: Served) -> None:
    async with served.client(headers={"X-Api-Key": SecretStr("k")}) as client:
        await client.list_tools()
    assert served.fake.headers[0]["x-api-key"] == "k"
    assert "cookie" not in json.dumps(served.fake.headers)
