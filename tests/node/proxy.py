"""A proxy that adds the bearer, for clients that cannot send one. All else passes as it came, the Host too."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.running import RunningApp, running

METHODS = ["GET", "POST", "DELETE", "OPTIONS"]
# Of one connection only, or said anew by the side that sends.
HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"date", b"server"})


@asynccontextmanager
async def bearer_proxy(target: str, token: str) -> AsyncGenerator[RunningApp]:
    """Serve what is at ``target``, with the bearer added to each request.

    Args:
        target: address without a path.
        token: the bearer.
    """
    # Streams stay open for as long as the client listens.
    timeout = httpx.Timeout(20, read=None)
    async with httpx.AsyncClient(base_url=target, trust_env=False, timeout=timeout) as http:

        async def forward(request: Request) -> Response:
            headers = [*_passed(request.headers.raw), (b"authorization", f"Bearer {token}".encode())]
            try:
                content = await request.body()
            except ClientDisconnect:
                return Response(status_code=499)
            asked = http.build_request(request.method, request.url.path, headers=headers, content=content)
            answer = await http.send(asked, stream=True)
            passed = StreamingResponse(_closing(answer), answer.status_code)
            passed.raw_headers = _passed(answer.headers.raw)
            return passed

        async with running(Starlette(routes=[Route("/{path:path}", forward, methods=METHODS)])) as proxy:
            yield proxy


def _passed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


async def _closing(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
