"""Serves an ASGI app, on one protocol for all rooms."""

from contextlib import suppress
from typing import Literal

import h11
import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class Protocol(H11Protocol):
    """HTTP/1.1 by h11: httptools keeps trailing spaces of header values, which fails a rule of the MCP specification."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where the answer has begun already, only end the connection.

        uvicorn would begin a second answer, h11 refuses that, and asyncio writes the traceback of it into the log.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()


class _LeaversLet:
    """Serves an app; a client that left while its request was read is nobody's mistake."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send)


def configured(app: ASGIApp, *, grace: int, lifespan: Literal["auto", "on", "off"] = "on") -> uvicorn.Config:
    """How a server of ours serves an app. It logs no requests: their URLs may be credentials.

    Args:
        app: the ASGI app.
        grace: seconds for requests under way when it is stopped.
        lifespan: off for an app that knows requests alone.
    """
    return uvicorn.Config(
        _LeaversLet(app),
        http=Protocol,
        log_config=None,
        access_log=False,
        lifespan=lifespan,
        timeout_graceful_shutdown=grace,
    )
