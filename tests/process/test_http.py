"""What is no HTTP ends its connection and nothing else: at most a line in the log, never a traceback."""

import asyncio
import io
import logging
from collections.abc import Generator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from process.logs import configure_logging
from tests.running import running

HEAD = b"POST /%s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
WRONG = b"a-secret-that-is-no-size\r\n{}\r\n0\r\n\r\n"


async def _without_reading(_: Request) -> PlainTextResponse:
    return PlainTextResponse("refused", 401)


async def _after_reading(request: Request) -> PlainTextResponse:
    request.app.state.began.set()
    return PlainTextResponse(str(len(await request.body())))


APP = Starlette(
    routes=[Route("/refuses", _without_reading, methods=["POST"]), Route("/reads", _after_reading, methods=["POST"])]
)


@pytest.fixture(autouse=True)
def began() -> asyncio.Event:
    """Set when a body begins to be read."""
    APP.state.began = asyncio.Event()
    return APP.state.began


@pytest.fixture
def lines() -> Generator[io.StringIO]:
    """What the process logs."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("path", "told"), [(b"refuses", b"401"), (b"reads", b"400")], ids=["answered already", "still reading"]
)
async def test_a_chunk_that_is_none_costs_a_line_and_its_connection(
    path: bytes, told: bytes, lines: io.StringIO
) -> None:
    async with running(APP) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(HEAD % path + b"2\r\n{}\r\n")
        answer = b""
        if path == b"refuses":
            # Only when it has answered the rest arrives.
            answer = await asyncio.wait_for(reader.readuntil(b"refused"), 30)
        writer.write(WRONG)
        answer += await asyncio.wait_for(reader.read(), 30)
        writer.close()
        # Whoever comes next is served.
        after, again = await asyncio.open_connection("127.0.0.1", served.port)
        again.write(HEAD % b"reads" + b"2\r\n{}\r\n0\r\n\r\n")
        assert b"200 OK" in await asyncio.wait_for(after.readuntil(b"\r\n"), 30)
        again.close()
    assert answer.split()[1] == told
    logged = lines.getvalue()
    assert len(logged.splitlines()) <= 1
    assert not [word for word in ("Traceback", "asyncio", "error_type", "a-secret") if word in logged]


async def test_who_hangs_up_while_a_body_is_read_leaves_no_line(began: asyncio.Event, lines: io.StringIO) -> None:
    """As one does that a delay took too long for."""
    async with running(APP) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(HEAD % b"reads" + b"2\r\n{}\r\n")
        await asyncio.wait_for(began.wait(), 30)
        writer.close()
        await writer.wait_closed()
    assert lines.getvalue() == ""
