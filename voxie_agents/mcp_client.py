"""One async client for MCP servers. It knows MCP, not LiveKit.

A client is opened lazily, survives its server's restarts, and keeps each call's failure to that call. It reconnects; it never
repeats a write.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import aiohttp
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Prompt, Resource, TextContent, Tool
from pydantic import SecretStr, ValidationError

from contracts.results import ToolAnswer, ToolFailure
from voxie_agents.mcp_errors import (
    DeadlineExceeded,
    McpClientError,
    ProtocolError,
    ServerFailed,
    ServerUnreachable,
    Unauthorized,
)
from voxie_agents.mcp_transport import FAILURE_CODE, AnsweringTransport, TokenSource, open_pool

# The SDK imports it inside the first call, where it would stall the event loop for 70 ms.
importlib.import_module("jsonschema")

MODERN = "2026-07-28"
CALL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MOST_PAGES = 100
TIMED_OUT, SESSION_GONE, CONNECTION_CLOSED = -32001, -32600, -32000

Protocol = Literal["auto", "legacy", "2026-07-28"]
T = TypeVar("T")


class McpClient:
    """A client of one server.

    Args:
        url: the server's address, with or without ``/mcp``.
        token: a bearer, or what gives one (asked again when the server refuses it).
        name: the server's name, for errors and logs.
        pool: connections to share; one of its own when None.
        protocol: the revision to speak; ``auto`` asks the server first, which costs a round trip.
    """

    def __init__(
        self,
        url: str,
        *,
        token: SecretStr | TokenSource | None = None,
        name: str = "server",
        pool: aiohttp.ClientSession | None = None,
        protocol: Protocol = MODERN,
    ) -> None:
        self.url = mcp_url(url)
        self.name = name
        self._token = _token_source(token)
        self._protocol: Protocol = protocol
        self._pool = pool
        self._owns_pool = pool is None
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._tools: tuple[Tool, ...] | None = None

    async def __aenter__(self) -> Self:
        """Opens nothing yet: a dead server delays only its own calls."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; may be called from any task."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
        if self._owns_pool and self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def list_tools(self, *, refresh: bool = False, timeout: float = CALL_SECONDS) -> tuple[Tool, ...]:
        """Every tool of the server, all pages.

        Args:
            refresh: ask the server even when the list is still fresh by its own hint.
            timeout: seconds.

        Raises:
            McpClientError: the server cannot be asked.
        """

        async def ask(client: Client) -> tuple[Tool, ...]:
            mode = "refresh" if refresh else "use"
            return await _all_pages(
                lambda cursor: client.list_tools(cursor=cursor, cache_mode=mode), lambda page: page.tools
            )

        self._tools = await self._run(ask, timeout=timeout, repeatable=True)
        return self._tools

    async def call_tool(self, name: str, /, **arguments: Any) -> ToolAnswer:
        """Call a tool with its arguments; see ``call``."""
        return await self.call(name, arguments)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        meta: Mapping[str, Any] | None = None,
        timeout: float = CALL_SECONDS,
        read_only: bool = False,
    ) -> ToolAnswer:
        """Call a tool.

        Args:
            name: the tool's name on its server.
            arguments: JSON values.
            meta: what goes beside them, in ``_meta``.
            timeout: seconds to wait for the answer.
            read_only: the call changes nothing, so it may be repeated once after a reconnect.

        Returns:
            The data, or the failure that the tool itself named (``is_error``).

        Raises:
            ServerUnreachable: nothing was sent.
            DeadlineExceeded: no answer in time; what a write did is not known.
            ServerFailed: the line was cut or the server broke; what a write did is not known.
            Unauthorized: the server refuses our credential.
            ProtocolError: the answer makes no sense.
        """

        async def ask(client: Client) -> ToolAnswer:
            result = await client.call_tool(
                name, dict(arguments), read_timeout_seconds=timeout, meta=cast("Any", dict(meta)) if meta else None
            )
            return read_answer(result)

        return await self._run(ask, timeout=timeout + CONNECT_SECONDS, repeatable=read_only)

    async def get_resources(self, *, timeout: float = CALL_SECONDS) -> tuple[Resource, ...]:
        """Every resource of the server, all pages.

        Raises:
            McpClientError: the server cannot be asked.
        """

        async def ask(client: Client) -> tuple[Resource, ...]:
            return await _all_pages(lambda cursor: client.list_resources(cursor=cursor), lambda page: page.resources)

        return await self._run(ask, timeout=timeout, repeatable=True)

    async def get_prompts(self, *, timeout: float = CALL_SECONDS) -> tuple[Prompt, ...]:
        """Every prompt of the server, all pages.

        Raises:
            McpClientError: the server cannot be asked.
        """

        async def ask(client: Client) -> tuple[Prompt, ...]:
            return await _all_pages(lambda cursor: client.list_prompts(cursor=cursor), lambda page: page.prompts)

        return await self._run(ask, timeout=timeout, repeatable=True)

    async def _run(self, ask: Callable[[Client], Awaitable[T]], *, timeout: float, repeatable: bool) -> T:
        connection = await self._connected()
        try:
            return await self._within(timeout, ask(connection.client))
        except MCPError as error:
            failure = self._failure(error)
            if connection.alive and not _session_is_over(error):
                raise failure from None
            await self._drop(connection)
            # A legacy server that forgot our session did not handle the call at all.
            if not (repeatable or error.code == SESSION_GONE):
                raise failure from None
        try:
            return await self._within(timeout, ask((await self._connected()).client))
        except MCPError as error:
            raise self._failure(error) from None

    async def _within(self, seconds: float, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            raise DeadlineExceeded(self.name) from None
        except (ValidationError, RuntimeError) as error:
            raise ProtocolError(self.name, type(error).__name__) from None

    async def _connected(self) -> "_Connection":
        async with self._connecting:
            if self._connection is not None and self._connection.alive:
                return self._connection
            if self._pool is None:
                self._pool = open_pool()
            connection = _Connection(self.url, self._protocol, AnsweringTransport(self._pool, self._token))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.open()
            except TimeoutError:
                await connection.aclose()
                raise ServerUnreachable(self.name) from None
            except MCPError as error:
                raise self._failure(error) from None
            self._connection = connection
            return connection

    async def _drop(self, connection: "_Connection") -> None:
        async with self._connecting:
            if self._connection is connection:
                self._connection = None
        await connection.aclose()

    def _failure(self, error: MCPError) -> McpClientError:
        if error.code == FAILURE_CODE:
            return _transport_failure(self.name, str(error.message))
        if error.code == TIMED_OUT:
            return DeadlineExceeded(self.name)
        if error.code in {CONNECTION_CLOSED, -32603}:
            return ServerFailed(self.name)
        return ProtocolError(self.name, f"code {error.code}")


def _transport_failure(server: str, kind: str) -> McpClientError:
    match kind:
        case "unreachable":
            return ServerUnreachable(server)
        case "unauthorized":
            return Unauthorized(server)
        case "cut":
            return ServerFailed(server)
        case _:
            return ProtocolError(server, kind)


def _session_is_over(error: MCPError) -> bool:
    return error.code == CONNECTION_CLOSED or (error.code == SESSION_GONE and "ession" in str(error.message))


class _Connection:
    """The SDK's client, entered and left by one task of its own, as it demands."""

    def __init__(self, url: str, protocol: Protocol, transport: AnsweringTransport) -> None:
        self._http = httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(None))
        self.client = Client(streamable_http_client(url, http_client=self._http), mode=protocol)
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

    async def aclose(self) -> None:
        """Leave it."""
        self._leave.set()
        await asyncio.wait([self._task], timeout=CONNECT_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._http.aclose()

    async def _own(self) -> None:
        try:
            async with self.client:
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


async def _all_pages(ask: Callable[[str | None], Awaitable[Any]], items: Callable[[Any], list[T]]) -> tuple[T, ...]:
    """Follow the cursors; one that comes again ends it, since it would go round for ever."""
    found: list[T] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await ask(cursor)
        found += items(page)
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)
        if cursor in seen:
            raise MCPError(code=-32602, message="the server repeats a cursor")
        seen.add(cursor)
    raise MCPError(code=-32602, message="the server has too many pages")


def read_answer(result: CallToolResult) -> ToolAnswer:
    """A tool's result: its structured content, else its text."""
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    data: dict[str, Any] = result.structured_content or {"text": text}
    if not result.is_error:
        return ToolAnswer(data=data)
    try:
        failure = ToolFailure.model_validate(data)
    except ValidationError:
        failure = None
    return ToolAnswer(data=data, is_error=True, failure=failure)


def mcp_url(url: str) -> str:
    """An address with its ``/mcp`` path; one that has another path is kept as it is."""
    parsed = httpx2.URL(url)
    if parsed.path in {"", "/"}:
        return str(parsed.copy_with(path="/mcp"))
    return url


def _token_source(token: SecretStr | TokenSource | None) -> TokenSource | None:
    if not isinstance(token, SecretStr):
        return token

    async def fixed(refused: str | None) -> str:
        del refused
        return token.get_secret_value()

    return fixed


__all__ = ["McpClient", "McpClientError", "mcp_url", "read_answer"]
