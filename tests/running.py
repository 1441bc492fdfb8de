"""Runs an ASGI app on a real socket for as long as a test needs it."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import uvicorn

from process.http import configured

START_SECONDS = 30.0
ROUNDS_TO_CONNECT = 5


class _Server(uvicorn.Server):
    """Stops when it is told to, and has stopped when there is nothing left to wait for: uvicorn looks every tenth of a second."""

    def __init__(self, app: Any, *, grace: int, lifespan: Literal["on", "off"]) -> None:
        super().__init__(configured(app, grace=grace, lifespan=lifespan))
        self.has_started = asyncio.Event()
        self._told = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            # It would end the tests as well.
            raise RuntimeError("the app did not start") from None
        self.has_started.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()

    def stop(self) -> None:
        self.should_exit = True
        self._told.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        # Who was let in a moment ago becomes a connection in the next rounds of the loop.
        for _ in range(ROUNDS_TO_CONNECT):
            await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)  # uvicorn has no event for it
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


@dataclass
class RunningApp:
    """A served app.

    Args:
        url: its address without a path.
        server: the uvicorn server behind it.
        task: what serves it.
        app: what is served.
    """

    url: str
    server: _Server
    task: asyncio.Task[None]
    app: Any

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> None:
        """Stop it as a deployment would."""
        self.server.stop()
        await self.task


async def start(app: Any, *, port: int = 0, grace: int = 1, lifespan: Literal["on", "off"] = "on") -> RunningApp:
    """Serve an app; on a port of its own unless one is named.

    Args:
        app: the ASGI app.
        port: where it listens.
        grace: seconds for requests under way when it is stopped; they are cancelled after that.
        lifespan: off for an app that knows requests alone.
    """
    listener = socket.create_server(("127.0.0.1", port))
    # asyncio does so only where the socket names its protocol; without, each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _Server(app, grace=grace, lifespan=lifespan)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    started = asyncio.create_task(server.has_started.wait())
    await asyncio.wait((task, started), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if not server.started:
        task.cancel()
        listener.close()
        await task
    return RunningApp(url, server, task, app)


@asynccontextmanager
async def running(app: Any, *, port: int = 0, lifespan: Literal["on", "off"] = "on") -> AsyncGenerator[RunningApp]:
    """Serve an app within a block."""
    served = await start(app, port=port, lifespan=lifespan)
    try:
        yield served
    finally:
        await served.stop()
