"""An MCP server that misbehaves on demand: the SDK's own server behind a layer that breaks what the tool's name asks for."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.tools import Tool
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.running import RunningApp, start
from voxie_agents.mcp_client import McpClient

PAGE = 4
TOKEN = "a-bearer-of-the-fake-server"
SECRET = "what-the-caller-said"
# Made once: the SDK takes 5 ms to look at a function.
FURTHER = [Tool.from_function(lambda: "x", name=f"further_{number}", description="One more.") for number in range(9)]


@dataclass
class FakeMcp:
    """The server and what it saw.

    Args:
        json_replies: JSON rather than server-sent events.
        stateless: no sessions for clients of the older revision.
        tokens: bearers that are accepted; any when None.
    """

    json_replies: bool = True
    stateless: bool = True
    tokens: set[str] | None = None
    seen: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    cancelled: int = 0

    def count(self, what: str) -> int:
        return self.seen.count(what)

    def app(self) -> ASGIApp:
        server: MCPServer[Any] = MCPServer(
            name="fake", tools=list(FURTHER), middleware=[self._pages], log_level="CRITICAL"
        )
        self._add(server)
        inner = server.streamable_http_app(json_response=self.json_replies, stateless_http=self.stateless)
        return _Faulty(self, inner)

    def _add(self, server: MCPServer[Any]) -> None:
        @server.tool(name="echo", structured_output=True)
        async def echo(text: str) -> dict[str, str]:
            return {"said": text}

        @server.tool(name="wait")
        async def wait() -> dict[str, str]:
            self.running += 1
            self.waiting.set()
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return {"said": "at last"}

        @server.tool(name="fail")
        async def fail() -> dict[str, str]:
            raise ValueError(SECRET)

        for number in range(3):

            @server.resource(f"fake://{number}", name=f"resource {number}")
            def resource() -> str:
                return "r"

        @server.prompt(name="a prompt")
        def prompt() -> str:
            return "p"

    async def _pages(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        start = int((ctx.params or {}).get("cursor") or 0)
        after = start + PAGE
        tools = result["tools"]
        further = {"nextCursor": str(after)} if after < len(tools) else {}
        return {**result, "tools": tools[start:after], **further}


class _Faulty:
    """Answers some calls by itself, and wrongly.

    Args:
        fake: what is told what was seen.
        app: answers the rest.
    """

    def __init__(self, fake: FakeMcp, app: ASGIApp) -> None:
        self._fake = fake
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        message = json.loads(body) if body else {}
        name = message.get("params", {}).get("name", "")
        self._fake.seen.append(
            name if message.get("method") == "tools/call" else message.get("method", scope["method"])
        )
        self._fake.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
        if not self._allowed(scope):
            await answer(send, 401, b'{"error": "invalid_token"}')
        elif name.startswith("http_"):
            await answer(
                send, int(name[5:8]), b'{"error": "no"}' if name.endswith("json") else b"<h1>no</h1>", "text/html"
            )
        elif fault := FAULTS.get(name):
            await fault(message, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)

    def _allowed(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        return self._fake.tokens is None or given in self._fake.tokens


async def answer(send: Send, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
    listed = [
        (b"content-type", kind.encode()),
        *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _result(message: dict[str, Any], **changes: Any) -> bytes:
    said = {"said": SECRET}
    result = {"content": [], "structuredContent": said, "isError": False, "resultType": "complete"}
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result, **changes}).encode()


Fault = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


async def _cut_before(_: dict[str, Any], __: Receive, send: Send) -> None:
    getattr(send, "__self__").transport.abort()  # noqa: B009 - uvicorn's, which ASGI has no word for
    await asyncio.sleep(0)


async def _cut_within(message: dict[str, Any], __: Receive, send: Send) -> None:
    start = [(b"content-type", b"application/json"), (b"content-length", b"5000")]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": _result(message)[:20], "more_body": True})
    await _cut_before(message, __, send)


async def _events_cut(message: dict[str, Any], __: Receive, send: Send) -> None:
    start = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": b"event: message\n", "more_body": True})
    await _cut_before(message, __, send)


async def _events_garbage(_: dict[str, Any], __: Receive, send: Send) -> None:
    await answer(send, 200, f"event: message\ndata: {SECRET}\n\n".encode(), "text/event-stream")


async def _hang(_: dict[str, Any], receive: Receive, __: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drip(_: dict[str, Any], receive: Receive, send: Send) -> None:
    """One byte now and then, for ever: an idle timeout never sees it."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    gone = asyncio.ensure_future(_hang(_, receive, send))
    while not gone.done():
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.wait([gone], timeout=0.02)


async def _huge(_: dict[str, Any], __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    for _number in range(10):
        await send({"type": "http.response.body", "body": b" " * 1024 * 1024, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _plain(
    status: int, body: str | Callable[[dict[str, Any]], bytes], kind: str = "application/json", **headers: str
) -> Fault:
    async def fault(message: dict[str, Any], _: Receive, send: Send) -> None:
        await answer(send, status, body.encode() if isinstance(body, str) else body(message), kind, **headers)

    return fault


def _error(code: int) -> Callable[[dict[str, Any]], bytes]:
    def body(_: dict[str, Any]) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": SECRET}}).encode()

    return body


FAULTS: dict[str, Fault] = {
    "cut_before": _cut_before,
    "cut_within": _cut_within,
    "events_cut": _events_cut,
    "events_garbage": _events_garbage,
    "hang": _hang,
    "drip": _drip,
    "huge": _huge,
    "busy": _plain(429, "slow down", "text/plain", retry_after="7"),
    "busy_for_ever": _plain(429, "slow down", "text/plain", retry_after="9" * 400),
    "busy_oddly": _plain(429, "slow down", "text/plain", retry_after="\u00b2"),
    "nowhere": _plain(307, "", location="http://[::1"),
    "elsewhere": _plain(307, "", location="http://127.0.0.1:9/mcp"),
    "html": _plain(200, f"<h1>{SECRET}</h1>", "text/html"),
    "garbage": _plain(200, "{" + SECRET),
    "deep": _plain(200, "[" * 100_000),
    "list": _plain(200, "[]"),
    "no_result": _plain(200, lambda message: json.dumps({"jsonrpc": "2.0", "id": message["id"]}).encode()),
    "wrong_id": _plain(200, lambda message: _result(message, id="another call's")),
    "no_id": _plain(200, lambda message: _result(message, id=None)),
    "odd_result": _plain(200, lambda message: _result(message, result={"content": SECRET})),
    "refused": _plain(400, _error(-32602)),
    "internal": _plain(500, _error(-32603)),
    "own_code": _plain(200, _error(4711)),
    "accepted": _plain(202, ""),
}


class Served:
    """A fake server on a port of its own, and a client of it."""

    def __init__(self, fake: FakeMcp, app: RunningApp) -> None:
        self.fake = fake
        self.app = app

    def client(self, **options: Any) -> McpClient:
        return McpClient(self.app.url, name="fake", **options)

    async def restart(self) -> None:
        port = self.app.port
        await self.app.stop()
        self.app = await start(self.fake.app(), port=port)


@asynccontextmanager
async def serving(**options: Any) -> AsyncGenerator[Served]:
    fake = FakeMcp(**options)
    served = Served(fake, await start(fake.app()))
    try:
        yield served
    finally:
        fake.release.set()
        if not served.app.task.done():
            await served.app.stop()
