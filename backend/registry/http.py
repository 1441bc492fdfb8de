"""Requests to addresses that people or strangers' servers name: guarded, bounded, never redirected."""

import asyncio
from collections.abc import Mapping

import aiohttp
import httpx2

from backend.connections.vendors import VendorAnswer, VendorDown, read_answer
from voxie_agents.mcp_guard import AddressRefused, UrlGuard
from voxie_agents.mcp_transport import open_pool

SECONDS = 10.0
LARGEST_ANSWER = 256 * 1024


class GuardedHttp:
    """Sends what the MCP SDK builds, to public addresses alone.

    Args:
        guard: judges addresses.
    """

    def __init__(self, guard: UrlGuard) -> None:
        self._guard = guard
        self._pool: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()

    def check(self, url: str) -> None:
        """Judge an address that will be sent to later.

        Raises:
            AddressRefused: not there.
        """
        self._guard.check(url)

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            AddressRefused: not there.
            VendorDown: no answer, or one without end.
        """
        url = self._guard.check(str(request.url))
        if self._pool is None:
            self._pool = open_pool(self._guard)
        headers = {key: value for key, value in request.headers.items() if key not in {"host", "accept-encoding"}}
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._pool.request(
                    request.method, url, data=request.read() or None, headers=headers, allow_redirects=False
                ) as answer,
            ):
                content = await _bounded(answer)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                raise AddressRefused(str(error.os_error)) from None
            raise VendorDown from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            # Without the cause: it holds the request, and the request a credential.
            raise VendorDown from None
        dropped = {"content-encoding", "content-length", "transfer-encoding"}
        kept = [(key, value) for key, value in answer.headers.items() if key.lower() not in dropped]
        return httpx2.Response(answer.status, headers=kept, content=content, request=request)

    async def form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> VendorAnswer:
        """Post a form.

        Raises:
            VendorDown: no answer, one that says to come back later, or not to that address.
        """
        sent = {"accept": "application/json", **(headers or {})}
        try:
            answer = await self.send(httpx2.Request("POST", url, data=dict(form), headers=sent))
        except AddressRefused:
            raise VendorDown from None
        return read_answer(answer.status_code, answer.headers.get("retry-after", ""), answer.content)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            answer.close()
            raise VendorDown
    return bytes(content)
