"""One async client for MCP servers. It knows MCP, not LiveKit.

A client is opened lazily, survives its server's restarts, and keeps each call's failure to that call. It reconnects; it never
repeats a write.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import aiohttp
import httpx2
from mcp import Client, MCPError
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Prompt,
    Resource,
    TextContent,
    Tool,
)
from pydantic import SecretStr, ValidationError

from contracts.results import ErrorKind, ToolAnswer, ToolFailure
from voxie_agents.mcp_connection import CONNECTION_CLOSED, Background, Connection, Protocol
from voxie_agents.mcp_errors import (
    AddressForbidden,
    DeadlineExceeded,
    McpClientError,
    ProtocolError,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    Unauthorized,
    WrongAddress,
)
from voxie_agents.mcp_guard import NOT_PUBLIC, AddressRefused, UrlGuard
from voxie_agents.mcp_transport import FAILURE_CODE, AnsweringTransport, TokenSource, open_pool

# The SDK imports it inside the first call, where it would stall the event loop for 70 ms.
importlib.import_module("jsonschema")

MODERN = "2026-07-28"
CALL_SECONDS = 10.0
CLOSED = "this client has been closed"
MOST_PAGES = 100
MOST_ITEMS = 2000
SESSION_GONE, INTERNAL, HEADER_MISMATCH = -32600, -32603, -32020
NOT_TAKEN = {SESSION_GONE, -32601, -32602, HEADER_MISMATCH, -32021, -32022}
"""JSON-RPC errors that say that a call was refused before anything was done."""

T = TypeVar("T")


class McpClient:
    """A client of one server.

    Args:
        url: the server's address, with or without ``/mcp``.
        token: a bearer, or what gives one (asked again when the server refuses it).
        name: the server's name, for errors and logs.
        pool: connections to share; one of its own when None.
        protocol: the revision to speak; ``auto`` asks the server first, which costs a round trip.
        headers: sent with each request, for servers that want a header of their own.
        guard: for an address that somebody gave: judges it and whatever it leads to. Such a client has a pool of its own.
    """

    def __init__(
        self,
        url: str,
        *,
        token: SecretStr | TokenSource | None = None,
        name: str = "server",
        pool: aiohttp.ClientSession | None = None,
        protocol: Protocol = MODERN,
        headers: Mapping[str, SecretStr] | None = None,
        guard: UrlGuard | None = None,
    ) -> None:
        assert guard is None or pool is None, "a shared pool would connect anywhere"
        self.url = url
        self.name = name
        self._token = _token_source(token)
        self._headers = {key: value.get_secret_value() for key, value in (headers or {}).items()}
        self._protocol: Protocol = protocol
        self._pool = pool
        self._guard = guard
        self._owns_pool = pool is None
        self._connection: Connection | None = None
        self._opening: Connection | None = None
        self._connecting = asyncio.Lock()
        self._tools: tuple[Tool, ...] | None = None
        self._closed = False
        self._leaving = Background()

    async def __aenter__(self) -> Self:
        """Opens nothing yet: a dead server delays only its own calls."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; may be called from any task. Calls that are under way fail, later ones too."""
        self._closed = True
        if self._opening is not None:
            self._opening.give_up()
        async with self._connecting:
            connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
        await self._leaving.wait()
        if self._owns_pool and self._pool is not None:
            await self._pool.close()

    async def list_tools(self, *, refresh: bool = False, timeout: float = CALL_SECONDS) -> tuple[Tool, ...]:
        """Every tool of the server, all pages. Asked once; then remembered.

        Args:
            refresh: ask the server again.
            timeout: seconds.

        Raises:
            McpClientError: the server cannot be asked.
        """
        if self._tools is None or refresh:
            self._tools = await self._run(_list_tools, timeout=timeout, repeatable=True)
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
            timeout: seconds for all of it, connecting included.
            read_only: the call changes nothing, so it may be repeated once after a reconnect.

        Returns:
            The data, or the failure that the tool itself named (``is_error``).

        Raises:
            ServerUnreachable: nothing was sent.
            WrongAddress: what answers is not this server, or does not take the call; nothing was done.
            ServerBusy: nothing was done.
            Unauthorized: the server refuses our credential; nothing was done.
            DeadlineExceeded: no answer in time; what a write did is not known.
            ServerFailed: the line was cut or the server broke; what a write did is not known.
            ProtocolError: the answer makes no sense; what a write did is not known.
        """
        params = CallToolRequestParams(name=name, arguments=dict(arguments), _meta=cast("Any", dict(meta or {})))

        async def ask(client: Client) -> ToolAnswer:
            # Not ``client.call_tool``: that may list the tools after the call, and its failure would hide the answer.
            request = CallToolRequest(params=params)
            try:
                result = await client.session.send_request(request, CallToolResult)
            except MCPError as error:
                if error.code != HEADER_MISMATCH:
                    raise
                await _list_tools(client)
                result = await client.session.send_request(request, CallToolResult)
            return read_answer(result)

        return await self._run(ask, timeout=timeout, repeatable=read_only)

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
        deadline = asyncio.get_running_loop().time() + timeout
        connection = await self._connected(deadline)
        try:
            return await self._within(deadline, connection, ask)
        except MCPError as error:
            if connection.alive and not _session_is_over(error):
                raise self._failure(error) from None
            self._retire(connection)
            # A server that forgot our session did not handle the call at all.
            if not (repeatable or _session_is_unknown(error)):
                raise self._failure(error) from None
        try:
            return await self._within(deadline, await self._connected(deadline), ask)
        except MCPError as error:
            raise self._failure(error) from None

    async def _within(self, deadline: float, connection: Connection, ask: Callable[[Client], Awaitable[T]]) -> T:
        try:
            with connection.used() as client:
                async with asyncio.timeout_at(deadline):
                    return await ask(client)
        except TimeoutError:
            raise DeadlineExceeded(self.name) from None
        except (ValidationError, RuntimeError) as error:
            raise ProtocolError(self.name, type(error).__name__) from None

    async def _connected(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout_at(deadline), self._connecting:
                if self._closed:
                    raise ServerUnreachable(self.name, CLOSED)
                if self._connection is None or not self._connection.alive:
                    self._connection = await self._open()
                return self._connection
        except TimeoutError:
            raise ServerUnreachable(self.name, "no connection in time") from None
        except MCPError as error:
            raise ServerUnreachable(self.name, CLOSED) if self._closed else self._failure(error) from None

    async def _open(self) -> Connection:
        url = self._checked_url()
        if self._pool is None:
            self._pool = open_pool(self._guard)
        transport = AnsweringTransport(self._pool, self._token, self._headers, guarded=self._guard is not None)
        connection = self._opening = Connection(url, self._protocol, transport)
        try:
            await connection.open()
        except BaseException:
            # Also when the caller gives up meanwhile: nobody else knows of it.
            self._leaving.start(connection.abort())
            raise
        finally:
            self._opening = None
        return connection

    def _checked_url(self) -> str:
        url = mcp_url(self.url, name=self.name)
        try:
            return url if self._guard is None else str(self._guard.check(url))
        except AddressRefused as refusal:
            raise AddressForbidden(self.name, str(refusal)) from None

    def _retire(self, connection: Connection) -> None:
        """Use it for no further call; those that are under way on it go on."""
        if self._connection is connection:
            self._connection = None
            self._leaving.start(connection.retire())

    def _failure(self, error: MCPError) -> McpClientError:
        if error.code == FAILURE_CODE:
            return _transport_failure(self.name, error)
        if error.code in {CONNECTION_CLOSED, INTERNAL}:
            return ServerFailed(self.name)
        if error.code in NOT_TAKEN:
            return WrongAddress(self.name, f"code {error.code}")
        return ProtocolError(self.name, f"code {error.code}")


def _transport_failure(server: str, error: MCPError) -> McpClientError:
    data: dict[str, Any] = error.data or {}
    status = data.get("status")
    detail = f"HTTP {status}" if status else ""
    match error.message:
        case "unreachable":
            return ServerUnreachable(server)
        case "no_token":
            return Unauthorized(server, "no token for it")
        case "unauthorized":
            return Unauthorized(server, detail)
        case "wrong_address":
            return WrongAddress(server, detail)
        case "refused_address":
            return AddressForbidden(server, NOT_PUBLIC)
        case "busy":
            return ServerBusy(server, detail, retry_after=data.get("retry_after"))
        case "cut" | "failed":
            return ServerFailed(server, detail)
        case kind:
            return ProtocolError(server, kind)


def _session_is_unknown(error: MCPError) -> bool:
    """A legacy server restarted, and says so in words alone."""
    return error.code in {SESSION_GONE, CONNECTION_CLOSED} and "session" in error.message.lower()


def _session_is_over(error: MCPError) -> bool:
    return error.code == CONNECTION_CLOSED or _session_is_unknown(error)


async def _list_tools(client: Client) -> tuple[Tool, ...]:
    return await _all_pages(lambda cursor: client.list_tools(cursor=cursor), lambda page: page.tools)


async def _all_pages(ask: Callable[[str | None], Awaitable[Any]], items: Callable[[Any], list[T]]) -> tuple[T, ...]:
    """Follow the cursors; one that comes again ends it, since it would go round for ever."""
    found: list[T] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await ask(cursor)
        found += items(page)
        if len(found) > MOST_ITEMS:
            break
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)
        if cursor in seen:
            raise MCPError(code=FAILURE_CODE, message="the server repeats a cursor")
        seen.add(cursor)
    raise MCPError(code=FAILURE_CODE, message="the server's list is too long")


def read_answer(result: CallToolResult) -> ToolAnswer:
    """A tool's result: its structured content, else its text. A failure always has a kind."""
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    data: dict[str, Any] = result.structured_content or {"text": text}
    if not result.is_error:
        return ToolAnswer(data=data)
    try:
        failure = ToolFailure.model_validate(data)
    except ValidationError:
        failure = ToolFailure(
            kind=ErrorKind.UNAVAILABLE, error="the tool failed, and did not say how", speech="That didn't work."
        )
    return ToolAnswer(data=data, is_error=True, failure=failure)


def mcp_url(url: str, *, name: str = "server") -> str:
    """An address with its ``/mcp`` path; one that has another path is kept as it is.

    Raises:
        WrongAddress: it is not an ``http(s)://`` address with a host.
    """
    try:
        parsed = httpx2.URL(url.strip())
    except (httpx2.InvalidURL, TypeError):
        parsed = None
    if parsed is None or parsed.scheme not in {"http", "https"} or not parsed.host:
        raise WrongAddress(name, "its URL must look like http://host:port/mcp")
    if parsed.path in {"", "/"}:
        return str(parsed.copy_with(path="/mcp"))
    return str(parsed)


def _token_source(token: SecretStr | TokenSource | None) -> TokenSource | None:
    if not isinstance(token, SecretStr):
        return token

    async def fixed(refused: str | None) -> str:
        del refused
        return token.get_secret_value()

    return fixed


__all__ = ["McpClient", "McpClientError", "mcp_url", "read_answer"]
