"""How the MCP SDK's client reaches a server: over aiohttp, with the bearer added, and with every cut turned into an answer.

The SDK's client ends for good when a connection fails under it (measured with mcp 2.3.0). Here a failed connection becomes a
JSON-RPC error of ours, so that it concerns the one call it happened to and no other. So does an answer that is none: a page
of HTML, somebody else's answer, or one that never ends.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

import aiohttp
import httpx2
import structlog

from voxie_agents.headers import retry_seconds
from voxie_agents.mcp_guard import AddressRefused, GuardedResolver, UrlGuard

log = structlog.get_logger()

FAILURE_CODE = -32099
"""JSON-RPC code of the failures made here; the message says which."""
BODY_LIMIT = 8 * 1024 * 1024
GUARDED_BODY_LIMIT = 2 * 1024 * 1024
"""Of a server that others run."""
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 300.0
MOST_PER_SERVER = 100
SESSION_HEADER = "mcp-session-id"
MOVED = {307, 308}

TokenSource = Callable[[str | None], Awaitable[str]]
"""Gives a bearer; the argument is one that the server just refused, or None."""


def open_pool(guard: UrlGuard | None = None) -> aiohttp.ClientSession:
    """A connection pool to share between the clients of a process. Cookies are not kept.

    The limit is per server, so that one that hangs leaves connections to the others.

    Args:
        guard: judges every address that is connected to; names are resolved for each connection, and by it alone.
    """
    if guard is None:
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=MOST_PER_SERVER, ttl_dns_cache=60)
    else:
        resolver = GuardedResolver(guard)
        connector = aiohttp.TCPConnector(
            limit_per_host=10, use_dns_cache=False, resolver=resolver, socket_factory=resolver.open_socket
        )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )


class AnsweringTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport that never raises a transport error.

    Args:
        pool: shared connections; not closed here.
        token: gives the bearer; asked once more when the server refuses one.
        headers: sent with each request beside the protocol's own.
        guarded: the server is run by others: it is never followed elsewhere, and its answers are smaller.
    """

    def __init__(
        self,
        pool: aiohttp.ClientSession,
        token: TokenSource | None,
        headers: Mapping[str, str] | None = None,
        *,
        guarded: bool = False,
    ) -> None:
        self._pool = pool
        self._token = token
        self._headers = dict(headers or {})
        self._follows = not guarded
        self._limit = GUARDED_BODY_LIMIT if guarded else BODY_LIMIT

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; a failure is a 503 whose body is a JSON-RPC error."""
        body = await request.aread()
        try:
            bearer = await self._bearer(None)
            response = await self._send(request, body, bearer)
            if response.status_code == 401 and bearer is not None:
                renewed = await self._bearer(bearer)
                if renewed != bearer:
                    await response.aclose()
                    response = await self._send(request, body, renewed)
        except _NoToken:
            return _failure("no_token")
        if response.status_code in {401, 403}:
            await response.aclose()
            return _failure("unauthorized", status=response.status_code)
        return response

    async def _bearer(self, refused: str | None) -> str | None:
        if self._token is None:
            return None
        try:
            return await self._token(refused)
        except Exception as error:  # noqa: BLE001 - whatever a source raises concerns this request, not the SDK's client
            log.warning("no token for a server", error_type=type(error).__name__)
            raise _NoToken from None

    async def _send(self, request: httpx2.Request, body: bytes, bearer: str | None) -> httpx2.Response:
        headers = {key: value for key, value in request.headers.items() if key not in {"host", "accept-encoding"}}
        headers |= self._headers
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        if self._pool.closed:
            return _failure("unreachable")
        try:
            answer = await self._request(request, body, headers)
        except aiohttp.InvalidURL:
            return _failure("wrong_address")
        except aiohttp.ClientConnectorError as error:
            return _failure("refused_address" if isinstance(error.os_error, AddressRefused) else "unreachable")
        except aiohttp.ConnectionTimeoutError:
            return _failure("unreachable")
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return _failure("cut")
        if answer.status == 200 and answer.headers.get("content-type", "").startswith("text/event-stream"):
            return _response(answer, stream=_Events(answer))
        return await _read_whole(request, body, answer, limit=self._limit)

    async def _request(self, request: httpx2.Request, body: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """Send it, and once more when the server moves it within its own origin (such as from ``/mcp/`` to ``/mcp``)."""
        url = str(request.url)
        answer = await self._pool.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        )
        target = _moved_to(answer) if self._follows else None
        if target is None:
            return answer
        answer.release()
        return await self._pool.request(
            request.method, target, data=body or None, headers=headers, allow_redirects=False
        )


class _NoToken(Exception):
    """The source of bearers failed."""


def _moved_to(answer: aiohttp.ClientResponse) -> str | None:
    location = answer.headers.get("location")
    if answer.status not in MOVED or location is None:
        return None
    origin = httpx2.URL(str(answer.url))
    try:
        target = origin.join(location)
    except httpx2.InvalidURL:
        return None
    same = (target.scheme, target.host, target.port) == (origin.scheme, origin.host, origin.port)
    return str(target) if same else None


async def _read_whole(
    request: httpx2.Request, body: bytes, answer: aiohttp.ClientResponse, *, limit: int
) -> httpx2.Response:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                answer.close()
                return _failure("too_large")
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return _failure("cut")
    finally:
        answer.release()
    return _judge(request, body, answer, b"".join(chunks))


def _judge(request: httpx2.Request, body: bytes, answer: aiohttp.ClientResponse, content: bytes) -> httpx2.Response:
    """The answer as it is, or what is wrong with it. Only answers to requests are looked at; the rest means nothing."""
    asked = _asked(body)
    if asked is None or answer.status in {401, 403}:
        return _response(answer, content=content)
    message = _message(answer, content)
    if message is not None and "error" in message and message.get("id") is None:
        # The server did not get as far as our id, but HTTP says whose answer it is.
        return _response(answer, content=json.dumps({**message, "id": asked}).encode())
    if message is not None and message.get("id") == asked:
        return _response(answer, content=content)
    if answer.status < 300:
        return _failure("malformed", status=answer.status)
    if answer.status == 404 and SESSION_HEADER in request.headers:
        return _response(answer, content=content)
    return _by_status(answer)


def _by_status(answer: aiohttp.ClientResponse) -> httpx2.Response:
    if answer.status == 429:
        return _failure("busy", status=429, retry_after=retry_seconds(answer.headers.get("retry-after")))
    return _failure("failed" if answer.status >= 500 else "wrong_address", status=answer.status)


def _asked(body: bytes) -> str | int | None:
    """The id of a request; None for a notification."""
    if not body:
        return None
    return json.loads(body).get("id")


def _message(answer: aiohttp.ClientResponse, content: bytes) -> dict[str, Any] | None:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        message = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    known = cast("dict[str, Any]", message)
    return known if "result" in known or isinstance(known.get("error"), dict) else None


def _response(
    answer: aiohttp.ClientResponse, *, content: bytes | None = None, stream: "_Events | None" = None
) -> httpx2.Response:
    # The body is decoded already, so what describes its encoding and length no longer holds.
    dropped = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(key, value) for key, value in answer.headers.items() if key.lower() not in dropped]
    return httpx2.Response(answer.status, headers=headers, content=content, stream=stream)


class _Events(httpx2.AsyncByteStream):
    """A stream of server-sent events that ends, rather than fails, when the line is cut."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return

    async def aclose(self) -> None:
        """Give the connection back."""
        self._answer.close()


def _failure(kind: str, *, status: int | None = None, retry_after: float | None = None) -> httpx2.Response:
    """An answer that the SDK hands to the one caller it concerns."""
    data = {"status": status, "retry_after": retry_after}
    error = {"code": FAILURE_CODE, "message": kind, "data": data}
    return httpx2.Response(503, json={"jsonrpc": "2.0", "id": None, "error": error})
