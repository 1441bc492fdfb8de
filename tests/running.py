"""Runs an ASGI app on a real socket for as long as a test needs it."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

START_SECONDS = 10.0


@dataclass
class RunningApp:
    """A served app.

    Args:
        url: its address without a path.
        server: the uvicorn server behind it.
        task: what serves it.
    """

    url: str
    server: uvicorn.Server
    task: asyncio.Task[None]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> None:
        """Stop it as a deployment would."""
        self.server.should_exit = True
        await self.task


async def start(app: Any, *, port: int = 0) -> RunningApp:
    """Serve an app; on a port of its own unless one is named."""
    listener = socket.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        app, http="h11", log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(START_SECONDS):
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the app did not start")
            await asyncio.sleep(0.005)
    return RunningApp(url, server, task)


@asynccontextmanager
async def running(app: Any, *, port: int = 0) -> AsyncGenerator[RunningApp]:
    """Serve an app within a block."""
    served = await start(app, port=port)
    try:
        yield served
    finally:
        await served.stop()
