"""How an MCP server fails, and what the client makes of it, over real sockets: typed, fit to be spoken, and kept to its call."""

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from contracts.results import ErrorKind
from tests.fakes.mcp_server import SECRET, Served, serving
from tests.running import start
from voxie_agents.mcp_errors import (
    DeadlineExceeded,
    McpClientError,
    ProtocolError,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    Unauthorized,
    WrongAddress,
)

SOON = 30.0
PROTOCOLS = ["2026-07-28", "legacy", "auto"]


@pytest.fixture
async def served() -> AsyncGenerator[Served]:
    async with serving() as one:
        yield one


FAILURES: list[tuple[str, type[McpClientError], str]] = [
    ("cut_before", ServerFailed, ""),
    ("cut_within", ServerFailed, ""),
    ("events_cut", ServerFailed, ""),
    ("events_garbage", ProtocolError, "code -32700"),
    ("hang", DeadlineExceeded, ""),
    ("drip", DeadlineExceeded, ""),
    ("huge", ProtocolError, "too_large"),
    ("http_400", WrongAddress, "HTTP 400"),
    ("http_401", Unauthorized, "HTTP 401"),
    ("http_403", Unauthorized, "HTTP 403"),
    ("http_404", WrongAddress, "HTTP 404"),
    ("http_404_json", WrongAddress, "HTTP 404"),
    ("http_405", WrongAddress, "HTTP 405"),
    ("http_421", WrongAddress, "HTTP 421"),
    ("http_500", ServerFailed, "HTTP 500"),
    ("http_500_json", ServerFailed, "HTTP 500"),
    ("http_502", ServerFailed, "HTTP 502"),
    ("http_503", ServerFailed, "HTTP 503"),
    ("busy", ServerBusy, "HTTP 429"),
    ("busy_for_ever", ServerBusy, "HTTP 429"),
    ("busy_oddly", ServerBusy, "HTTP 429"),
    ("nowhere", WrongAddress, "HTTP 307"),
    ("elsewhere", WrongAddress, "HTTP 307"),
    ("html", ProtocolError, "malformed"),
    ("garbage", ProtocolError, "malformed"),
    ("deep", ProtocolError, "malformed"),
    ("list", ProtocolError, "malformed"),
    ("no_result", ProtocolError, "malformed"),
    ("wrong_id", ProtocolError, "malformed"),
    ("no_id", ProtocolError, "malformed"),
    ("accepted", ProtocolError, "malformed"),
    ("odd_result", ProtocolError, "ValidationError"),
    ("refused", WrongAddress, "code -32602"),
    ("internal", ServerFailed, ""),
    ("own_code", ProtocolError, "code 4711"),
]
NOTHING_DONE = (ServerUnreachable, WrongAddress, Unauthorized, ServerBusy)


@pytest.mark.parametrize(("tool", "error", "detail"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_a_failure_is_typed_can_be_spoken_and_the_next_call_works(
    served: Served, tool: str, error: type[McpClientError], detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served.client() as client:
        with pytest.raises(McpClientError) as raised:
            await client.call(tool, {}, timeout=0.3 if error is DeadlineExceeded else SOON)
        assert type(raised.value) is error
        assert raised.value.detail == detail
        assert raised.value.server == "fake"
        assert (await client.call("echo", {"text": "hello"}, timeout=SOON)).data == {"said": "hello"}
    write = raised.value.to_failure(write=True)
    assert (write.kind is ErrorKind.OUTCOME_UNKNOWN) == (error not in NOTHING_DONE)
    assert raised.value.to_failure(write=False).kind is not ErrorKind.OUTCOME_UNKNOWN
    assert write.speech.endswith(".")
    assert SECRET not in f"{raised.value!r} {write} {caplog.text}"
    assert served.fake.count(tool) == 1, "a call that may be a write is sent once"


async def test_a_server_that_asks_for_patience_says_how_long(served: Served) -> None:
    async with served.client() as client:
        with pytest.raises(ServerBusy) as raised:
            await client.call("busy", {})
    assert raised.value.to_failure(write=True).retry_after == 7


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_server_that_is_not_there_is_unreachable_and_found_when_it_comes(served: Served, protocol: Any) -> None:
    port = served.app.port
    await served.app.stop()
    async with served.client(protocol=protocol) as client:
        for _ in range(2):
            with pytest.raises(ServerUnreachable):
                await client.call("echo", {"text": "hello"})
        served.app = await start(served.fake.app(), port=port)
        assert (await client.call("echo", {"text": "hello"})).data == {"said": "hello"}


async def test_a_tool_that_fails_without_a_kind_is_still_a_failure_with_one(served: Served) -> None:
    async with served.client() as client:
        answer = await client.call_tool("fail")
    assert answer.is_error
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.UNAVAILABLE
