"""How the MCP SDK's client reaches a server: over aiohttp, with the bearer added, and with every cut turned into an answer.

The SDK's client ends for good when a connection fails under it (measured with mcp 2.3.0). Here a failed connection becomes a
JSON-RPC error of ours, so that it concerns the one call it happened to and no other.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import httpx2

FAILURE_CODE = -32099
"""JSON-RPC code of the failures made here; ``data.kind`` says which."""
BODY_LIMIT = 8 * 1024 * 1024
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 300.0

TokenSource = Callable[[str | None], Awaitable[str]]
"""Gives a bearer; the argument is one that the server just refused, or None."""


def open_pool() -> aiohttp.ClientSession:
    """A connection pool to share between the clients of a process. Cookies are not kept, redirects not followed."""
    connector = aiohttp.TCPConnector(limit=100, ttl_dns_cache=60)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )


class AnsweringTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport that never raises a transport error.

    Args:
        pool: shared connections; not closed here.
        token: gives the bearer; asked once more when the server refuses one.
    """

    def __init__(self, pool: aiohttp.ClientSession, token: TokenSource | None) -> None:
        self._pool = pool
        self._token = token

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; a failure is a 503 whose body is a JSON-RPC error."""
        body = await request.aread()
        bearer = await self._token(None) if self._token else None
        response = await self._send(request, body, bearer)
        if response.status_code == 401 and self._token is not None:
            renewed = await self._token(bearer)
            if renewed != bearer:
                await response.aclose()
                response = await self._send(request, body, renewed)
        if response.status_code in {401, 403}:
            await response.aclose()
            return _failure("unauthorized", status=response.status_code)
        return response

    async def _send(self, request: httpx2.Request, body: bytes, bearer: str | None) -> httpx2.Response:
        headers = {key: value for key, value in request.headers.items() if key not in {"host", "accept-encoding"}}
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        try:
            answer = await self._pool.request(
                request.method, str(request.url), data=body or None, headers=headers, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return _failure("unreachable")
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return _failure("cut")
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return _response(answer, stream=_Events(answer))
        return await _read_whole(answer)


async def _read_whole(answer: aiohttp.ClientResponse) -> httpx2.Response:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > BODY_LIMIT:
                answer.close()
                return _failure("too_large")
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return _failure("cut")
    finally:
        answer.release()
    content = b"".join(chunks)
    if answer.status == 200 and not _is_json(answer, content):
        return _failure("malformed")
    return _response(answer, content=content)


def _is_json(answer: aiohttp.ClientResponse, content: bytes) -> bool:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return False
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


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


def _failure(kind: str, *, status: int | None = None) -> httpx2.Response:
    """An answer that the SDK hands to the one caller it concerns."""
    error = {"code": FAILURE_CODE, "message": kind, "data": {"kind": kind, "status": status}}
    return httpx2.Response(503, json={"jsonrpc": "2.0", "id": None, "error": error})
