"""One connection of the MCP SDK's client, held by a task of its own, and left only when nobody uses it any more."""

import asyncio
import logging
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Literal, cast

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from voxie_agents.mcp_transport import AnsweringTransport

CONNECTION_CLOSED = -32000
LEAVE_SECONDS = 5.0

Protocol = Literal["auto", "legacy", "2026-07-28"]

# They log what they cannot parse, with the answer in the text: that may hold what a caller said.
for _name in ("mcp.client", "mcp.shared"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Connection:
    """The SDK's client, entered and left by one task, as it demands.

    Args:
        url: the server's address.
        protocol: the revision to speak.
        transport: how requests are sent.
    """

    def __init__(self, url: str, protocol: Protocol, transport: AnsweringTransport) -> None:
        self._http = httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(None))
        # Without the SDK's cache, which copies every listing: what is kept, `McpClient` keeps.
        self.client = Client(streamable_http_client(url, http_client=self._http), mode=protocol, cache=None)
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._leave = asyncio.Event()
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._own())

    @property
    def alive(self) -> bool:
        """Whether calls can be made on it."""
        return not self._task.done()

    async def open(self) -> None:
        """Wait until it is entered.

        Raises:
            MCPError: the server refused or did not answer the handshake.
        """
        await asyncio.shield(self._entered)

    def give_up(self) -> None:
        """Wait no longer until it is entered: whoever does gets an error."""
        if not self._entered.done():
            self._entered.set_exception(MCPError(code=CONNECTION_CLOSED, message="given up"))
            # Nobody may be waiting any more.
            self._entered.exception()

    @contextmanager
    def used(self) -> Generator[Client]:
        """The client, for one call; meanwhile ``retire`` waits."""
        self._users += 1
        self._idle.clear()
        try:
            yield self.client
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle.set()

    async def retire(self) -> None:
        """Leave it when the calls that are under way have ended."""
        await self._idle.wait()
        await self.aclose()

    async def aclose(self) -> None:
        """Leave it now; calls under way fail."""
        self._leave.set()
        await asyncio.wait([self._task], timeout=LEAVE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._http.aclose()

    async def abort(self) -> None:
        """Leave it without a farewell: it was never entered."""
        self._task.cancel()
        await self.aclose()

    async def _own(self) -> None:
        try:
            async with self.client:
                if not self._entered.done():
                    self._entered.set_result(None)
                await self._leave.wait()
        except Exception as error:  # noqa: BLE001 - whatever ends the SDK's client concerns only those who wait for it
            if not self._entered.done():
                self._entered.set_exception(_first_mcp_error(error))
                # Nobody may be waiting any more.
                self._entered.exception()


def _first_mcp_error(error: BaseException) -> MCPError:
    """The SDK wraps a failed handshake in exception groups."""
    if isinstance(error, MCPError):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            return _first_mcp_error(inner)
    return MCPError(code=CONNECTION_CLOSED, message=type(error).__name__)


class Background:
    """Work that nobody waits for until the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait for all of it."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
