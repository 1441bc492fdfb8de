"""Keeps web pages and other machines away from the sandbox's own routes."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ADMIN_HEADER = "x-sandbox-admin"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class AdminGuard:
    """Checks Host, Origin and, for changes, the header ``X-Sandbox-Admin: 1`` on ``/_sandbox/…``.

    A page in a browser can neither forge Host and Origin nor set that header without asking first.

    Args:
        app: what is wrapped.
        further_hosts: host names beside the loopback ones, such as ``sandbox`` in compose.
    """

    def __init__(self, app: ASGIApp, further_hosts: set[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | further_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith("/_sandbox"):
            problem = self._problem(Request(scope))
            if problem is not None:
                await JSONResponse({"error": problem}, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _problem(self, request: Request) -> str | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if host not in self._hosts:
            return "this Host may not use the sandbox's own routes; use 127.0.0.1"
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).hostname not in self._hosts:
            return "this Origin may not use the sandbox's own routes"
        if request.method not in {"GET", "HEAD"} and request.headers.get(ADMIN_HEADER) != "1":
            return "add the header X-Sandbox-Admin: 1"
        return None
